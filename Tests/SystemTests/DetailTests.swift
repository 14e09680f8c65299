import FoundationEssentials
import ModlinkInterface
import Posix
import TestSupport
import Testing

/// All that is known of a module, or that a file says of itself.
@Suite struct DetailTests {
    private let session: Session

    private static let source = """
        #include <linux/module.h>
        #include <linux/moduleparam.h>
        MODULE_LICENSE("GPL");
        MODULE_DESCRIPTION("slices");
        int count = 3;
        module_param(count, int, 0);
        MODULE_PARM_DESC(count, "how many");
        static char *name = "gurka";
        module_param(name, charp, 0);
        short list[3] = { 1, -2, 3 };
        module_param_array(list, short, 0, 0);
        bool on = true;
        module_param(on, bool, 0);
        int slice(int n) { return n * count; }
        const char *gurka_name(void) { return name; }
        int init_module(void) { count++; return 0; }
        """

    init() throws {
        session = try Session()
        try session.compile("gurka.o", Self.source, ["-O2", "-include", "stdbool.h", "-I" + ModuleHeaders.directory])
        try session.compile("sallad.o", "int slice(int); int init_module(void) { return slice(0); }")
    }

    @Test("modstat -v says what a module is, with the values that its parameters have now") func details() throws {
        try session.output("modload", "gurka.o", "name=lok", "sallad.o")
        let text = try session.output("modstat", "-v", "gurka")
        let lines = text.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
        #expect(lines.first == "gurka: ID 1, running in x86-64")
        for line in [
            "file \(session.path)/gurka.o", "dialect linux", "license GPL", "description slices",
            "parameter count = 4 (int): how many", "parameter list = 1,-2,3 (array of short)",
            "parameter on = Y (bool)",
            "held in use by sallad, which refers to slice",
        ] {
            #expect(lines.contains(line), "\(line)\n\(text)")
        }
        #expect(lines.contains { $0.hasPrefix("loaded 20") && $0.hasSuffix(" UTC") })
        #expect(lines.contains { $0.hasPrefix("section r-x 0x1000") && $0.hasSuffix(" .text") })
        #expect(lines.contains { $0.hasPrefix("build ID ") && $0.count == "build ID ".count + 32 })
        #expect(lines.contains { $0.hasPrefix("exports ") && $0.contains("slice") && !$0.contains("init_module") })
        let both = try session.output("modstat", "-v")
        #expect(
            both.hasPrefix(text + "\nsallad: ID 2, running in x86-64\n")
                && both.contains("uses          gurka: slice\n"))
    }

    @Test("modstat -v lists the threads in a module, and what its code has opened and not closed") func opened() throws
    {
        try session.compile(
            "waits.o",
            """
            #include <fcntl.h>
            #include <pthread.h>
            #include <unistd.h>
            static int ends[2];
            static void *work(void *unused) { char byte; return read(ends[0], &byte, 1) == 1 ? unused : &ends; }
            int init_module(void)
            {
                pthread_t thread;
                return pipe(ends) || open("/dev/null", O_RDONLY) < 0 || pthread_create(&thread, 0, work, 0);
            }
            """, ["-O1"])
        try session.output("modload", "waits.o")
        let lines = try session.output("modstat", "-v", "waits").split(separator: "\n").map {
            $0.split(separator: " ").joined(separator: " ")
        }
        #expect(lines.count { $0.wholeMatch(of: #/thread \d+ in work\+0x[0-9a-f]+/#) != nil } == 1, "\(lines)")
        #expect(lines.count { $0.wholeMatch(of: #/descriptor \d+ pipe:\[\d+\]/#) != nil } == 2, "\(lines)")
        #expect(lines.count { $0.wholeMatch(of: #/descriptor \d+ \/dev\/null/#) != nil } == 1, "\(lines)")
        let gurka = try session.output("modload", "gurka.o") + session.output("modstat", "-v", "gurka")
        #expect(!gurka.contains("  thread ") && !gurka.contains("  descriptor "), "\(gurka)")
    }

    @Test("modstat -v --json has the same in details") func json() throws {
        struct Listed: Decodable {
            let name: String
            let details: ModuleDetails
        }
        try session.output("modload", "gurka.o")
        let bytes = Data(try session.output("modstat", "-v", "--json").utf8)
        let listed = try JSONDecoder().decode([Listed].self, from: bytes)
        #expect(listed.map(\.name) == ["gurka"])
        let details = try #require(listed.first).details
        #expect(details.files == [session.path + "/gurka.o"])
        #expect(
            details.parameters.first == ModuleParameter(name: "count", type: "int", value: "4", description: "how many")
        )
        #expect(details.parameters.count == 4 && details.parameters[1].value == "gurka")
        #expect(details.information.contains(ModuleField(name: "license", value: "GPL")))
        #expect(details.holds.isEmpty && details.threads.isEmpty && details.descriptors.isEmpty)
    }

    @Test("the files of a module of several are all there, and an archive once") func files() throws {
        try session.compile("one.o", "int one(void) { return 1; }")
        try session.compile("two.o", "int two(void) { return 2; }")
        _ = try Tool.output("ar", ["rc"] + ["libn.a", "one.o", "two.o"].map { session.path + "/" + $0 })
        try session.compile("sum.o", "int one(void), two(void); int init_module(void) { return one() + two() - 3; }")
        try session.output("modload", "sum.o", "libn.a")
        let lines = try session.output("modstat", "-v", "sum").split(separator: "\n").filter { $0.hasPrefix("  file") }
        #expect(lines.map { $0.split(separator: " ")[1] } == ["\(session.path)/sum.o", "\(session.path)/libn.a"])
    }

    @Test("modload --info says what files say, without a daemon") func info() throws {
        try expect(
            session.run("modload", "--info", "gurka.o", "sallad.o"),
            .done(
                """
                filename:       gurka.o
                format:         ELF
                machine:        x86-64
                description:    slices
                license:        GPL
                kernel_version: 2.4.37-modlink
                entry:          init_module
                parm:           count:how many (int)
                parm:           name: (text)
                parm:           list: (array of short, 1 to 3)
                parm:           on: (bool)
                filename:       sallad.o
                format:         ELF
                machine:        x86-64
                entry:          init_module

                """))
        try expect(session.run("modload", "--info", "-F", "license", "gurka.o", "sallad.o"), .done("GPL\n"))
        try expect(session.run("modload", "--info", "-F", "nosuch", "gurka.o"), .done())
        #expect(session.daemon == nil)
        try expect(
            session.run("modload", "-F", "license", "gurka.o"),
            .failed(64, "modload: -F belongs to --info; see 'modload --help'\n"))
    }

    @Test(
        "modload --info looks into archives, and says what would be called",
        arguments: [
            ("int main(void) { return 0; }", "none; main is not called"), ("int x;", "none"),
            ("volatile int x; __attribute__((constructor)) void f(void) { x = 1; }", "constructors and destructors"),
            ("int xxxinit(void) { return 0; }", "xxxinit"), ("int a_lkmentry(void) { return 0; }", "a_lkmentry"),
            ("int init_module(void) { return 0; } void cleanup_module(void) {}", "init_module, cleanup_module"),
        ]) func archive(source: String, entry: String) throws
    {
        try session.compile("a.o", source)
        _ = try Tool.output("ar", ["rc", session.path + "/liba.a", session.path + "/a.o"])
        try expect(session.run("modload", "--info", "-F", "entry", "a.o", "liba.a"), .done("\(entry)\n\(entry)\n"))
        try expect(session.run("modload", "--info", "-F", "filename", "liba.a"), .done("liba.a(a.o)\n"))
    }

    @Test("modload --json and modunload --json print what was done, and a failure too") func loadJSON() throws {
        let bytes = Data(try session.output("modload", "--json", "gurka.o").utf8)
        let reply = try JSONDecoder().decode(LoadMethod.Reply.self, from: bytes)
        #expect(reply.modules.map(\.name) == ["gurka"] && reply.output == "")
        let refused = try session.run("modload", "--json", "gurka.o")
        #expect(refused.status == .exited(1) && refused.output.contains("\"error\" : \"ModuleExists\""))
        #expect(refused.errors.hasPrefix("modload: gurka: a module of that name is already loaded (EEXIST)"))
        let gone = try JSONDecoder().decode(
            UnloadMethod.Reply.self, from: Data(try session.output("modunload", "--json", "gurka").utf8))
        #expect(gone == UnloadMethod.Reply(modules: ["gurka"], output: ""))
    }

    @Test("a path with no file is NoSuchFile for who calls by Varlink") func missingPath() throws {
        try session.output("modstat")
        var client = try DaemonConnection.open(RuntimeDirectory(path: session.runtime), starts: false)
        let request = ModuleRequest(objects: [ObjectFile(name: "x.o", path: session.path + "/x.o")])
        do {
            _ = try client.call(LoadMethod.self, LoadMethod.Parameters(modules: [request]))
            Issue.record("loaded")
        } catch {
            #expect(
                Failure(error)
                    == Failure(
                        .noSuchFile, subject: session.path + "/x.o",
                        reason: "open: no such file or directory (ENOENT)"))
        }
    }
}
