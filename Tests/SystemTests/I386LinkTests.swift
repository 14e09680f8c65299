import Posix
import TestSupport
import Testing

/// modload -n for i386.
@Suite struct I386OfflineTests {
    private static let source = """
        extern int slice(int); int limit = 3; static int count; int *pointer = &limit;
        int init_module(void) { return slice(limit) + count++ + *pointer; }
        """

    @Test("an i386 object is linked against a list of symbols to a 32-bit image", arguments: ["-fno-pic", "-fPIC"])
    func image(_ model: String) throws {
        let session = try Session()
        try session.compile("melon.o", Self.source, ["-m32", "-O2", model])
        try session.write("map", Array("f0000100 T slice\n".utf8))
        let report = try session.output("modload", "-n", "-A", "map", "-o", "image", "melon.o", "limit=9")
        #expect(report == "melon: 12288 bytes at 0x10000000, entry init_module at 0x10001000\n")
        let text = try LinkOnlyTests.readelf("\(session.path)/image")
        #expect(text.contains("Class:                             ELF32\n"))
        #expect(text.contains("Machine:                           Intel 80386\n"))
        let code = try Tool.output("objdump", ["-d", session.path + "/image"])
        #expect(code.contains("call   f0000100"), "\(code)")
        let data = try Tool.output("objdump", ["-s", "-j", ".data", session.path + "/image"])
        #expect(data.contains(" 09000000 ") || data.contains(" 00200010 09000000"), "\(data)")
        #expect(session.daemon == nil)
    }

    @Test("a linked image serves as symbols for the next")
    func symbols() throws {
        let session = try Session()
        try session.compile("melon.o", "int slice(int n) { return n; }", ["-m32"])
        try session.compile("user.o", Self.source, ["-m32"])
        try session.write("map", Array("08000000 T nothing\n".utf8))
        try session.output("modload", "-n", "-A", "map", "-o", "kernel", "melon.o")
        let address = try Tool.output("nm", [session.path + "/kernel"]).prefix(8)
        try session.output("modload", "-n", "-A", "kernel", "--address", "0x20000000", "-o", "image", "user.o")
        #expect(try Tool.output("objdump", ["-d", session.path + "/image"]).contains("call   \(address)"))
    }

    @Test("symbols of another machine are refused, and so are symbols and places beyond 4 GiB")
    func otherMachine() throws {
        let session = try Session()
        try session.compile("melon.o", Self.source, ["-m32"])
        try session.compile("gurka.o", Sources.quiet("gurka"))
        try expect(
            session.run("modload", "-n", "-A", "\(Session.programs)/modspace", "melon.o"),
            .failed(65, "modload: \(Session.programs)/modspace: symbols for x86-64; melon.o is made for i386\n"))
        try session.write("map", Array("ffffffff T slice\n".utf8))
        try session.output("modload", "-n", "-A", "map", "-o", "kernel", "melon.o")
        try expect(
            session.run("modload", "-n", "-A", "kernel", "gurka.o"),
            .failed(65, "modload: kernel: symbols for i386; gurka.o is made for x86-64\n"))
        try expect(
            session.run("modload", "-n", "-A", "map", "--address", "0x100000000", "melon.o"),
            .failed(1, "modload: melon.o: address 0x100000000 is beyond 4 GiB, where i386 ends\n"))
        try session.output("modload", "-n", "-A", "map", "--address", "0xffffd000", "melon.o")
        try session.write("map", Array("100000000 T slice\n".utf8))
        try expect(
            session.run("modload", "-n", "-A", "map", "melon.o"),
            .failed(65, "modload: map: symbols beyond 4 GiB; melon.o is made for i386\n"))
    }
}
