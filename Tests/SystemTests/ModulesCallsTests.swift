import ModlinkInterface
import Posix
import TestSupport
import Testing

/// The calls of modules(2), made by C programs that are linked with libmodlink as any program would be.
@Suite struct ModulesCallsTests {
    @Test(
        "each call is refused and done as kernels did it, row by row",
        arguments: [("create", 21), ("init", 20), ("tables", 33), ("delete", 13), ("unused", 9), ("symbols", 12)])
    func conformance(part: String, rows: Int) throws {
        let session = try Session()
        try session.compile("other.o", "int one, two;\nint three(void) { return 3; }")
        try session.makeProgram("conformance")
        try session.expectRows(rows, of: "conformance", part)
    }

    @Test("a loader of its own links an object on these calls: its module runs, uses others, is used, and is listed")
    func insmod() throws {
        let session = try Session()
        try session.makeProgram("insmod")
        try session.compile("gurka.o", Sources.gurka)
        let plain = ["-O2", "-fno-pic", "-fno-pie", "-fno-asynchronous-unwind-tables"]
        try session.compile("tomat.o", Self.tomat, plain)
        try session.compile("last.o", Sources.initialize("extern int crunch(int); return crunch(1) == 0;"))

        try session.output("modload", "gurka.o")
        try expect(session.runProgram("insmod", "tomat.o", "tomat"), .done())
        try session.output("modload", "last.o")
        let lines = try session.output("modstat").split(separator: "\n").map {
            $0.split(separator: " ", omittingEmptySubsequences: true).map(String.init)
        }
        #expect(lines.map { $0[1] } == ["NAME", "gurka", "tomat", "last"])
        #expect(lines.map { $0[2] } == ["STATE", "running", "running", "running"])
        #expect(lines.map { $0.last } == ["BY", "tomat", "last", "-"])
        let address = try #require(UInt64(lines[2][5].dropFirst(2), radix: 16))
        #expect(address < 1 << 31)
        let found = try session.output("ksyms", "crunch")
        #expect(found.hasSuffix(" T crunch\t[tomat]\n") && found.hasPrefix("00000000"))
        let counted = try session.output("ksyms", "calls_made")
        #expect(counted.hasSuffix("\t[tomat]\n"))

        try expect(
            session.run("modunload", "tomat"),
            .failed(1, "modunload: tomat: in use by last, which refers to crunch (EBUSY)\n"))
        #expect(try session.output("modunload", "last", "tomat", "gurka") == "tomat: bye\ngurka: bye\n")
        #expect(try session.runtimeText("console").contains("tomat: 28\n"))
    }

    /// Uses a function of gurka and the C library's, and addresses of every size.
    private static let tomat = """
        #include <stdio.h>
        extern int slice(int);
        int calls_made;
        static int *counter = &calls_made;
        int crunch(int n) { (*counter)++; return slice(n) + calls_made; }
        int init_module(void) { printf("tomat: %d\\n", crunch(10)); return 0; }
        void cleanup_module(void) { puts("tomat: bye"); }
        """

