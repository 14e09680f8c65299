import ModlinkInterface
import Posix
import TestSupport
import Testing

/// The symbol table as a file, in the hands of the programs that it is for.
@Suite struct SymbolReaderTests {
    /// A space with gurka and sallad in it; of i386 where that is wanted.
    private static func session(_ options: [String] = []) throws -> Session {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka, ["-O2"] + options)
        try session.compile("sallad.o", Sources.sallad, ["-O2"] + options)
        try session.output("modload", "gurka.o", "sallad.o")
        return session
    }

    private static let spaces: [(file: String, options: [String], name: String)] =
        [("ksyms", [], "x86-64")] + (Compiler.makesI386Programs ? [("ksyms.i386", ["-m32"], "i386")] : [])

    /// The address of a symbol of gurka.
    private func address(_ name: String, _ session: Session, _ space: String) throws -> UInt64 {
        let line = try session.output("ksyms", "--space", space, "gurka:\(name)")
        return try #require(UInt64(line.prefix { $0 != " " }, radix: 16))
    }

    @Test(
        "nm, objdump, readelf, gdb and addr2line answer with it: resident functions, functions, variables, local ones",
        arguments: spaces)
    func readers(_ file: String, _ options: [String], _ space: String) throws {
        if space == "x86-64", !Compiler.makesI386Programs { print("i386 is left out: \(Compiler.noI386Programs)") }
        let session = try Self.session(options)
        let path = "\(session.runtime)/\(file)"
        let digits = space == "i386" ? 8 : 16
        let sizes = try Tool.output("nm", ["-S", path]).split(separator: "\n").map { $0.split(separator: " ") }
        let table = try Tool.output("objdump", ["-t", path]).split(separator: "\n")
        for (name, letter, size) in [("slice", "T", nil), ("peel", "t", nil), ("gurka_count", "B", 4)]
            as [(String, String, Int?)]
        {
            let address = try address(name, session, space)
            let line = try #require(sizes.first { $0.last! == name && UInt64($0[0], radix: 16) == address })
            #expect(line.count == 4 && line[2] == letter && line[0].count == digits)
            let known = try #require(Int(line[1], radix: 16))
            #expect(known > 0 && (size == nil || size == known))
            let section = letter == "B" ? "gurka.data" : "gurka.text"
            #expect(table.contains { $0.hasSuffix(" \(name)") && $0.contains(" \(section)\t") })
            // One byte into it.
            let place = "0x" + String(address + 1, radix: 16)
            #expect(try Tool.output("eu-addr2line", ["-f", "-e", path, place]) == "\(name)\n??:0\n")
            #expect(try Tool.output("addr2line", ["-f", "-e", path, place]).hasPrefix("\(name)\n") == (letter != "B"))
            let gdb = try Tool.run("gdb", ["-nx", "-batch", "-ex", "info symbol \(place)", path])
            #expect(gdb.output == "\(name) + 1 in section \(section)\n" && gdb.errors == "", "\(gdb.errors)")
        }
        let line = try session.output("ksyms", "--space", space, ":malloc").split(separator: " ")
        #expect(try Tool.output("eu-addr2line", ["-f", "-e", path, "0x\(line[0])"]).contains("malloc"))
        #expect(try Tool.output("readelf", ["-hW", path]).contains(space == "i386" ? "80386" : "X86-64"))
    }

    @Test("notes name the modules, with the build IDs of their images, and say the generation")
    func notes() throws {
        let session = try Self.session()
        let path = session.runtime + "/ksyms"
        let notes = try Tool.output("readelf", ["-nW", path])
        for module in ["gurka", "sallad"] {
            let image = try Tool.output("readelf", ["-nW", "\(session.runtime)/images/\(module)"])
            let line = try #require(image.split(separator: "\n").first { $0.contains("Build ID: ") })
            let id = try #require(line.split(separator: " ").last)
            // As readelf prints bytes.
            let bytes = stride(from: 0, to: id.count, by: 2).map { id.dropFirst($0).prefix(2) }.joined(separator: " ")
            let name = module.utf8.map { String($0, radix: 16) }.joined(separator: " ")
            #expect(notes.contains("\(bytes) \(name) 00"), "\(module): \(id)\n\(notes)")
        }
        var client = try DaemonConnection.open(RuntimeDirectory(path: session.runtime), starts: false)
        let generation = try client.call(StatusMethod.self, SpaceParameters()).reply.generation
        #expect(notes.contains("(0x00000201)\t   description data: 0\(generation) 00 00 00 00 00 00 00"))
        let elfutils = try Tool.output("eu-readelf", ["-n", path])
        #expect(elfutils.split(separator: "\n").count { $0.hasPrefix("  modlink ") } == 4)
    }

    @Test("who has opened it keeps the table of that moment while modules come and go")
    func snapshot() throws {
        let session = try Self.session()
        let before = try File.open(session.runtime + "/ksyms", .read)
        try session.output("modunload", "sallad")
        try session.compile("other.o", Sources.quiet("other"))
        try session.output("modload", "other.o")
        let copy = try session.write("before", try File.readAll(before, limit: 1 << 30))
        let (old, new) = (try Tool.output("nm", [copy]), try Tool.output("nm", [session.runtime + "/ksyms"]))
        let objects = try (
            Tool.output("objdump", ["-h", copy]), Tool.output("objdump", ["-h", session.runtime + "/ksyms"])
        )
        #expect(old.contains(" slice\n") && !old.contains(" other\n") && objects.0.contains(" sallad.text "))
        #expect(new.contains(" slice\n") && new.contains(" other\n") && !objects.1.contains(" sallad.text "))
    }

    @Test("where the kernel refuses file leases, the file is made with each change, and nobody waits for the daemon")
    func withoutLeases() throws {
        let session = try Session()
        try session.makeProgram("noleases")
        let start = try session.runProgram("noleases", Session.programs + "/modlinkd")
        guard start.status != .exited(77) else {
            print("left out: this process may set no seccomp filter, so it cannot have leases refused: \(start.errors)")
            return
        }
        #expect(start.status == .exited(0), "\(start.errors)")
        let daemon = try ChildProcess(process: #require(session.daemon))
        let path = session.runtime + "/ksyms"
        /// With the daemon stopped: a file that is filled when it is opened would keep nm waiting.
        func names() throws -> String {
            try daemon.signal(19)
            defer { try? daemon.signal(18) }
            return try Tool.output("timeout", ["20", "nm", path])
        }
        #expect(try names().contains(" malloc\n"))
        try session.compile("gurka.o", Sources.quiet("gurka_count"))
        try session.output("modload", "gurka.o")
        #expect(try names().contains(" gurka_count\n"))
        #expect(try File.status(path: path).mode & 0o777 == 0o600)
        try session.output("modunload", "gurka")
        #expect(try !names().contains(" gurka_count\n"))
        #expect(try session.output("ksyms", ":malloc").hasSuffix(" malloc\n"))
    }
}
