import ModlinkInterface
import Posix
import TestSupport
import Testing
import Varlink

/// Many small modules, each of which uses a symbol of the one before.
@Suite struct ChainTests {
    private static let length = 300

    private func objects() throws -> ChainObjects {
        try ChainObjects(
            first: try Compiler.gcc.object(ChainObjects.firstSource),
            next: try Compiler.gcc.object(ChainObjects.nextSource))
    }

    /// Loads a chain, one module at a time.
    private func load(_ session: Session, _ client: inout Client, _ objects: ChainObjects) throws {
        for number in 0..<Self.length {
            let path = try session.write("link.o", objects.object(number))
            let module = ModuleRequest(
                name: ChainObjects.name(number), objects: [ObjectFile(name: "link.o", path: path)])
            _ = try client.call(LoadMethod.self, LoadMethod.Parameters(modules: [module]))
        }
    }

    /// The brief list, as it comes to who takes several replies.
    private func listInParts(_ client: inout Client) throws -> [ListMethod.Reply] {
        var parts: [ListMethod.Reply] = []
        try client.callMany(ListMethod.self, ListMethod.Parameters(brief: true)) { answer in
            parts.append(answer.reply)
            return true
        }
        return parts
    }

    @Test("a chain is loaded, listed with who uses whom, found in the symbol table, and goes in reverse")
    func chain() throws {
        let session = try Session()
        try session.output("modstat")
        var client = try DaemonConnection.open(RuntimeDirectory(path: session.runtime), starts: false)
        try load(session, &client, try objects())
        let names = (0..<Self.length).map(ChainObjects.name)

        let modules = try client.call(ListMethod.self, ListMethod.Parameters()).reply.modules
        #expect(modules.map(\.name) == names)
        #expect(modules.map(\.uses) == [[]] + names.dropLast().map { [ModuleUse(module: $0, symbols: [$0])] })
        #expect(modules.map(\.usedBy) == names.dropFirst().map { [$0] } + [[]])
        let parts = try listInParts(&client)
        #expect(parts.map(\.modules.count) == [256, Self.length - 256])
        #expect(parts.allSatisfy { $0.spaces == ["x86-64"] })
        // What a brief list leaves out, and nothing else.
        var brief = modules
        for index in brief.indices { brief[index].uses = [] }
        #expect(parts.flatMap(\.modules) == brief)
        let lines = try session.output("modstat").split(separator: "\n")
        #expect(lines.count == Self.length + 1)
        #expect(lines[2].hasSuffix("  link_00002") && lines[2].contains("  link_00001  running     1  "))
        let symbols = try Tool.output("nm", [session.runtime + "/ksyms"])
        #expect(names.allSatisfy { symbols.contains(" T \($0)\n") })

        let last = try #require(names.last)
        try expect(
            session.run("modunload", names[0]),
            .failed(
                1, "modunload: link_00000: in use by link_00001, which refers to link_00000 (EBUSY)\n"))
        for name in names.suffix(10).reversed() { try session.output("modunload", name) }
        #expect(try session.names().last == names[Self.length - 11])
        #expect(try !Tool.output("nm", [session.runtime + "/ksyms"]).contains(" T \(last)\n"))
        let reply = try client.call(UnloadMethod.self, UnloadMethod.Parameters(names: [names[0]], dependents: true))
            .reply
        #expect(reply.modules == names.dropLast(10).reversed())
        #expect(try session.names() == [])
        #expect(try session.images() == [])
        // All room is free again, and what was there last is used last.
        let path = try session.write("link.o", try objects().object(0))
        let module = ModuleRequest(name: "again", objects: [ObjectFile(name: "link.o", path: path)])
        let again = try client.call(LoadMethod.self, LoadMethod.Parameters(modules: [module])).reply.modules
        #expect(again.map(\.address) != [0x1000_0000])
        #expect(try session.names() == ["again"])
    }
}
