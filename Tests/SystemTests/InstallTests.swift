import ModlinkInterface
import Posix
import TestSupport
import Testing

/// Scripts/install, into folders of each test's own.
@Suite struct InstallTests {
    private static let root =
        #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")

    private let session: Session
    private var prefix: String { session.path + "/prefix" }

    init() throws { session = try Session() }

    /// Runs the script on the programs under test.
    private func install(
        _ arguments: String..., prefix: String? = nil, variables: [String: String] = [:]
    ) throws -> ToolResult {
        let from = arguments.contains("--uninstall") ? [] : ["--programs", Session.programs]
        return try run(
            Self.root + "/Scripts/install", ["--prefix", prefix ?? self.prefix] + from + arguments, variables)
    }

    /// Runs a program in the folder of the session.
    private func run(
        _ program: String, _ arguments: [String], _ variables: [String: String] = [:]
    ) throws -> ToolResult {
        try RunningTool(
            executable: "/usr/bin/env", ["-C", session.path, program] + arguments,
            environment: session.environment(variables)
        ).wait()
    }

    private func installed(_ program: String, _ arguments: String...) throws -> ToolResult {
        try run("\(prefix)/bin/\(program)", arguments)
    }

    /// All files below a folder, by paths relative to it.
    private func files(_ folder: String) throws -> [String] {
        try Tool.output("find", [folder, "!", "-type", "d", "-printf", "%P\n"]).split(separator: "\n").map(String.init)
            .sorted()
    }

    private func text(_ path: String) throws -> String {
        String(decoding: try File.read(path: "\(prefix)/\(path)", limit: 1 << 20), as: UTF8.self)
    }

    private static func isThere(_ path: String) -> Bool {
        (try? File.status(path: path, followsLinks: false)) != nil
    }

