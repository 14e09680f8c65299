import ELFFormat
import Linking
import ObjectModel
import TestSupport
import Testing

/// How the declaration of a parameter finds its variable, in what compilers make and in what no compiler would.
@Suite struct ParameterRecordTests {
    private static let small = """
        #include <linux/moduleparam.h>
        static int debug; module_param(debug, int, 0); MODULE_PARM_DESC(debug, "how much to say");
        static int level = 3; MODULE_PARM(level, "i");
        extern "C" int f(void); int f(void) { return debug * level; }
        """

    private func problems(_ object: Object, _ values: String...) -> String {
        var space = Space()
        space.settings.architecture = object.architecture
        return space.problems([
            ModuleSource(name: "gurka", objects: [object], parameters: values.compactMap(Parameter.init(text:)))
        ])
    }

    private func link(_ object: Object, _ values: String...) throws -> Linked {
        try Space([:], object.architecture).link([
            ModuleSource(name: "gurka", objects: [object], parameters: values.compactMap(Parameter.init(text:)))
        ])
    }

    @Test(
        "variables that nothing changes are found in C and C++, in every model, by every compiler",
        arguments: Compiler.available,
        [
            ["-O0"], ["-O2"], ["-Os", "-g"], ["-O2", "-fPIC"], ["-O2", "-fdata-sections", "-ffunction-sections"],
            ["-O2", "-mcmodel=kernel", "-fno-pic"], ["-O2", "-m32"], ["-O2", "-m32", "-fPIC"], ["-O2", "-fcommon"],
            ["-O3", "-mcmodel=large"],
        ])
    func compilers(_ compiler: Compiler, _ options: [String]) throws {
        for (language, text) in [
            (Compiler.Language.c, Self.small.replacing("extern \"C\"", with: "extern")), (.cxx, Self.small),
        ] {
            let object = try ELFObjectReader.read(
                try compiler.object(text, options + [ModuleHeaders.option], language: language), name: "gurka.o")
            let linked = try link(object, "debug=5", "level=7")
            // One lies in zeroes; f's result would tell, had it been computed by the compiler.
            #expect(linked.modules[0].writes.map(\.bytes) == [[5, 0, 0, 0]])
            #expect(linked.int(language == .c ? "level" : "_ZL5level") == 7)
            #expect(!linked.modules[0].image.sections.contains { $0.name.contains("params") })
        }
    }

    @Test("the compiler has no warning about the macros, and one about a variable of another type") func warnings()
        throws
    {
        let directory = try ScratchDirectory()
        func check(_ compiler: Compiler, _ text: String, _ name: String) throws -> ToolResult {
            let path = try directory.write(name, Array("#include <linux/moduleparam.h>\n\(text)\n".utf8))
            return try Tool.run(
                compiler.rawValue, ["-Wall", "-Wextra", "-Werror", ModuleHeaders.option, "-fsyntax-only", path])
        }
        let good = """
            static int debug; module_param(debug, int, 0644); MODULE_PARM_DESC(debug, "x");
            static unsigned n; static long list[3]; module_param_array(list, long, &n, 0);
            static char text[8]; module_param_string(word, text, sizeof(text), 0);
            static bool on; module_param(on, bool, 0); static const char *name = "x"; module_param(name, charp, 0);
            static int old; MODULE_PARM(old, "i"); int f(void); int f(void) { return old; }
            """
        for compiler in Compiler.available {
            #expect(try check(compiler, "#include <stdbool.h>\n" + good, "good.c").errors == "")
            #expect(try check(compiler, good, "good.cc").errors == "")
            for wrong in [
                "static long v; module_param(v, int, 0);", "static int v; module_param(v, charp, 0);",
                "static short v; module_param(v, bool, 0);", "static int v; module_param(v, integer, 0);",
                "static const int v = 1; module_param(v, int, 0);",
            ] {
                #expect(try check(compiler, wrong, "wrong.c").status != .exited(0), "\(wrong)")
            }
        }
    }

