import ModlinkInterface
import Posix
import TestSupport
import Testing

/// Modules that declare their parameters, loaded and linked offline.
@Suite struct ParameterTests {
    private static let source = """
        #include <stdio.h>
        #include <linux/moduleparam.h>
        static int debug = 1; module_param(debug, int, 0644); MODULE_PARM_DESC(debug, "how much to say");
        static char *name = "nobody"; module_param(name, charp, 0444);
        static int list[4]; static unsigned count; module_param_array(list, int, &count, 0);
        static _Bool on; module_param(on, bool, 0);
        static char tag[8] = "none"; module_param_string(tag, tag, sizeof tag, 0); MODULE_PARM_DESC(tag, "short");
        static int io[3] = {1, 2, 3}; MODULE_PARM(io, "2-3i");
        int init_module(void)
        {
            printf("%d %s %u:%d,%d,%d,%d %s %s %d,%d,%d\\n", debug, name, count, list[0], list[1], list[2], list[3],
                   on ? "on" : "off", tag, io[0], io[1], io[2]);
            return 0;
        }
        """

    private func session(_ options: String...) throws -> Session {
        let session = try Session()
        try session.compile("gurka.o", Self.source, ["-O2", ModuleHeaders.option] + options)
        return session
    }

    private func load(_ session: Session) throws {
        try expect(
            session.run("modload", "gurka.o"),
            .done("1 nobody 0:0,0,0,0 off none 1,2,3\nModule loaded as ID 1\n"))
        try session.output("modunload", "gurka")
        try expect(
            session.run(
                "modload", "gurka.o", "debug=-3", "name=Gurka, grön", "list=7,0x10,-1", "on=y", "tag=1234567",
                "io=0x300,5"),
            .done("-3 Gurka, grön 3:7,16,-1,0 on 1234567 768,5,3\nModule loaded as ID 2\n"))
    }

    @Test("values of every kind are there before init runs") func loaded() throws {
        try load(session())
    }

    @Test(
        "and in a module for i386", .enabled(if: Compiler.makesI386Programs, "\(Compiler.noI386Programs)"))
    func loadedI386() throws {
        try load(session("-m32"))
    }

    @Test("what is wrong is told at once, by modload and by modload -n, and nothing is loaded") func refused() throws {
        let session = try session()
        let values = ["debg=1", "debug=2147483648", "on=maybe", "tag=12345678", "list=1,2,3,4,5", "io=1"]
        let wanted = ToolResult.failed(
            1,
            """
            modload: gurka: parameter 'debg': unknown; it has: debug (int), name (text), list (array of int, 1 to 4), on (bool), tag (text of at most 7 bytes), io (array of int, 2 to 3)
            modload: gurka: parameter 'debug': the value '2147483648' is out of range: int is a number from -2147483648 to 2147483647
            modload: gurka: parameter 'on': the value 'maybe' is no bool: y, n, 1, 0, on or off
            modload: gurka: parameter 'tag': the text '12345678' is too long: text of at most 7 bytes
            modload: gurka: parameter 'list': 5 values are too many for array of int, 1 to 4
            modload: gurka: parameter 'io': 1 value is too few for array of int, 2 to 3

            """)
        try expect(session.run("modload", ["gurka.o"] + values), wanted)
        let space = try SpaceProgram.path()
        try expect(session.run("modload", ["-n", "-A", space, "gurka.o"] + values), wanted)
        #expect(try session.names() == [])
        #expect(try session.run("modload", "-n", "-A", space, "gurka.o", "debug=2147483647").status == .exited(0))
    }

    @Test("--parameters lists them without a daemon") func listed() throws {
        let session = try session()
        let list = """
            debug:how much to say (int)
            name: (text)
            list: (array of int, 1 to 4)
            on: (bool)
            tag:short (text of at most 7 bytes)
            io: (array of int, 2 to 3)

            """
        try expect(session.run("modload", "--parameters", "gurka.o"), .done(list))
        try session.compile("plain.o", Sources.quiet("f"))
        try expect(session.run("modload", "--parameters", "plain.o"), .done())
        let both = list.split(separator: "\n").map { "gurka.\($0)\n" }.joined()
        try expect(session.run("modload", "--parameters", "plain.o", "gurka.o"), .done(both))
        #expect(session.daemon == nil)
        let refused = try session.run("modload", "--parameters", "gurka.o", "debug=1")
        #expect(refused.status == .exited(64))
        #expect(
            refused.errors.hasPrefix(
                "modload: --parameters only lists: -n, -o and values go without it; see 'modload --help'\n"))
    }

    @Test("modinfo reads what the headers write") func modinfo() throws {
        let session = try session()
        // It takes files of that name only.
        try session.write("gurka.ko", try session.read("gurka.o"))
        // Not everybody has the folder in PATH.
        let modinfo = Tool.find("modinfo") ?? "/usr/sbin/modinfo"
        let result = try Tool.run(
            executable: modinfo, ["-p", session.path + "/gurka.ko"], environment: Tool.englishEnvironment())
        #expect(
            Set(result.output.split(separator: "\n")) == [
                "debug:how much to say (int)", "name: (charp)", "list: (array of int)", "on: (bool)",
                "tag:short (string)",
            ])
    }
}
