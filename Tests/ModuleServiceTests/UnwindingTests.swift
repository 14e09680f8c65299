import ELFFormat
import Linking
import ModlinkInterface
import Posix
import TestSupport
import Testing

@testable import ModuleService

/// What the unwinder is told of modules, and forgets.
@Suite struct UnwindingTests {
    /// What the compiler's library has for exceptions, as a module that exports all of it.
    private func runtime() throws -> ModuleSource {
        let bytes = try File.read(path: Compiler.library("libsupc++.a"), limit: 1 << 26)
        let archive = try ArchiveReader.read(bytes, name: "libsupc++.a")
        var source = ModuleSource(name: "runtime", objects: [])
        try source.addMembers(of: [archive], all: true, read: ArchiveReader.object(_:of:))
        return source
    }

    private func load(_ service: TestService, _ source: ModuleSource) throws -> Int {
        let request = LoadRequest(sources: [source], autoclean: [false], phases: [])
        let reply = try service.service.perform { (service) throws(Failure) in try service.load(request) }
        return try #require(reply.modules.first).id
    }

    /// How much memory of its own a process has, in KiB.
    private func memory(of process: Int32) throws -> Int {
        let status = String(decoding: try File.read(path: "/proc/\(process)/status", limit: 1 << 16), as: UTF8.self)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("RssAnon:") })
        return try #require(Int(line.filter { $0.isNumber }))
    }

    @Test("hundreds of loads of a module that throws leave nothing behind in the space") func rounds() throws {
        let service = try TestService()
        _ = try load(service, try runtime())
        let text = """
            struct Trouble { int number; Trouble(int n) : number(n) {} ~Trouble() {} };
            static __attribute__((noinline)) void fail(int n) { Trouble guard(n); throw guard; }
            extern "C" int init_module() {
                for (int i = 0; i < 3; i++) { try { fail(i); return 1; } catch (Trouble &trouble) { if (trouble.number != i) return 2; } }
                return 0;
            }
            """
        let source = ModuleSource(
            name: "thrower",
            objects: [try ELFObjectReader.read(try Compiler.gcc.object(text, language: .cxx), name: "thrower.o")])
        // With addresses that rest, the space would have more and more of the table that says what is where.
        service.service.state.withLock { $0.spaces[.native].ranges = AddressRanges(window: 0x2000_0000..<0x2100_0000) }
        let process = try #require(service.service.state.withLock { $0.spaces[.native].host?.information.process })
        var before = 0
        for round in 1...400 {
            try service.unload(try load(service, source))
            if round == 100 { before = try memory(of: process) }
        }
        let after = try memory(of: process)
        // 300 times the 64 bytes that one record of the unwinder takes would be 18 KiB.
        #expect(after - before < 16, "\(before) KiB, then \(after) KiB")
    }
}
