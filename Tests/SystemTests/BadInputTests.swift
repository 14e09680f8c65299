import Posix
import TestSupport
import Testing

/// Files that are no modules: one clear message, the right status, and nothing changed.
@Suite struct BadInputTests {
    /// That modload refuses a file of these bytes, with -n and without, and nothing is loaded.
    private func refused(_ bytes: [UInt8], _ reason: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let session = try Session()
        try session.write("bad.o", bytes)
        let wanted = ToolResult.failed(65, "modload: bad.o: \(reason)\n")
        expect(try session.run("modload", "bad.o"), wanted, sourceLocation: sourceLocation)
        expect(try session.run("modload", "-n", "bad.o"), wanted, sourceLocation: sourceLocation)
        #expect(try session.names() == [], sourceLocation: sourceLocation)
        #expect(try session.images() == [], sourceLocation: sourceLocation)
    }

    private func gurka() throws -> [UInt8] { try Compiler.gcc.object(Sources.gurka) }

    @Test("an empty file")
    func empty() throws { try refused([], "empty") }

    @Test("a text")
    func text() throws {
        try refused(
            Array("int main(void) { return 0; }\n".utf8),
            "neither an ELF nor an a.out object; modules are made with 'cc -c'")
    }

    @Test("a script")
    func script() throws { try refused(Array("#!/bin/sh\necho gurka\n".utf8), "a script, not an object") }

    @Test("an archive that is cut off")
    func archive() throws {
        let session = try Session()
        try session.compile("tomat.o", Sources.quiet("tomat"))
        try session.write("gurka.o", try gurka())
        try Tool.output("ar", ["rc", session.path + "/gurka.a", session.path + "/gurka.o"])
        let bytes = try session.read("gurka.a")
        try session.write("gurka.a", Array(bytes.dropLast(2)))
        let wanted = ToolResult.failed(
            65,
            "modload: gurka.a: member 'gurka.o/': ar_size: \(try gurka().count) bytes are beyond the end of the archive (\(bytes.count - 2) bytes): truncated?\n"
        )
        try expect(session.run("modload", "tomat.o", "gurka.a"), wanted)
        try expect(session.run("modload", "-n", "tomat.o", "gurka.a"), wanted)
        #expect(try session.names() == [])
    }

    @Test("an executable, and a shared library")
    func linked() throws {
        let session = try Session()
        try session.write("main.c", Array("int main(void) { return 0; }\n".utf8))
        for option in ["-no-pie", "-pie", "-shared"] {
            try Tool.output("gcc", ["-fPIC", option, "-o", session.path + "/linked", session.path + "/main.c"])
            try refused(
                try session.read("linked"),
                (option == "-no-pie" ? "an executable" : "a shared library or an executable")
                    + ", not a relocatable object; modules are made with 'cc -c'")
        }
    }

    @Test(
        "an object cut off anywhere is refused, and never does anything else",
        arguments: [1, 3, 4, 16, 63, 64, 100, 1000])
    func truncated(length: Int) throws {
        let whole = try gurka()
        let session = try Session()
        try session.write("bad.o", Array(whole.prefix(length)))
        let result = try session.run("modload", "bad.o")
        #expect(result.status == .exited(65))
        let reasons = [
            1: "neither an ELF nor an a.out object; modules are made with 'cc -c'",
            3: "neither an ELF nor an a.out object; modules are made with 'cc -c'",
            4: "truncated: 4 bytes, shorter than an ELF header",
        ]
        let start = "modload: bad.o: " + (reasons[length] ?? "")
        #expect(result.errors.hasPrefix(start), "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1)
        #expect(try session.names() == [])
    }

