import ELFFormat
import ModlinkInterface
import Posix
import TestSupport
import Testing

@testable import ModuleService

/// The file of the symbol table in the runtime directory.
@Suite struct SymbolFileTests {
    private func exports(_ function: String) -> (name: String, text: String) {
        (function, "int \(function)(void) { return 1; }")
    }

    private func names(_ bytes: [UInt8]) throws -> Set<String> {
        let symbols = try SymbolFile(bytes, name: "ksyms").symbols
        return Set(symbols.entries.map { symbols.text($0.name) })
    }

    @Test(
        "it is made when it is opened: a load changes its size, and who reads finds the last load in a file of that size"
    )
    func lazy() throws {
        let test = try TestService()
        let path = test.scratch.path + "/ksyms"
        let before = try File.status(path: path)
        try test.load([exports("export_one")])
        try test.load([exports("export_two")])
        // Nobody has opened it: the promise is the same.
        let after = try File.status(path: path)
        #expect(after.inode == before.inode && after.size > before.size)
        try #expect(names(test.scratch.read("ksyms")).isSuperset(of: ["export_one", "export_two", "printf"]))
        try #expect(File.status(path: path).size == after.size && File.status(path: path).inode == after.inode)
        try test.load([exports("export_three")])
        try #expect(File.status(path: path).inode != after.inode)
    }

    @Test("programs that ask for its size before they open it read it", arguments: ["nm", "readelf", "objdump"])
    func programs(program: String) throws {
        let test = try TestService()
        try test.load([exports("export_one")])
        let options = ["nm": [], "readelf": ["-sW"], "objdump": ["-t"]][program] ?? []
        let result = try Tool.run(program, options + [test.scratch.path + "/ksyms"])
        #expect(result.status == .exited(0) && result.errors == "", "\(result.errors)")
        #expect(result.output.contains(" export_one\n"))
    }

    @Test("who has it open keeps the table as it was; who opens it later finds that of then", arguments: [true, false])
    func snapshot(hasLeases: Bool) throws {
        let test = try TestService(symbolFiles: hasLeases ? try PromisedFiles() : nil)
        let path = test.scratch.path + "/ksyms"
        try test.load([exports("export_one")])
        let first = try File.open(path, .read)
        try test.load([exports("export_two")])
        let second = try File.open(path, .read)
        try test.unload(1)
        let third = try File.open(path, .read)
        let found = try [
            File.readAll(first, limit: 1 << 30), File.readAll(second, limit: 1 << 30),
            File.readAll(third, limit: 1 << 30),
        ]
        .map { try names($0).intersection(["export_one", "export_two", "printf"]) }
        #expect(
            found == [["export_one", "printf"], ["export_one", "export_two", "printf"], ["export_two", "printf"]])
    }

    @Test("without file leases it is written at once")
    func written() throws {
        let test = try TestService(symbolFiles: nil)
        let path = test.scratch.path + "/ksyms"
        try #expect(File.status(path: path).size > 1000)
        let before = try File.status(path: path).inode
        try test.load([exports("export_one")])
        try #expect(File.status(path: path).inode != before)
        try #expect(names(test.scratch.read("ksyms")).contains("export_one"))
    }

    @Test("it is made while the linker waits for a module's init, without that module")
    func busy() throws {
        let test = try TestService()
        try test.load([exports("export_one")])
        let text = """
            #include <unistd.h>
            void inside(void) {}
            int init_module(void) { for (int i = 0; i < 3000 && access("\(test.scratch.path)/go-on", F_OK); i++) usleep(10000); return 0; }
            """
        let done = Promise<Bool>()
        try Threads.start(name: "loader") { done.fulfil((try? test.load([("slow", text)])) != nil) }
        try #expect(eventually { test.service.list().contains { $0.state == "loading" } })
        let found = try names(test.scratch.read("ksyms"))
        #expect(found.contains("export_one") && !found.contains("inside"))
        #expect(done.wait(timeout: 0) == nil)
        try test.scratch.write("go-on", [])
        #expect(done.wait() == true)
        try #expect(names(test.scratch.read("ksyms")).contains("inside"))
    }

    @Test("it goes when the service stops")
    func stopped() throws {
        let test = try TestService()
        test.service.stop()
        #expect((try? File.status(path: test.scratch.path + "/ksyms")) == nil)
    }
}