    @Test("a module compiled with pkg-config's flags is loaded by what was installed; uninstalled, nothing is left")
    func whole() throws {
        try expect(install(), .done("modlink is installed below \(prefix)\n"))
        let flags = try run(
            "pkg-config", ["--cflags", "modlink"], ["PKG_CONFIG_PATH": prefix + "/lib/pkgconfig"])
        #expect(flags.status == .exited(0) && flags.errors == "")
        let words = flags.output.split(whereSeparator: \.isWhitespace).map(String.init)
        #expect(words == ["-I\(prefix)/include/modlink"])
        try session.compile(
            "gurka.o",
            """
            #include <stdio.h>
            #include <linux/moduleparam.h>
            static int debug; module_param(debug, int, 0);
            int init_module(void) { printf("gurka: %d\\n", debug); return 0; }
            """, ["-O2"] + words)
        try expect(installed("modload", "gurka.o", "debug=7"), .done("gurka: 7\nModule loaded as ID 1\n"))
        // Nothing of it comes from where it was built.
        let space = try session.space()
        let daemon = try #require(session.daemon)
        #expect(
            try Tool.output("readlink", ["/proc/\(space)/exe", "/proc/\(daemon)/exe"])
                == "\(prefix)/libexec/modlink/modspace\n\(prefix)/bin/modlinkd\n")
        try expect(installed("modlinkd", "--stop"), .done())
        try expect(install("--uninstall"), .done())
        #expect(!Self.isThere(prefix))
    }

    @Test("programs, pages, completions, headers and units are where they are looked for") func places() throws {
        try expect(install(), .done("modlink is installed below \(prefix)\n"))
        let files = try files(prefix)
        for tool in ManualTests.tools {
            #expect(
                Set(files).isSuperset(of: [
                    "bin/\(tool)", "share/man/man8/\(tool).8", "share/bash-completion/completions/\(tool)",
                    "share/zsh/site-functions/_\(tool)", "share/fish/vendor_completions.d/\(tool).fish",
                ]))
            let completions = try text("share/bash-completion/completions/\(tool)")
            #expect(completions.contains("complete ") && completions.contains(" ---complete bash "))
        }
        let headers = try self.files(ModuleHeaders.directory)
        #expect(headers.contains("linux/moduleparam.h"))
        #expect(Set(files).isSuperset(of: headers.map { "include/modlink/\($0)" }))
        #expect(Set(files).isSuperset(of: ["libexec/modlink/modspace", "share/man/man7/modlink.7"]))
        #expect(Self.isThere(prefix + "/lib/modlink/modules"))
        let variables = ["PKG_CONFIG_PATH": prefix + "/lib/pkgconfig"]
        try expect(run("pkg-config", ["--modversion", "modlink"], variables), .done(Product.version + "\n"))
        try expect(
            run("pkg-config", ["--variable=moduledir", "modlink"], variables), .done(prefix + "/lib/modlink/modules\n"))
        for manager in ["system", "user"] {
            let service = try text("lib/systemd/\(manager)/modlinkd.service")
            #expect(service.contains("\nType=notify\nExecStart=\(prefix)/bin/modlinkd --foreground\n"))
            #expect(try text("lib/systemd/\(manager)/modlinkd.socket").contains("\nListenStream=%t/modlink/socket\n"))
        }
    }

    @Test(
        "systemd takes the units",
        .enabled(if: Tool.find("systemd-analyze") != nil, "systemd-analyze is not installed; no unit is tried"))
    func units() throws {
        try expect(install(), .done("modlink is installed below \(prefix)\n"))
        for unit in ["modlinkd.service", "modlinkd.socket"] {
            let path = "\(prefix)/lib/systemd/system/\(unit)"
            try expect(run("systemd-analyze", ["verify", "--man=no", path]), .done())
        }
    }

    @Test("installed again, what is not part of it any more goes, and what is somebody else's stays") func again()
        throws
    {
        try File.createDirectory(prefix, permissions: 0o755)
        try File.createDirectory(prefix + "/bin", permissions: 0o755)
        try session.write("prefix/bin/other", Array("other".utf8))
        try expect(install(), .done("modlink is installed below \(prefix)\n"))
        let first = try files(prefix)
        let manifest = try text("share/modlink/manifest")
        // As if an earlier version had had one more.
        try session.write("prefix/bin/modold", [])
        try session.write("prefix/share/modlink/manifest", Array((manifest + "file \(prefix)/bin/modold\n").utf8))
        try expect(install(), .done("modlink is installed below \(prefix)\n"))
        #expect(try files(prefix) == first)
        #expect(try text("share/modlink/manifest") == manifest)
        try session.write("prefix/lib/modlink/modules/mine.o", [])
        try expect(install("--uninstall"), .done())
        #expect(try files(prefix) == ["bin/other", "lib/modlink/modules/mine.o"])
        #expect(try File.list(prefix).sorted() == ["bin", "lib"])
        try expect(
            install("--uninstall"),
            .failed(
                1, "install: \(prefix)/share/modlink/manifest: missing; nothing is installed below \(prefix)\n"))
    }

    @Test("a file that is not modlink's is not overwritten, and nothing is installed then") func foreign() throws {
        try File.createDirectory(prefix, permissions: 0o755)
        try File.createDirectory(prefix + "/bin", permissions: 0o755)
        try session.write("prefix/bin/ksyms", Array("other".utf8))
        try expect(
            install(),
            .failed(1, "install: \(prefix)/bin/ksyms: exists, and is none of modlink's; move it away\n"))
        #expect(try files(prefix) == ["bin/ksyms"])
    }

    @Test("below DESTDIR everything is as it will be used from the prefix") func staged() throws {
        let variables = ["DESTDIR": session.path + "/stage"]
        let stage = session.path + "/stage/opt/modlink"
        try expect(
            install(prefix: "/opt/modlink", variables: variables), .done("modlink is installed below \(stage)\n"))
        let page = { (path: String) in
            String(decoding: try File.read(path: "\(stage)/\(path)", limit: 1 << 20), as: UTF8.self)
        }
        #expect(try page("lib/systemd/system/modlinkd.service").contains("ExecStart=/opt/modlink/bin/modlinkd "))
        #expect(try page("lib/pkgconfig/modlink.pc").hasPrefix("prefix=/opt/modlink\n"))
        #expect(try !page("share/modlink/manifest").contains(session.path))
        #expect(!Self.isThere("/opt/modlink"))
        try expect(install("--uninstall", prefix: "/opt/modlink", variables: variables), .done())
        #expect(!Self.isThere(session.path + "/stage/opt"))
    }

    @Test("a prefix that pkg-config or systemd would misread, and options that make no sense, are refused")
    func refused() throws {
        for bad in ["/tmp/a b", "/tmp/100%", "/tmp/$x", "/tmp/\"x\""] {
            try expect(
                install(prefix: bad),
                .failed(
                    1, "install: \(bad): a prefix consists of letters, digits and any of / . _ + , @ ~ : = -\n"))
        }
        let usage = ToolResult.failed(64, "usage: install [--prefix DIR] [--programs DIR | --uninstall]\n")
        let script = Self.root + "/Scripts/install"
        for arguments in [["--prefix"], ["--remove"], ["x"], ["--uninstall", "--programs", "x"]] {
            try expect(run(script, arguments), usage)
        }
        try expect(
            run(script, ["--prefix", prefix, "--programs", session.path]),
            .failed(1, "install: \(session.path)/modlinkd: missing; Scripts/build makes it\n"))
        #expect(!Self.isThere(prefix))
    }
}
