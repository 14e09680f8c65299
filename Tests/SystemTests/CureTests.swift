import ModlinkInterface
import Posix
import TestSupport
import Testing

/// Refusals that say what helps.
@Suite struct CureTests {
    private let session: Session

    init() throws { session = try Session() }

    private func refused(_ program: String, _ arguments: String..., status: Int32 = 1) throws -> String {
        let result = try session.run(program, arguments)
        #expect(result.status == .exited(status) && result.output == "")
        return result.errors
    }

    @Test("a name alone is refused with the file here that may be meant, and with the variable of the path")
    func nameWithoutEnding() throws {
        let start = "modload: gurka: no such file, and MODLINK_PATH names no folder (ENOENT)"
        #expect(try refused("modload", "gurka") == start + "\n")
        try session.write("gurka.c", [])
        #expect(
            try refused("modload", "gurka") == start
                + "; 'cc -c gurka.c' makes gurka.o, and 'modload gurka.o' loads it\n")
        try session.compile("gurka.o", "int slices;")
        #expect(
            try refused("modload", "gurka") == start
                + "; for the file here, 'modload gurka.o'; a name alone is looked for in the folders of MODLINK_PATH\n")
        #expect(
            try refused("modload", "gurka.o", "slices")
                == "modload: slices: no such file, and MODLINK_PATH names no folder (ENOENT); gurka.o has a variable of that name: write slices=VALUE behind it\n"
        )
    }

    @Test("an object that is not there is refused with the source that it is made of") func missingObject() throws {
        let reason = "modload: gurka.o: open: no such file or directory (ENOENT)"
        #expect(try refused("modload", "gurka.o", status: 65) == reason + "\n")
        try session.write("gurka.c", [])
        #expect(try refused("modload", "gurka.o", status: 65) == reason + "; 'cc -c gurka.c' makes it\n")
    }

    @Test(
        "a module that is not there is refused with the one whose file was named, or that is called alike",
        arguments: ["gurka.o", "./gurka.o", "gurkka", "gurka.ko.xz"])
    func unloadsFile(name: String) throws {
        try session.compile("gurka.o", "int slices;")
        try session.output("modload", "gurka.o")
        for tool in ["modunload", "modstat"] {
            #expect(
                try refused(tool, name) == "\(tool): \(name): no such module; did you mean 'gurka'? (ENOENT)\n")
        }
        #expect(try refused("modunload", "tomat") == "modunload: tomat: no such module (ENOENT)\n")
    }

    @Test("an undefined symbol is refused with the object or archive beside that defines it") func definedBeside()
        throws
    {
        try session.compile("gurka.o", "int slice(int n) { return n; }")
        try session.compile("sallad.o", "int slice(int); int init_module(void) { return slice(0); }")
        for option in ["-f", "-n"] {
            #expect(
                try refused("modload", option, "sallad.o").contains(
                    "undefined symbol 'slice'; gurka.o defines it: name it too\n"))
        }
        _ = try Tool.output("ar", ["rc", session.path + "/libgurka.a", session.path + "/gurka.o"])
        try File.remove(session.path + "/gurka.o")
        #expect(
            try refused("modload", "sallad.o").contains(
                "undefined symbol 'slice'; libgurka.a defines it: name it behind sallad.o\n"))
    }

    @Test("a C++ object without its library is refused with names as they are written, and with what to add")
    func cxx() throws {
        try session.compile(
            "x.o", "struct A { virtual ~A() {} }; A *make() { return new A; }",
            language: .cxx)
        let errors = try refused("modload", "x.o")
        #expect(errors.contains("undefined symbol 'operator new(unsigned long)'\n"), "\(errors)")
        #expect(errors.contains("undefined symbol 'vtable for __cxxabiv1::__class_type_info'\n"), "\(errors)")
        #expect(!errors.contains("_Z"))
        #expect(
            errors.hasSuffix(
                "modload: x.o: needs the library of C++; name it behind the object: \"$(g++ -print-file-name=libstdc++.a)\"\n"
            ))
    }

    @Test(
        "an object of another compiler's library is refused with what to add",
        arguments: [
            ("_gfortran_st_write", "Fortran", "gfortran", ["libgfortran.a", "libquadmath.a"]),
            ("__gcov_init", "--coverage", "gcc", ["libgcov.a"]), ("GOMP_parallel", "OpenMP", "gcc", ["libgomp.a"]),
            ("__atomic_load_16", "atomic operations", "gcc", ["libatomic.a"]),
        ])
    func runtimes(name: String, language: String, compiler: String, files: [String]) throws {
        try session.compile("x.o", "void other(void) __asm__(\"\(name)\"); void f(void) { other(); }")
        let wanted = files.map { "\"$(\(compiler) -print-file-name=\($0))\"" }.joined(separator: " ")
        #expect(
            try refused("modload", "x.o").hasSuffix(
                "modload: x.o: needs the library of \(language); name it behind the object: \(wanted)\n"))
    }

    @Test("an object with main and nothing to be called is loaded with a warning") func mainOnly() throws {
        try session.compile("prog.o", "int main(void) { return 0; }")
        let result = try session.run("modload", "prog.o")
        expect(
            result,
            ToolResult(
                status: .exited(0), output: "Module loaded as ID 1\n",
                errors:
                    "modload: warning: prog: main is not called; a module is started by init_module, MODULE() or a constructor\n"
            ))
        try session.compile("both.o", "int init_module(void) { return 0; } int main2(void) { return 0; }")
        try expect(session.run("modload", "both.o"), .done("Module loaded as ID 2\n"))
    }

    @Test("wrong arguments are refused in one line that begins with the tool's name", arguments: ManualTests.tools)
    func usage(tool: String) throws {
        let wanted = "\(tool): unknown option '--nosuch'; see '\(tool) --help'\n"
        #expect(try refused(tool, "--nosuch", status: 64) == wanted)
        #expect(try refused(tool, "--nosuch", "x.o", status: 64) == wanted)
    }

    @Test("help has no table of values without a word on them", arguments: ManualTests.tools) func help(tool: String)
        throws
    {
        #expect(
            try !session.output(tool, "--help").split(separator: "\n").contains {
                $0.hasSuffix(" - ") || $0.hasSuffix(" -")
            })
    }
}