    @Test(
        "MODULE_PARM stands before its variable, or without one: static, global, or another object's",
        arguments: Compiler.available, [["-O0"], ["-O2"], ["-O2", "-fPIC"], ["-O2", "-fcommon"], ["-m32", "-O2"]])
    func placements(_ compiler: Compiler, _ options: [String]) throws {
        let before = """
            #include <linux/moduleparam.h>
            MODULE_PARM(debug, "i"); MODULE_PARM(list, "1-3h"); MODULE_PARM(name, "c8"); MODULE_PARM(tentative, "i");
            MODULE_PARM(global, "l"); MODULE_PARM(elsewhere, "2i"); MODULE_PARM_DESC(debug, "how much to say");
            static int debug = 1;
            static short list[3] = {1, 2, 3};
            static char name[8] = "nobody";
            int tentative;
            extern long global;
            long global = 4;
            long f(int i); long f(int i) { return debug + list[i] + name[i] + tentative + global; }
            """
        // It has one of a name too, that nobody declares.
        let beside = """
            int elsewhere[2] = {5, 6};
            static volatile int debug = 9; int g(void); int g(void) { return debug; }
            """
        let objects = try [before, beside].enumerated().map { index, text in
            try ELFObjectReader.read(
                try compiler.object(text, options + [ModuleHeaders.option]), name: "gurka\(index).o")
        }
        #expect(
            DeclaredParameter.all(of: objects).map { "\($0.name) (\($0.type))" }.sorted() == [
                "debug (int)", "elsewhere (array of int, 2)", "global (long)", "list (array of short, 1 to 3)",
                "name (text of at most 7 bytes)", "tentative (int)",
            ])
        func source(_ values: [String]) -> ModuleSource {
            ModuleSource(name: "gurka", objects: objects, parameters: values.compactMap(Parameter.init(text:)))
        }
        var space = Space([:], objects[0].architecture)
        let values = ["debug=5", "list=7,8", "name=gurka", "tentative=11", "global=-1", "elsewhere=12,13"]
        let linked = try space.link([source(values)])
        let writes = linked.modules[0].writes
        #expect(writes.map(\.bytes) == [[11, 0, 0, 0]], "what lies in zeroes")
        #expect(linked.int("elsewhere") == 12 && linked.int("debug") == 5 && linked.int("global") == .max)
        space = Space([:], objects[0].architecture)
        #expect(
            space.problems([source(["list=1,2,3,4", "name=12345678", "elsewhere=1", "debug=x"])])
                .split(separator: "\n").count == 4)
        // Without the object that has the variable.
        let alone = ModuleSource(
            name: "gurka", objects: [objects[0]], parameters: ["elsewhere=1,2"].compactMap(Parameter.init(text:)))
        #expect(
            space.problems([alone])
                == "gurka: parameter 'elsewhere': the module declares it, but has no variable of that name")
    }

    @Test("objects without our records: the variable is the one of the parameter's name") func older() throws {
        let object = try LinkingTests.object(
            """
            #define IN __attribute__((used, section(".modinfo"), aligned(1)))
            static const char a[] IN = "parm_io=1-2i", b[] IN = "parm_desc_io=ports", c[] IN = "parmtype=name:charp";
            static const char d[] IN = "parmtype=gone:int", e[] IN = "license=GPL", f[] IN = "parmtype=odd:rings";
            static const char g[] IN = "parm=name:who: me", h[] IN = "parmtype=text:string";
            static const char i[] IN = "parmtype=on:bool", j[] IN = "parmtype=wide:long";
            volatile int io[2]; char *name; int odd; char text[5]; int on; short wide;
            """, ["-O0"])
        let declared = DeclaredParameter.all(of: [object]).map { "\($0.name):\($0.description ?? "") (\($0.type))" }
        #expect(
            declared == [
                "io:ports (array of int, 1 to 2)", "name:who: me (text)", "gone: (int)", "odd: (rings)", "text: (text)",
                "on: (bool)", "wide: (long)",
            ])
        let linked = try link(object, "io=0x300,5", "name=x", "text=abcd", "on=y")
        #expect(
            linked.modules[0].writes.map(\.bytes).filter { $0.count != 8 } == [
                [0, 3, 0, 0], [5, 0, 0, 0], Array("abcd\0".utf8), [1, 0, 0, 0],
            ])
        #expect(
            problems(object, "text=abcde", "gone=1", "odd=1", "wide=1", "io=1,2,3") == """
                gurka: parameter 'text': the text 'abcde' is too long: text of at most 4 bytes
                gurka: parameter 'gone': the module declares it, but has no variable of that name
                gurka: parameter 'odd': its type 'rings' is not known, so it cannot be set
                gurka: parameter 'wide': declared as long, but its variable has 2 bytes
                gurka: parameter 'io': 3 values are too many for array of int, 1 to 2
                """)
    }

    @Test(
        "a declaration in letters that makes no sense is no type",
        arguments: ["", "1-", "4-1i", "0i", "0-0i", "-4i", "c", "c0", "x", "ii", "1-4", "99999999999999999999i", "1 i"])
    func badLetters(_ letters: String) throws {
        let object = try LinkingTests.object(
            """
            static const char a[] __attribute__((used, section(".modinfo"))) = "parm_v=\(letters)"; int v[8];
            """)
        #expect(
            problems(object, "v=1") == "gurka: parameter 'v': its type '\(letters)' is not known, so it cannot be set")
    }

    @Test("declared for more than the variable has room for") func room() throws {
        let object = try LinkingTests.object(
            """
            #include <linux/moduleparam.h>
            static int four[4]; MODULE_PARM(four, "1-4i"); static int three[3]; MODULE_PARM(three, "1-4i");
            static char eight[8]; MODULE_PARM(eight, "c8"); static char seven[7]; MODULE_PARM(seven, "c8");
            static int *huge; MODULE_PARM(huge, "1-4611686018427387905i");
            """, ["-O2", ModuleHeaders.option])
        #expect(try link(object, "four=1,2,3,4", "eight=abcdefg").modules[0].writes.count == 5)
        #expect(
            problems(object, "three=1", "seven=a", "huge=1") == """
                gurka: parameter 'three': declared as array of int, 1 to 4, but its variable has 12 bytes
                gurka: parameter 'seven': declared as text of at most 7 bytes, but its variable has 7 bytes
                gurka: parameter 'huge': declared as array of int, 1 to 4611686018427387905, but its variable has 8 bytes
                """)
    }

    @Test("what is said in .modinfo and is no declaration is passed over, up to the end of the section") func oddLines()
        throws
    {
        let object = try assembled(
            """
            .section .modinfo,"a"
            .asciz "", "parmtype", "parmtype=", "parmtype=:int", "parmtype=v", "parm_=i", "=", "parm=v", "parm_desc_=x"
            .byte 0,0,0
            .ascii "parmtype=last:int"
            .data
            .globl last
            .type last,@object
            .size last,4
            last: .long 0
            """)
        #expect(DeclaredParameter.all(of: [object]).map(\.name) == ["last"])
        #expect(try link(object, "last=6").int("last") == 6)
    }

    /// An object with a record that has this variable, count, size and element size.
    private func record(_ variable: String, count: String = "0", size: String = "4", element: String = "4") throws
        -> Object
    {
        try assembled(
            """
            .section .modinfo,"a"
            text: .asciz "parmtype=list:array of int"
            .section .modlink.params,"a"
            .quad text, \(variable), \(count), \(size), \(element)
            .data
            v: .long 1, 2, 3
            end:
            .section .rodata
            constant: .long 1, 2, 3
            """)
    }

    @Test("a record that lies is refused") func lies() throws {
        #expect(problems(try record("v", size: "12"), "list=1,2,3") == "linked")
        #expect(problems(try record("v+4", count: "v", size: "8"), "list=1,2") == "linked")
        #expect(problems(try record("v", count: "end-4"), "list=1") == "linked")
        let beyond = "gurka: parameter 'list': the variable reaches beyond its section"
        #expect(problems(try record("v", size: "16"), "list=1") == beyond)
        #expect(problems(try record("v+4", size: "12"), "list=1") == beyond)
        #expect(problems(try record("v", size: "-4"), "list=1") == beyond)
        #expect(problems(try record("end"), "list=1") == beyond)
        #expect(problems(try record("v+0x7fffffffffffffff"), "list=1") == beyond)
        let none = "gurka: parameter 'list': its variable is none of the module's"
        for variable in ["v-4", "0", "missing", "0x1000"] {
            #expect(problems(try record(variable), "list=1").split(separator: "\n").first.map(String.init) == none)
        }
        #expect(problems(try record("constant"), "list=1") == "gurka: parameter 'list': the variable is constant")
        for count in ["end", "constant", "missing", "v-1"] {
            #expect(
                problems(try record("v", count: count), "list=1").split(separator: "\n").first.map(String.init)
                    == "gurka: parameter 'list': the variable for the number of its values is none of the module's")
        }
        #expect(
            problems(try record("v", size: "3"), "list=1")
                == "gurka: parameter 'list': declared as array of int, 1 to 0, but its variable has 3 bytes")
    }

    @Test("records that are cut short, or belong to no string, are none") func strayRecords() throws {
        let object = try assembled(
            """
            .section .modinfo,"a"
            text: .asciz "parmtype=v:int"
            .section .modlink.params,"a"
            .quad text+1, v, 0, 4, 4
            .quad 0, v, 0, 4, 4
            .quad text-1, v, 0, 4, 4
            .quad text, v, 0, 4
            .data
            .type v,@object
            .size v,4
            v: .long 0
            """)
        #expect(try link(object, "v=3").int("v") == 3)
    }

    @Test("a variable that another object of the module defines") func elsewhere() throws {
        let declaration = try LinkingTests.object(
            "#include <linux/moduleparam.h>\nextern int debug; module_param(debug, int, 0);",
            ["-O2", ModuleHeaders.option])
        let linked = try Space().link([
            ModuleSource(
                name: "gurka", objects: [declaration, try LinkingTests.object("int debug = 1;")],
                parameters: [Parameter(name: "debug", value: "8")])
        ])
        #expect(linked.int("debug") == 8)
        #expect(problems(declaration, "debug=1") == "gurka: parameter 'debug': its variable is none of the module's")
    }
}
