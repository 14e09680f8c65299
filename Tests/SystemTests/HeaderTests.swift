import Posix
import TestSupport
import Testing

/// The headers for module authors, by themselves.
@Suite struct HeaderTests {
    /// Every header, as a module names it.
    private static func headers() throws -> [String] {
        try ["asm", "linux", "modlink", "prop", "sys"].flatMap { folder in
            // Two are parts of a declaration, not headers.
            try File.list("\(Examples.headers)/\(folder)").sorted().filter { !$0.hasPrefix("symtab_") }
                .map { "\(folder)/\($0)" }
        }
    }

    private static let libraries = [
        "errno", "pthread", "signal", "stdio", "stdlib", "string", "sys/stat", "sys/sysinfo", "unistd",
    ]

    private static let compilations: [(compiler: String, standard: String)] =
        ["c89", "gnu89", "c99", "c11", "c17", "gnu17"].flatMap { standard in
            Compiler.available.map { ($0.rawValue, standard) }
        }
        + ["c++98", "c++11", "c++17", "gnu++20"].flatMap { standard in
            Compiler.available.map { ($0 == .gcc ? "g++" : $0.rawValue, standard) }
        }

    @Test(
        "all headers together, before and after the C library's, pass every standard without a warning",
        arguments: compilations.map { "\($0.compiler) \($0.standard)" })
    func standards(_ variant: String) throws {
        let words = variant.split(separator: " ").map(String.init)
        let own = try Self.headers().map { "#include <\($0)>\n" }
        let libraries = Self.libraries.map { "#include <\($0).h>\n" }
        let directory = try ScratchDirectory()
        for (name, text) in [("own.c", own + libraries), ("library.c", libraries + own.reversed())] {
            try directory.write(name, Array((text.joined() + "int own;\n").utf8))
            for machine in Compiler.makesI386Programs ? ["-m64", "-m32"] : ["-m64"] {
                try Tool.output(
                    words[0],
                    [
                        "-x", words[1].contains("++") ? "c++" : "c", "-std=" + words[1], machine, "-fsyntax-only",
                        "-Wall",
                        "-Wextra", "-Werror", "-I", Examples.headers, "\(directory.path)/\(name)",
                    ])
            }
        }
    }

    @Test("each header includes what it needs", arguments: try headers())
    func alone(_ header: String) throws {
        let directory = try ScratchDirectory()
        try directory.write("alone.c", Array("#include <\(header)>\nint own;\n".utf8))
        for options in [["-std=c89"], ["-D__KERNEL__", "-DMODULE", "-D_KERNEL"]] {
            try Tool.output(
                "gcc",
                options + [
                    "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-I", Examples.headers, directory.path + "/alone.c",
                ])
        }
    }

    @Test("each of the system's headers can stand beside those of modules of Linux, before and behind them")
    func besideTheSystems() throws {
        let own = ["module", "kernel", "fs", "sched", "time", "signal", "resource"].map { "#include <linux/\($0).h>\n" }
        let directory = try ScratchDirectory()
        var count = 0
        for header in try File.list("/usr/include/linux").sorted() where header.hasSuffix(".h") {
            let text = "#include <linux/\(header)>\n"
            try directory.write("alone.c", Array((text + "int own;\n").utf8))
            let alone = ["-w", "-fsyntax-only", directory.path + "/alone.c"]
            // Some cannot be included by themselves.
            guard try Tool.run("gcc", alone).status == .exited(0) else { continue }
            count += 1
            for (name, texts) in [("before.c", [text] + own), ("behind.c", own + [text])] {
                try directory.write(name, Array((texts.joined() + "int own;\n").utf8))
                try Tool.output(
                    "gcc",
                    [
                        "-w", "-D__KERNEL__", "-DMODULE", "-fsyntax-only", "-I", Examples.headers,
                        "\(directory.path)/\(name)",
                    ])
            }
        }
        #expect(count > 300)
    }

    @Test("every example compiles at every level of optimisation", arguments: Compiler.available)
    func levels(_ compiler: Compiler) throws {
        let session = try Session()
        for folder in ["linux", "lkm", "modlink", "module"] {
            for name in try File.list("\(Examples.path)/\(folder)").sorted() {
                // It is of a time that had one field less.
                let more =
                    ["oldcall.c", "chardev.c", "control.c", "patcher.c"].contains(name)
                    ? ["-Wno-missing-field-initializers"] : []
                for options in [["-O1"], ["-O3"], ["-Os", "-g"], ["-O2", "-fno-pic"], ["-O2", "-mcmodel=large"]] {
                    try session.compileExample(
                        "\(folder)/\(name)", Examples.Variant(compiler: compiler, options: options), more)
                }
            }
        }
    }
}