    @Test("the last byte of an object missing is found out")
    func truncatedAtEnd() throws {
        let whole = try gurka()
        let session = try Session()
        try session.write("bad.o", Array(whole.dropLast()))
        let result = try session.run("modload", "bad.o")
        #expect(result.status == .exited(65))
        #expect(
            result.errors.contains("beyond the end of the file (\(whole.count - 1) bytes): truncated?"),
            "\(result.errors)")
    }

    @Test("objects of other machines")
    func machines() throws {
        for (number, name) in [(183, "aarch64"), (243, "riscv"), (21, "ppc64"), (1000, "machine 1000")] {
            var object = try gurka()
            object[18] = UInt8(number & 255)
            object[19] = UInt8(number >> 8)
            try refused(object, "e_machine: made for \(name); modules are made for x86-64 or i386")
        }
        var bigEndian = try gurka()
        bigEndian[5] = 2
        try refused(bigEndian, "e_ident: a big-endian object; this space takes little-endian ones")
    }

    @Test("an object of intermediate code")
    func linkTimeOptimization() throws {
        try refused(
            try Compiler.gcc.object(Sources.gurka, ["-O2", "-flto"]),
            "holds the compiler's intermediate code, not machine code; compile without -flto")
    }

    @Test("a directory, a missing file, a file through a file")
    func paths() throws {
        let session = try Session()
        try File.createDirectory(session.path + "/directory.o", permissions: 0o700)
        try session.write("file", [1])
        for arguments in [[], ["-n", "-A", "\(Session.programs)/modspace"]] {
            try expect(
                session.run("modload", arguments + ["directory.o"]),
                .failed(65, "modload: directory.o: a directory, not an object\n"))
            try expect(
                session.run("modload", arguments + ["missing.o"]),
                .failed(65, "modload: missing.o: open: no such file or directory (ENOENT)\n"))
            try expect(
                session.run("modload", arguments + ["file/gurka.o"]),
                .failed(65, "modload: file/gurka.o: open: not a directory (ENOTDIR)\n"))
        }
        #expect(throws: SystemError.self) { try File.status(path: session.runtime) }
    }

    @Test("several bad files are all told")
    func several() throws {
        let session = try Session()
        try session.write("one.o", Array("text".utf8))
        try session.write("two.o", [])
        try session.compile("gurka.o", Sources.gurka)
        try expect(
            session.run("modload", "one.o", "gurka.o", "two.o"),
            .failed(
                65,
                "modload: one.o: neither an ELF nor an a.out object; modules are made with 'cc -c'\nmodload: two.o: empty\n"
            ))
        #expect(try session.names() == [])
    }

    @Test("all undefined symbols are told, with place, function and nearest name")
    func undefined() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile(
            "bad.o",
            """
            int slise(int), qqzzxxyy(int), prinft(const char *); extern int qqzzxxyy2;
            int first(void) { return slise(1) + slise(2) + slise(3); }
            int second(void) { return qqzzxxyy(qqzzxxyy2) + prinft("") + slise(4); }
            int init_module(void) { return first() + second(); }
            """, ["-O0", "-fno-pie", "-fno-asynchronous-unwind-tables"])
        try session.output("modload", "gurka.o")
        let result = try session.run("modload", "bad.o")
        #expect(result.status == .exited(1))
        let places = result.errors.split(separator: "\n").map { line in
            var parts = line.split(separator: ":").map(String.init)
            if parts.count > 2 { parts[2] = parts[2].replacing(/0x[0-9a-f]+/, with: "N") }
            return parts.joined(separator: ":")
        }
        #expect(
            places == [
                "modload: bad.o: .text+N in first: undefined symbol 'slise' (and 3 more places); did you mean 'slice'?",
                "modload: bad.o: .text+N in second: undefined symbol 'qqzzxxyy2'",
                "modload: bad.o: .text+N in second: undefined symbol 'qqzzxxyy'",
                "modload: bad.o: .text+N in second: undefined symbol 'prinft'; did you mean 'printf'?",
            ])
        #expect(try session.names() == ["gurka"])
        // The places are those of the relocations.
        let relocations = try Tool.output("readelf", ["-rW", session.path + "/bad.o"])
        for line in result.errors.split(separator: "\n") {
            let offset = try #require(line.firstMatch(of: /\.text\+0x([0-9a-f]+)/)).output.1
            #expect(relocations.contains(String(repeating: "0", count: 16 - offset.count) + offset), "\(line)")
        }
    }

    @Test("a file that the user may not read is told, whatever the daemon may")
    func unreadable() throws {
        let user = try OtherUser()
        try user.session.compile("gurka.o", Sources.gurka)
        try File.changeMode(user.session.path + "/gurka.o", 0)
        let wanted = ToolResult.failed(65, "modload: gurka.o: open: permission denied (EACCES)\n")
        try expect(user.run("modload", ["--no-autostart", "gurka.o"]), wanted)
        try expect(user.run("modload", ["-n", "-A", "modspace", "gurka.o"]), wanted)
    }

    @Test("a full disk under -o is told, and leaves no module, no file, and the file that was there")
    func fullDisk() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        let report = try session.output("modload", "-n", "gurka.o")
        let programs = Session.programs
        for (command, told, output) in [
            ("modload -n -o disk/out gurka.o", "modload: disk/out", report),
            ("modload -o disk/out gurka.o", "modload: disk/out", "gurka: hello\ngurka: bye\n"),
            ("ksyms -o disk/out", "ksyms: disk/out", ""),
        ] {
            let script = """
                cd \(session.path) && mkdir -p disk && mount -t tmpfs -o size=8k none disk && echo old > disk/out || exit 99
                \(programs)/\(command); status=$?
                cat disk/out; ls -A disk; exit $status
                """
            let result = try RunningTool(
                executable: "/usr/bin/env", ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
                environment: session.environment()
            ).wait()
            expect(
                result,
                .failed(1, "\(told): write: no space left on device (ENOSPC)\n", output: output + "old\nout\n"))
            #expect(try session.names() == [])
        }
    }

    @Test("-o writes to a device and does not replace it; a file gets the permissions that umask leaves")
    func outputKinds() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try Tool.output("ln", ["-s", "/dev/full", session.path + "/full"])
        for command in [["modload", "-n", "-o", "full", "gurka.o"], ["ksyms", "-o", "full"]] {
            let result = try session.run(command[0], Array(command.dropFirst()))
            #expect(result.status == .exited(1))
            #expect(result.errors == "\(command[0]): full: write: no space left on device (ENOSPC)\n")
            #expect(try File.status(path: session.path + "/full", followsLinks: false).isSymbolicLink)
        }
        try expect(
            session.run("ksyms", "-o", "missing/file"),
            .failed(1, "ksyms: missing/file: open: no such file or directory (ENOENT)\n"))
        try expect(session.run("ksyms", "-o", "."), .failed(1, "ksyms: .: open: is a directory (EISDIR)\n"))
        for (mask, mode) in [("022", UInt32(0o644)), ("077", 0o600)] {
            let command = "umask \(mask) && cd \(session.path) && \(Session.programs)/ksyms -o symbols\(mask)"
            let shell = try RunningTool(executable: "/bin/sh", ["-c", command], environment: session.environment())
            try expect(shell.wait(), .done())
            #expect(try File.status(path: "\(session.path)/symbols\(mask)").mode & 0o777 == mode)
        }
    }

    @Test("output that nobody can take is told, and a reader that has gone ends the tool quietly")
    func standardOutput() throws {
        let session = try Session()
        let full = try File.open("/dev/full", .write)
        let tool = try RunningTool(
            executable: "\(Session.programs)/ksyms", [], environment: session.environment(),
            descriptors: [(full.number, 1)])
        try expect(
            tool.wait(), .failed(1, "ksyms: standard output: write: no space left on device (ENOSPC)\n"))
        let result = try Tool.run(
            "sh", ["-c", "MODLINK_RUNTIME_DIR=\(session.runtime) \(Session.programs)/ksyms | head -n 1"])
        #expect(result.errors == "" && result.output.split(separator: "\n").count == 1)
    }

    @Test(
        "calls that make no sense end with 64 and say why",
        arguments: [
            (["modload"], "missing expected argument"), (["modload", "x=1"], "no file stands before it"),
            (["modload", "--nope", "a.o"], "unknown option '--nope'"),
            (["modload", "-A", "k", "a.o"], "-A belongs to -n"),
            (["modload", "--address", "0x1000", "a.o"], "--address belongs to -n"),
            (["modload", "-n", "--address", "17", "a.o"], "'17' is no address"),
            (["modload", "-n", "-p", "x", "a.o"], "-p runs after loading"),
            (["modload", "-o", "x", "a.o", "b.o"], "-o takes one module"),
            (["modunload"], "name a module, or number one with -i"),
            (["modunload", "-i", "x"], "is invalid for '-i <ID>'"),
            (["modstat", "-i", "1", "x"], "one module is shown"),
            (["modstat", "--follow"], "--follow belongs to --console"),
            (["modstat", "--json", "--classic"], "exclude each other"),
            (["ksyms", "-o", "x", "y"], "-o writes the whole table"),
            (["ksyms", "-m", "y"], "-m belongs to the whole table"),
            (["modlinkd", "--stop", "--foreground"], "exclude each other"),
            (["modlinkd", "--log-level", "loud"], "'loud' is no level"),
        ])
    func usage(call: [String], reason: String) throws {
        let session = try Session()
        let result = try session.run(call[0], Array(call.dropFirst()))
        #expect(result.status == .exited(64))
        #expect(result.output == "")
        #expect(result.errors.contains(reason), "\(result.errors)")
        #expect(throws: SystemError.self) { try File.status(path: session.runtime) }
    }

    @Test(
        "--help and --version answer without a daemon",
        arguments: ["modload", "modunload", "modstat", "ksyms", "modlinkd"])
    func help(tool: String) throws {
        let session = try Session()
        try expect(session.run(tool, "--version"), .done("\(tool) (modlink) 0.1.0\n"))
        #expect(try session.output(tool, "--help").contains("USAGE: \(tool) "))
        #expect(try session.output(tool, "--generate-completion-script", "bash").contains(tool))
        #expect(throws: SystemError.self) { try File.status(path: session.runtime) }
    }
}
