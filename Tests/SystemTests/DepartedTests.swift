import Posix
import TestSupport
import Testing

/// Stale pointers: what unloaded modules had where.
@Suite struct DepartedTests {
    private static let stale = """
        long address; int jump;
        int init_module(void)
        {
            if (jump) ((void (*)(void))address)();
            return *(volatile char *)address;
        }
        """

    /// What is said, but for how long ago it was: a machine with much to do takes seconds to ask.
    private func untimed(_ text: String) -> String {
        text.replacing(/unloaded (less than 1|\d+) s ago/, with: "unloaded some time ago")
    }

    @Test("ksyms says what an address was in a module that has been unloaded, and of the living what it is")
    func lookUp() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.output("modload", "gurka.o")
        let address = "0x" + (try session.output("ksyms", "slice")).prefix(16)
        #expect(try session.output("ksyms", address) == "\(address) gurka:slice+0x0\n")
        try session.output("modunload", "gurka")
        #expect(
            try untimed(session.output("ksyms", address)) == "\(address) slice+0x0 in gurka, unloaded some time ago\n")
        #expect(
            try untimed(session.output("ksyms", "0x10000010"))
                == "0x10000010 gurka+0x10, unloaded some time ago\n")
        let json = try session.output("ksyms", "--json", address)
        #expect(json.contains("\"unloaded\" : ") && json.contains("\"kind\" : \"function\""), "\(json)")
        // It is not given to the next one while others are free.
        try session.output("modload", "gurka.o")
        #expect(try session.output("ksyms", address).contains("unloaded"))
    }

    @Test("a jump to what is unloaded, and an access to it, are explained with it")
    func faults() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile("stale.o", Self.stale)
        try session.output("modload", "gurka.o")
        let found = try session.output("ksyms", "slice").prefix(16)
        try session.output("modunload", "gurka")
        let address = try #require(UInt64(found, radix: 16)) + 4
        let hex = "0x" + String(address, radix: 16)
        let read = try session.run("modload", "stale.o", "address=\(hex)")
        let place = "slice+0x4 in gurka, unloaded some time ago"
        #expect(
            untimed(read.errors).hasPrefix(
                "modload: stale: init_module: SIGSEGV at \(hex) (\(place)) in stale:init_module+0x"),
            "\(read.errors)")
        let jump = try session.run("modload", "stale.o", "address=\(hex)", "jump=1")
        #expect(jump.status == .exited(1))
        #expect(untimed(String(jump.firstError)) == "modload: stale: init_module: SIGSEGV at \(hex) in \(place)")
    }

    @Test("a report explains what was touched and where a jump led, with C++ names as they are written")
    func reports() throws {
        let session = try Session()
        try session.compile(
            "knife.o", "namespace kitchen { int slice(int n) { return n + 1; } }", ["-O1"], language: .cxx)
        try session.compile("stale.o", Self.stale)
        try session.output("modload", "knife.o")
        let address = "0x" + (try session.output("ksyms", "_ZN7kitchen5sliceEi")).prefix(16).drop { $0 == "0" }
        try session.output("modunload", "knife")
        let past = "kitchen::slice(int)+0x0 in knife, unloaded some time ago"
        let read = untimed(try session.run("modload", "stale.o", "address=\(address)").errors)
        #expect(read.contains("\nAddress: \(address) was \(past)\n"), "\(read)")
        #expect(read.contains("\nRIP: stale:init_module+0x"), "\(read)")
        #expect(read.contains(" [last unloaded: knife]\n"), "\(read)")
        let jump = untimed(try session.run("modload", "stale.o", "address=\(address)", "jump=1").errors)
        #expect(jump.contains("\nRIP: \(address) (\(past))\n"), "\(jump)")
        #expect(jump.contains("\nCall Trace:\n \(address) (\(past))\n stale:init_module+0x"), "\(jump)")
    }

    @Test("a module whose init failed is remembered as well")
    func failed() throws {
        let session = try Session()
        try session.compile("bad.o", Sources.initialize("return EINVAL;"))
        _ = try session.run("modload", "bad.o")
        #expect(
            try untimed(session.output("ksyms", "0x10001000"))
                == "0x10001000 init_module+0x0 in bad, unloaded some time ago\n")
    }
}
