import CrashReport
import ObjectModel
import Testing

/// What a report looks like, character by character.
@Suite struct ReportTextTests {
    private func frame(
        _ address: UInt64, _ module: String, _ symbol: String, _ offset: UInt64, _ size: UInt64,
        _ source: CrashReport.SourceLine? = nil
    ) -> CrashReport.Frame {
        var frame = CrashReport.Frame(address)
        frame.place = CrashReport.Place(module: module, symbol: symbol, offset: offset, size: size)
        frame.source = source
        return frame
    }

    private var full: CrashReport {
        var report = CrashReport(
            architecture: .x86_64, event: CrashReport.Event(.fault, signal: 11, code: 1, address: 0x10))
        report.number = 7
        report.time = 1_700_000_000
        report.space = 4711
        report.activity = "initialize"
        report.request = CrashReport.Request(
            method: "Load", module: "gurka", program: "modload", process: 77, user: 1000)
        let names = [
            "rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
            "r15", "rip", "rflags", "fs_base",
        ]
        report.registers = names.enumerated().map { CrashReport.Register($1, UInt64($0 + 1)) }
        report.code = CrashReport.Code(bytes: [nil, 0x55, 0x08, 0x8b, 0x07, nil], marked: 3)
        var inlined = frame(0x1000_1004, "gurka", "slice", 0x1d, 0x40, .init("gurka.c", 20))
        inlined.inlined = [.init("cut", .init("cut.h", 12))]
        var guess = frame(0x1000_1044, "gurka", "init_module", 4, 0)
        guess.isGuess = true
        report.threads = [
            .init(thread: 4712, frames: [inlined, guess, frame(0x7000_0001, "", "start_thread", 1, 9)]),
            .init(thread: 4711, frames: [.init(0x1234)], isComplete: false),
        ]
        report.modules = [.init("gurka", isFaulty: true), .init("sallad")]
        report.lastUnloaded = "c"
        report.notes = ["core: cut off"]
        return report
    }