    @Test("an init that fails leaves the module to its loader, and what it printed on the console")
    func initFails() throws {
        let session = try Session()
        try session.makeProgram("insmod")
        try session.compile(
            "bad.o", Sources.initialize("puts(\"bad: no\"); return -EIO;"),
            ["-O2", "-fno-pic", "-fno-pie", "-fno-asynchronous-unwind-tables"])
        try expect(
            session.runProgram("insmod", "bad.o", "bad"),
            .failed(1, "insmod: init_module: Device or resource busy\n"))
        #expect(try session.names() == [])
        #expect(
            try session.runtimeText("console").hasPrefix(
                "bad: no\nmodlinkd: init_module: bad: init_module returned -5 (EIO); it stays, uninitialized (EBUSY)\n")
        )
    }

    @Test("whatever is refused is a line on the console, that a terminal can show")
    func console() throws {
        let session = try Session()
        try session.makeProgram("conformance")
        try session.expectRows(21, of: "conformance", "create")
        let lines = try session.runtimeText("console").split(separator: "\n")
        #expect(
            lines.prefix(7) == [
                "modlinkd: create_module: name: a null pointer (EINVAL)",
                "modlinkd: create_module: gurka: size: no bytes (EINVAL)",
                "modlinkd: create_module: \(String(repeating: "a", count: 64)): size: no bytes (EINVAL)",
                "modlinkd: create_module: \(String(repeating: "a", count: 64)): longer than the 63 bytes that a name may have (E2BIG)",
                "modlinkd: create_module: \(String(repeating: "a", count: 64)): longer than the 63 bytes that a name may have (E2BIG)",
                "modlinkd: create_module: name: cannot be read (EFAULT)",
                "modlinkd: create_module: gur/ka: no name for a module: letters, digits, '_', '-', '+' and '.' make one; give one with --name (EINVAL)",
            ])
        // Seventeen are refused; one module is taken out.
        #expect(
            lines.count == 18 && lines.allSatisfy { $0.unicodeScalars.allSatisfy { (32..<127).contains($0.value) } })
    }

    @Test(
        "another user is refused before all else, and the console says so",
        .enabled(if: User.effective == 0, "only root can be another user"))
    func stranger() throws {
        let user = try OtherUser()
        try user.session.makeProgram("conformance")
        try Tool.output("cp", ["\(Session.programs)/libmodlink.so.1", user.session.path])
        for name in ["conformance", "libmodlink.so.1"] { try File.changeMode("\(user.session.path)/\(name)", 0o755) }
        try user.session.output("modlinkd")
        let library = ["LD_LIBRARY_PATH": user.session.path]
        // Closed, even the symbols are nobody's.
        let closed = try user.run("conformance", ["stranger"], library).output.split(separator: "\n")
        #expect(closed.count(where: { $0.hasSuffix(": ok") }) == 7 && closed.count == 8)
        try File.changeMode(user.session.runtime, 0o755)
        try File.changeMode(user.session.runtime + "/socket", 0o777)
        let open = try user.run("conformance", ["stranger"], library).output.split(separator: "\n")
        #expect(open.allSatisfy { $0.hasSuffix(": ok") } && open.count == 8)
        let line = "user \(OtherUser.number): may look, not change: the daemon belongs to user 0 (EPERM)"
        #expect(
            try user.session.runtimeText("console").split(separator: "\n")
                == ["create", "create", "init", "init", "delete", "delete", "delete"].map {
                    "modlinkd: \($0)_module: \(line)"
                })
    }

    @Test("who makes a module is told until it is initialized")
    func owner() throws {
        let session = try Session()
        try session.makeProgram("tools")
        try session.expectRows(8, of: "tools", "orphans")
        let line = try #require(try session.output("modstat").split(separator: "\n").first { $0.contains(" stays ") })
        let wanted = #/ *\d+ +stays +uninitialized +0 +4096 +0x10000000 +process \d+ of user \d+/#
        #expect(line.wholeMatch(of: wanted) != nil)
        #expect(
            try session.runtimeText("console").contains(
                "modlinkd: goes: never initialized; goes with the connection of who made it\nmodlinkd: goes unloaded\n")
        )
        try expect(session.run("modunload", "stays"), .done())
    }

    @Test("the tools' work as functions", arguments: [("start", 6), ("tools", 30), ("threads", 1)])
    func tools(part: String, rows: Int) throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile("sallad.o", Sources.sallad)
        try session.write("bad.o", Array("text".utf8))
        try session.makeProgram("tools")
        try session.expectRows(rows, of: "tools", part)
    }

    @Test("the library shows its calls and nothing else, and needs the C library and jansson alone")
    func exports() throws {
        let path = Session.programs + "/libmodlink.so.1"
        let names = try Tool.output("nm", ["-D", "--defined-only", "--format=posix", path]).split(separator: "\n").map {
            String($0.prefix { $0 != " " && $0 != "@" })
        }
        #expect(
            names.sorted() == [
                "MODLINK_1", "create_module", "delete_module", "get_kernel_syms", "init_module", "modlink_call",
                "modlink_close", "modlink_create_module", "modlink_device_close", "modlink_device_ioctl",
                "modlink_device_open", "modlink_device_read", "modlink_device_write", "modlink_error", "modlink_list",
                "modlink_load",
                "modlink_lookup", "modlink_open", "modlink_output", "modlink_system_call", "modlink_unload",
            ])
        let dynamic = try Tool.output("readelf", ["-dW", path])
        let needed = dynamic.split(separator: "\n").filter { $0.contains("(NEEDED)") }
        #expect(
            needed.allSatisfy { line in
                // What a thread keeps is the dynamic linker's business.
                ["libc.so.6", "libjansson.so.4", "ld-linux-x86-64.so.2"].contains { line.contains("[\($0)]") }
            })
        #expect(dynamic.contains("soname: [libmodlink.so.1]"))
    }
}

extension Session {
    /// The folder of this package.
    private static let package = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        .joined(separator: "/")

    /// Makes a program of Tests/Programs, linked with libmodlink.
    func makeProgram(_ name: String) throws {
        let library = Self.programs + "/libmodlink.so"
        guard (try? File.status(path: library)) != nil else {
            throw ToolFailure(description: "\(library): missing; run Scripts/build-library on its directory")
        }
        try Tool.output(
            "gcc",
            [
                "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-array-bounds", "-Wno-stringop-overflow", "-pthread",
                "-I\(Self.package)/Sources/Libmodlink/include", ModuleHeaders.option,
                "\(Self.package)/Tests/Programs/\(name).c",
                "-L\(Self.programs)", "-lmodlink", "-Wl,-rpath,\(Self.programs)", "-o", "\(path)/\(name)",
            ])
    }

    /// Runs a program in the folder of the files.
    func runProgram(_ name: String, _ arguments: String...) throws -> ToolResult {
        try RunningTool(
            executable: "/usr/bin/env", ["-C", path, "\(path)/\(name)"] + arguments,
            environment: environment(["MODLINK_PROGRAMS": Self.programs])
        ).wait()
    }

    /// Runs a program that prints a line for each thing that it tries, and fails where one does not end in `: ok`.
    func expectRows(
        _ count: Int, of program: String, _ part: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let result = try runProgram(program, part)
        let lines = result.output.split(separator: "\n")
        let bad = lines.filter { !$0.hasSuffix(": ok") }
        #expect(
            result.status == .exited(0) && result.errors.isEmpty && bad.isEmpty && lines.count == count,
            "\(result.status) \(result.errors) \(lines.count) rows; \(bad)", sourceLocation: sourceLocation)
    }
}
