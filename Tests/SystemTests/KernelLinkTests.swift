import TestSupport
import Testing

/// Linking for a kernel's addresses, against a kernel's symbols.
@Suite struct KernelLinkTests {
    @Test("an object of the kernel's code model is linked against a System.map at a kernel's module address")
    func systemMap() throws {
        let session = try Session()
        let source = """
            int _printk(const char *, ...); extern int jiffies;
            int init_module(void) { return _printk("gurka %d", jiffies); }
            """
        try session.compile("gurka.o", source, ["-O1", "-mcmodel=kernel", "-fno-pic"])
        try session.write(
            "System.map",
            Array("ffffffff81000100 T _printk\nffffffff82000200 D jiffies\nffffffff81000000 t local\n".utf8))
        let report = try session.output(
            "modload", "-n", "-A", "System.map", "--address", "0xffffffffc0000000", "-o", "image", "gurka.o")
        #expect(report.hasPrefix("gurka: 8192 bytes at 0xffffffffc0000000, entry init_module at 0xffffffffc0001000\n"))
        let code = try Tool.output("objdump", ["-d", session.path + "/image"])
        #expect(code.contains("call   ffffffff81000100"), "\(code)")
        #expect(code.contains("# ffffffff82000200"), "\(code)")
        // No daemon was started for it.
        #expect(session.daemon == nil)
    }

    @Test("what ksyms prints serves as a list of symbols, with its modules")
    func dump() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile("user.o", "extern int gurka_count; int init_module(void) { return gurka_count; }")
        try session.output("modload", "gurka.o")
        try session.write("dump", Array(try session.output("ksyms", "-m").utf8))
        let report = try session.output("modload", "-n", "-A", "dump", "user.o")
        #expect(report.hasSuffix(", uses gurka\n"), "\(report)")
    }

    @Test("a line that is none of a list of symbols is told by its number")
    func malformed() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.write("System.map", Array("10 T good\nnonsense\n".utf8))
        try expect(
            session.run("modload", "-n", "-A", "System.map", "gurka.o"),
            .failed(65, "modload: System.map: line 2: not 'address type name'\n"))
    }
}