    @Test("the whole report has the shape of Linux's oops")
    func whole() {
        #expect(
            full.text == """
                Oops: SIGSEGV at 0x10 (not mapped) in gurka:slice+0x1d/0x40 (cut.h:12, inlined cut)
                In: crash 7, 2023-11-14 22:13:20 UTC, space 4711 (x86-64), thread 4712
                Request: Load of gurka, for modload (process 77, user 1000); during its init
                RIP: gurka:slice+0x1d/0x40 (cut.h:12, inlined cut)
                Code: 55 08 <8b> 07
                RSP: 0000000000000008 EFLAGS: 00000012 FS: 0000000000000013
                RAX: 0000000000000001 RBX: 0000000000000004 RCX: 0000000000000003
                RDX: 0000000000000002 RSI: 0000000000000005 RDI: 0000000000000006
                RBP: 0000000000000007 R08: 0000000000000009 R09: 000000000000000a
                R10: 000000000000000b R11: 000000000000000c R12: 000000000000000d
                R13: 000000000000000e R14: 000000000000000f R15: 0000000000000010
                Call Trace:
                 gurka:cut (cut.h:12) [inlined]
                 gurka:slice+0x1d/0x40 (gurka.c:20)
                 ? gurka:init_module+0x4
                 start_thread+0x1/0x9
                Thread 4711:
                 0x1234
                 ... nothing is known of what called this
                Modules linked in: gurka(F) sallad [last unloaded: c]
                Note: core: cut off

                """)
    }

    @Test("of nothing known there is a report of two lines")
    func nothing() {
        let report = CrashReport(architecture: .i386, event: .init(.died))
        #expect(report.text == "Oops: the space died\nIn: space (i386)\nModules linked in:\n")
    }

    @Test("the registers of i386 stand as Linux has them")
    func registers32() {
        var report = CrashReport(architecture: .i386, event: .init(.hung))
        report.registers = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip", "eflags"].map {
            .init($0, 0xab)
        }
        report.registers[1].value = nil
        #expect(
            report.lines == [
                "Oops: hung: a call took longer than it may", "In: space (i386)",
                "EAX: 000000ab EBX: 000000ab ECX: ???????? EDX: 000000ab",
                "ESI: 000000ab EDI: 000000ab EBP: 000000ab ESP: 000000ab", "EFLAGS: 000000ab", "Modules linked in:",
            ])
    }

    @Test("frames that are left out are counted where they were")
    func omission() {
        var report = CrashReport(architecture: .x86_64, event: .init(.exit))
        report.threads = [
            .init(
                thread: 1, frames: [.init(0x1), .init(0x2), .init(0x3)], omitted: .init(position: 2, count: 99_968))
        ]
        #expect(
            report.lines.suffix(6) == [
                "Call Trace:", " 0x1", " 0x2", " ... 99968 frames left out", " 0x3", "Modules linked in:",
            ])
    }

    @Test("a call that a signal interrupted is marked")
    func signal() {
        var report = CrashReport(architecture: .x86_64, event: .init(.hung))
        var frame = CrashReport.Frame(0x20)
        frame.isInterrupted = true
        report.threads = [.init(thread: 1, frames: [.init(0x10), frame])]
        #expect(
            report.lines.suffix(4) == ["Call Trace:", " 0x10", " <signal>", " 0x20"].suffix(3) + ["Modules linked in:"])
    }

    @Test("a fault in the space's own code names the module that called it")
    func calledFrom() {
        var report = full
        report.threads[0].frames.insert(frame(0x7000_1000, "", "memcpy", 0x12, 0x80), at: 0)
        #expect(
            report.lines[0]
                == "Oops: SIGSEGV at 0x10 (not mapped) in memcpy+0x12/0x80, called from gurka:slice+0x1d/0x40 (cut.h:12, inlined cut)"
        )
        #expect(report.lines[3] == "RIP: memcpy+0x12/0x80")
    }

    @Test("what is at the address that was touched is told")
    func addressPlace() {
        var report = full
        report.event.addressPlace = .init(module: "sallad", symbol: "table", offset: 0x10, size: 0x40)
        #expect(report.lines[3] == "Address: 0x10 is sallad:table+0x10/0x40")
    }

    @Test("what was there before a module was unloaded is told")
    func past() {
        var report = CrashReport(
            architecture: .x86_64, event: .init(.fault, signal: 11, code: 1, address: 0x1000_0012))
        var frame = CrashReport.Frame(0x1000_0012)
        frame.past = "slice+0x12 in gurka, unloaded 3 s ago"
        report.event.addressPast = frame.past
        report.threads = [.init(thread: 1, frames: [frame])]
        #expect(
            report.lines == [
                "Oops: SIGSEGV at 0x10000012 (not mapped) in 0x10000012 (slice+0x12 in gurka, unloaded 3 s ago)",
                "In: space (x86-64), thread 1", "Address: 0x10000012 was slice+0x12 in gurka, unloaded 3 s ago",
                "RIP: 0x10000012 (slice+0x12 in gurka, unloaded 3 s ago)", "Call Trace:",
                " 0x10000012 (slice+0x12 in gurka, unloaded 3 s ago)", "Modules linked in:",
            ])
        #expect(
            CrashReport.Summary(firstLine: report.lines[0])?.place
                == "0x10000012 (slice+0x12 in gurka, unloaded 3 s ago)")
    }

    @Test("no name reaches the terminal as it is")
    func controlCharacters() {
        let evil = "a\u{1b}[2Jb\nc\u{202e}"
        let shown = "a\\x1b[2Jb\\x0ac\\xe2\\x80\\xae"
        var report = full
        report.request = .init(method: evil, module: evil, program: evil)
        report.activity = evil
        report.lastUnloaded = evil
        report.modules = [.init(evil, isFaulty: true)]
        report.notes = [evil]
        report.event.addressPlace = .init(module: evil, symbol: evil, offset: 0)
        report.threads[0].frames = [frame(1, evil, evil, 1, 2, .init(evil, 3))]
        report.threads[0].frames[0].inlined = [.init(evil, .init(evil, 4))]
        let text = report.text
        #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || (0x20..<0x7f).contains($0.value) })
        #expect(text.contains("\nRequest: \(shown) of \(shown), for \(shown); \(shown)\n"))
        #expect(text.contains("\n \(shown):\(shown) (\(shown):4) [inlined]\n \(shown):\(shown)+0x1/0x2 (\(shown):3)\n"))
        #expect(text.hasSuffix("\nModules linked in: \(shown)(F) [last unloaded: \(shown)]\nNote: \(shown)\n"))
    }

    @Test(
        "what happened is told in words",
        arguments: [
            (
                CrashReport.Event(.fault, signal: 11, code: 2, address: 0x1000),
                "SIGSEGV at 0x1000 (not permitted there)"
            ),
            (.init(.fault, signal: 11, code: 4, address: 0x1000), "SIGSEGV at 0x1000 (protection key)"),
            (.init(.fault, signal: 11, code: 5, address: 0x1000), "SIGSEGV at 0x1000"),
            (.init(.fault, signal: 11, code: 0x80, address: 0), "SIGSEGV (an address that no memory has)"),
            (.init(.fault, signal: 11, code: 0), "SIGSEGV"),
            (.init(.fault, signal: 7, code: 2, address: 0x8), "SIGBUS at 0x8 (no such physical address)"),
            (.init(.fault, signal: 8, code: 1), "SIGFPE (integer division by zero)"),
            (.init(.fault, signal: 4, code: 2), "SIGILL (illegal operand)"),
            (.init(.fault, signal: 5, code: 0x80), "SIGTRAP"),
            (.init(.fault, signal: 6, code: -6), "SIGABRT"),
            (.init(.fault, signal: 99), "signal 99"),
            (.init(.died, signal: 9), "the space died: SIGKILL"), (.init(.exit, code: 3), "exit(3) was called"),
        ])
    func events(event: CrashReport.Event, text: String) {
        #expect(event.text == text)
    }

    @Test(
        "times are those of UTC, also on leap days and before 1970",
        arguments: [
            (0, "1970-01-01 00:00:00 UTC"), (-1, "1969-12-31 23:59:59 UTC"), (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"), (951_868_800, "2000-03-01 00:00:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"), (1_700_000_000, "2023-11-14 22:13:20 UTC"),
            (-86_400, "1969-12-31 00:00:00 UTC"), (-86_401, "1969-12-30 23:59:59 UTC"),
            (.min, "-292277022657-01-27 08:29:52 UTC"), (.max, "292277026596-12-04 15:30:07 UTC"),
        ])
    func times(seconds: Int, text: String) {
        #expect(CrashReport.text(time: Int64(seconds)) == text)
    }
}
