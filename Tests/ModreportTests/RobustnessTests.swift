import CrashReport
import Posix
import TestSupport
import Testing

@testable import modreport

/// Folders that are not as they should be.
@Suite struct RobustnessTests {
    private static let source = """
        static inline __attribute__((always_inline)) int cut(volatile int *p)
        {
            return p[0] + 1;
        }
        int init_module(void)
        {
            return cut((int *)16) + 1;
        }
        """

    private func crash() throws -> CrashFixture { try CrashFixture([("gurka.c", Self.source)]) }

    /// Runs the program, as the daemon does.
    private func run(_ arguments: [String]) throws -> ToolResult {
        let own = try CurrentProcess.executable().split(separator: "/").dropLast().map { "/" + $0 }.joined()
        let program = (Environment.value("MODLINK_PROGRAMS") ?? own) + "/modreport"
        return try Tool.run(executable: program, arguments, environment: ["LC_ALL=C"])
    }

    @Test("the program prints the report")
    func program() throws {
        let crash = try crash()
        let result = try run([crash.path])
        #expect(result == .done(crash.lines().joined(separator: "\n") + "\n"))
        #expect(result.output.hasPrefix("Oops: SIGSEGV at 0x10 (not mapped) in gurka:init_module+0x"))
    }

    @Test("the program refuses what is no folder")
    func arguments() throws {
        try #expect(run([]) == .failed(64, "usage: modreport FOLDER\n"))
        try #expect(run(["--help"]) == .failed(64, "usage: modreport FOLDER\n"))
        try #expect(
            run(["/nowhere"]) == .failed(1, "modreport: /nowhere: stat: no such file or directory (ENOENT)\n"))
        try #expect(run(["/dev/null"]) == .failed(1, "modreport: /dev/null: open: not a directory (ENOTDIR)\n"))
    }

    @Test("of an empty folder there is a report of what is missing")
    func empty() throws {
        let folder = try ScratchDirectory()
        #expect(
            ReportProgram.text(folder.path) == """
                Oops: signal 0
                In: space (x86-64)
                Modules linked in:
                Note: fault.json: no such file or directory (ENOENT)
                Note: modules.json: no such file or directory (ENOENT)
                Note: core: no such file or directory (ENOENT)

                """)
    }

    @Test("without one of its files there is a report of the rest")
    func missing() throws {
        let crash = try crash()
        let whole = crash.lines()
        try File.remove(crash.path + "/objects/gurka")
        #expect(crash.trace(1) == [" gurka:init_module"])
        try File.remove(crash.path + "/images/aa")
        #expect(crash.trace(1) == [" gurka"])
        try File.remove(crash.path + "/images/space")
        #expect(crash.lines()[0].hasPrefix("Oops: SIGSEGV at 0x10 (not mapped) in gurka+0x1"))
        try File.remove(crash.path + "/modules.json")
        #expect(crash.lines()[0].hasPrefix("Oops: SIGSEGV at 0x10 (not mapped) in 0x10001"))
        #expect(crash.lines().contains("Note: modules.json: no such file or directory (ENOENT)"))
        try crash.folder.write("1/fault.json", Array("{\"kind\": 3, ".utf8))
        let rest = crash.lines()
        #expect(rest[0].hasPrefix("Oops: SIGSEGV at 0x10 (not mapped) in 0x10001"))
        #expect(rest.contains("Note: fault.json: not what a daemon writes"))
        for line in whole where line.hasPrefix("R") && !line.hasPrefix("RIP") && !line.hasPrefix("Request") {
            #expect(rest.contains(line))
        }
    }

    @Test("names of files do not lead out of the folder")
    func paths() throws {
        let crash = try crash()
        try File.rename(crash.path + "/objects/gurka", to: crash.folder.path + "/elsewhere")
        try File.rename(crash.path + "/images/aa", to: crash.folder.path + "/image")
        let modules = String(decoding: try crash.folder.read("1/modules.json"), as: UTF8.self)
            .split(separator: "\"gurka\"\n").joined(separator: "\"../../elsewhere\"\n")
            .split(separator: "\"aa\"").joined(separator: "\"../../image\"")
        #expect(modules.contains("../../elsewhere") && modules.contains("../../image"))
        try crash.folder.write("1/modules.json", Array(modules.utf8))
        #expect(crash.trace(1) == [" gurka"])
    }

    @Test("a core file that is cut off anywhere still gives a report")
    func cutCore() throws {
        let crash = try crash()
        let core = try crash.folder.read("1/core")
        let lengths =
            Array(0..<80) + [100, 500, 1000, 2000, 3000, 4096, 5000, 8192, 20000, core.count / 2, core.count - 1]
        for length in lengths where length < core.count {
            try crash.folder.write("1/core", Array(core.prefix(length)))
            let lines = crash.lines()
            #expect(lines[0].hasPrefix("Oops: ") && lines.contains("Modules linked in: gurka(F)"), "\(length)")
            if length < 1000 { #expect(lines.contains { $0.hasPrefix("Note: core: ") }, "\(length)") }
        }
    }

    @Test("a core file with a changed byte in its headers still gives a report")
    func changedCore() throws {
        let crash = try crash()
        let core = try crash.folder.read("1/core")
        var numbers = SeededNumbers(seed: 5)
        for _ in 0..<300 {
            var changed = core
            for _ in 0..<3 {
                changed[Int.random(in: 16..<8000, using: &numbers)] = UInt8.random(in: 0...255, using: &numbers)
            }
            try crash.folder.write("1/core", changed)
            let lines = crash.lines()
            #expect(lines[0].hasPrefix("Oops: "))
        }
    }

    @Test(
        "debug information that is not as it should be still leaves a report",
        arguments: ["objects/gurka", "images/aa"])
    func changedObject(file: String) throws {
        let crash = try crash()
        let bytes = try crash.folder.read("1/" + file)
        var numbers = SeededNumbers(seed: 7)
        for round in 0..<60 {
            var changed = bytes
            for _ in 0..<(1 + round % 8) {
                changed[Int.random(in: changed.indices, using: &numbers)] = UInt8.random(in: 0...255, using: &numbers)
            }
            try crash.folder.write("1/" + file, changed)
            let result = try run([crash.path])
            #expect(result.status == .exited(0) && result.errors.isEmpty, "\(round): \(result)")
            #expect(result.output.hasPrefix("Oops: SIGSEGV at 0x10 (not mapped) in "), "\(round): \(result.output)")
            #expect(result.output.contains("\nModules linked in: gurka(F)\n"), "\(round)")
        }
    }
}
