import CrashReport
import Testing

@testable import modreport

/// What happened, of crashes that happened.
@Suite struct EventTests {
    private func crash(_ body: String, _ options: [String] = ["-O1", "-g"]) throws -> CrashFixture {
        let source = """
            #include <stdlib.h>
            #include <string.h>
            volatile int zero, *nothing;
            const int constant[4] = {1, 2, 3, 4};
            int init_module(void)
            {
                \(body)
                return 0;
            }
            """
        return try CrashFixture([("gurka.c", source)], options)
    }

    @Test(
        "each signal is told in words, with the place and its line",
        arguments: [
            ("return *nothing;", "SIGSEGV at 0x0 (not mapped)"),
            ("*(volatile int *)0x123456789abcdef0 = 1;", "SIGSEGV (an address that no memory has)"),
            ("return 100 / zero;", "SIGFPE (integer division by zero)"),
            ("__builtin_trap();", "SIGILL (illegal operand)"),
        ])
    func signals(body: String, text: String) throws {
        let lines = try crash(body).lines()
        #expect(CrashFixture.withoutDistances(lines[0]) == "Oops: \(text) in gurka:init_module (gurka.c:7)")
        let place = lines[0].split(separator: " ").suffix(2).joined(separator: " ")
        #expect(lines.contains("RIP: " + place) && lines.contains(" " + place))
    }

    @Test("a breakpoint instruction is told itself, not what follows it")
    func breakpoint() throws {
        let crash = try crash("__asm__ volatile(\"nop; int3; nop\");")
        let lines = crash.lines()
        #expect(CrashFixture.withoutDistances(lines[0]) == "Oops: SIGTRAP in gurka:init_module (gurka.c:7)")
        #expect(lines.contains { $0.hasPrefix("Code: ") && $0.contains(" 90 <cc> 90 ") })
    }

    @Test("what a write to constants touched is told")
    func constants() throws {
        let crash = try crash("volatile int *volatile p = (int *)&constant[2]; *p = 1;")
        let lines = crash.lines()
        #expect(
            lines[0].hasSuffix(" (gurka.c:7)") && lines[0].contains(" (not permitted there) in gurka:init_module+0x"))
        let address = lines[0].split(separator: " ")[3]
        #expect(lines.contains("Address: \(address) is gurka:constant+0x8/0x10"))
    }

    @Test("abort, and a fault in the library, are told with the module that called it")
    func library() throws {
        for (body, what) in [
            ("abort();", "SIGABRT"), ("return atol((char *)16);", "SIGSEGV at 0x10 (not mapped)"),
        ] {
            let lines = try crash(body, ["-O0", "-g"]).lines()
            #expect(lines[0].hasPrefix("Oops: \(what) in "), "\(lines[0])")
            #expect(
                CrashFixture.withoutDistances(lines[0]).hasSuffix(", called from gurka:init_module (gurka.c:7)"),
                "\(lines[0])")
            #expect(!lines[0].contains("in gurka"))
        }
    }

    @Test("all threads are there, the one that it happened to first")
    func threads() throws {
        let crash = try crash("return *nothing;")
        let lines = crash.lines()
        let titles = lines.filter { $0 == "Call Trace:" || $0.hasPrefix("Thread ") }
        #expect(titles.count == 2 && titles[0] == "Call Trace:")
        // The other one waits for it in main.
        let other = crash.trace(8, after: titles[1])
        #expect(other.contains(" main") && other.last.map { !$0.hasPrefix("...") } == true, "\(other)")
    }

    @Test("the bytes of the instruction are those that objdump shows")
    func code() throws {
        let crash = try crash("__asm__ volatile(\"ud2; .byte 0x11, 0x22, 0x33\");")
        let code = try #require(crash.lines().first { $0.hasPrefix("Code: ") })
        #expect(code.contains("<0f> 0b 11 22 33 "), "\(code)")
    }
}
