import FoundationEssentials
import ModlinkInterface
import Posix
import TestSupport
import Testing

/// i386 objects and the space that they live in, beside that of x86-64.
@Suite(.enabled(if: Compiler.makesI386Programs, "\(Compiler.noI386Programs)"))
struct SpaceTests {
    private static let melon = """
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        int seeds = 3;
        static const char *const names[] = {"gala", "honung"};
        static long long wide = 1LL << 40;
        __attribute__((constructor)) static void begin(void) { seeds++; }
        __attribute__((destructor)) static void end(void) { printf("melon: %d seeds left\\n", seeds); }
        int halve(int n) { return n / 2; }
        int init_module(void) {
            char *copy = strdup(names[1]);
            printf("melon: %s %d %lld %zu\\n", copy, seeds, wide / 3, sizeof(void *));
            free(copy);
            return 0;
        }
        void cleanup_module(void) { seeds = halve(seeds); }
        """

    /// Without libc's headers.
    private static let pasta = "int init_module(void) { return 0; } int boil(void) { return 64; }"

    private func session() throws -> Session {
        let session = try Session()
        try session.compile("melon.o", Self.melon, ["-O2", "-m32"])
        try session.compile("pasta.o", Self.pasta)
        return session
    }

    private func process(_ session: Session, _ space: String) throws -> Int32 {
        var client = try DaemonConnection.open(RuntimeDirectory(path: session.runtime), starts: false)
        return Int32(try #require(try client.call(StatusMethod.self, SpaceParameters(space: space)).reply.space))
    }

    @Test(
        "an object as gcc -m32 makes it loads, runs and unloads, with -fPIC too",
        arguments: [["-O2"], ["-O0"], ["-O2", "-fPIC"], ["-Os", "-fno-pic"], ["-O2", "-fno-plt", "-fPIC"]])
    func load(options: [String]) throws {
        let session = try Session()
        try session.compile("melon.o", Self.melon, options + ["-m32"])
        try expect(
            session.run("modload", "melon.o"),
            .done("melon: honung 4 366503875925 4\nModule loaded as ID 1\n"))
        try expect(session.run("modunload", "melon"), .done("melon: 2 seeds left\n"))
        #expect(try session.names() == [])
    }

    @Test("modules of i386 use each other, and are held; a program's sqrt and threads work there")
    func references() throws {
        let session = try session()
        try session.compile(
            "soppa.o",
            """
            #include <math.h>
            #include <pthread.h>
            #include <stdio.h>
            extern int halve(int), seeds;
            static void *work(void *n) { return (void *)(long)halve((int)(long)n); }
            int init_module(void) {
                pthread_t thread;
                void *result;
                volatile double two = 2;
                pthread_create(&thread, 0, work, (void *)84L);
                pthread_join(thread, &result);
                printf("soppa: %d %d %.3f\\n", (int)(long)result, seeds, sqrt(two));
                return 0;
            }
            """, ["-O2", "-m32"])
        try session.output("modload", "melon.o")
        try expect(session.run("modload", "soppa.o"), .done("soppa: 42 4 1.414\nModule loaded as ID 2\n"))
        try expect(
            session.run("modunload", "melon"),
            .failed(1, "modunload: melon: in use by soppa, which refers to halve and seeds (EBUSY)\n"))
        try expect(session.run("modunload", "melon", "soppa"), .done("melon: 2 seeds left\n"))
    }

    @Test("init gets its words in the classic way, and a use counter has the size of that machine's long")
    func classic() throws {
        let session = try Session()
        try session.compile(
            "lkm.o",
            """
            #include <stdio.h>
            long mod_use_count_ = 0;
            int neighbour = -1;
            int lkm_lkmentry(unsigned char *table, int command, int version) {
                printf("lkm: %d %d %d\\n", table[255], command, version);
                mod_use_count_ = command == 1;
                return 0;
            }
            """, ["-O0", "-m32", "-fno-zero-initialized-in-bss", "-fno-toplevel-reorder"])
        try expect(session.run("modload", "lkm.o"), .done("lkm: 0 1 1\nModule loaded as ID 1\n"))
        try expect(session.run("modunload", "lkm"), .failed(1, "modunload: lkm: in use: its use count is 1 (EBUSY)\n"))
    }

    @Test("a fault is told with the module's function; the space and its modules stay")
    func fault() throws {
        let session = try session()
        try session.compile(
            "crash.o", "int init_module(void) { *(volatile int *)0x10 = 1; return 0; }", ["-O0", "-m32"])
        try session.output("modload", "melon.o")
        let space = try process(session, "i386")
        let result = try session.run("modload", "crash.o")
        #expect(result.status == .exited(1))
        #expect(
            result.errors.hasPrefix("modload: crash: init_module: SIGSEGV at 0x10 in crash:init_module+0x"),
            "\(result.errors)")
        #expect(try process(session, "i386") == space)
        #expect(try session.names() == ["melon"])
        try expect(session.run("modunload", "melon"), .done("melon: 2 seeds left\n"))
    }

    @Test("modstat has a column SPACE while two spaces run, and --space chooses one")
    func column() throws {
        let session = try session()
        try session.output("modload", "pasta.o")
        #expect(try session.output("modstat").hasPrefix("ID  NAME   STATE  "))
        let one = try JSONDecoder().decode(
            [ModuleInformation].self, from: Data(try session.output("modstat", "--json").utf8))
        #expect(one.map(\.space) == ["x86-64"])
        #expect(try session.output("modstat", "--space", "i386") == "ID  NAME  STATE  REFS  SIZE  ADDRESS  USED BY\n")

        try session.output("modload", "melon.o")
        let table = try session.output("modstat").split(separator: "\n").map { line in
            line.split(separator: " ").prefix(4).joined(separator: " ")
        }
        #expect(table == ["ID NAME SPACE STATE", "1 pasta x86-64 running", "2 melon i386 running"])
        for (space, name) in [("x86-64", "pasta"), ("i386", "melon")] {
            let text = try session.output("modstat", "--space", space)
            #expect(text.split(separator: "\n").count == 2 && text.contains(" \(name)  \(space) "), "\(text)")
            let modules = try JSONDecoder().decode(
                [ModuleInformation].self, from: Data(try session.output("modstat", "--json", "--space", space).utf8))
            #expect(modules.map(\.name) == [name] && modules.map(\.space) == [space])
            #expect(modules.map(\.address) == [0x1000_0000])
        }

        // The last module of i386 goes, and with it the column, though its space still runs.
        try session.output("modunload", "melon")
        #expect(try session.output("modstat").hasPrefix("ID  NAME   STATE  "))
        try session.output("modload", "melon.o")

        // The space of i386 ends, and with it the column: another starts with the next object only.
        let (native, other) = (try process(session, "x86-64"), try process(session, "i386"))
        try ChildProcess(process: other).signal(9)
        #expect(try eventually { try session.names() == ["pasta"] })
        #expect(try session.output("modstat").hasPrefix("ID  NAME   STATE  "))
        #expect(try process(session, "x86-64") == native)
        #expect(
            try session.output("modstat", "--console").contains(
                "modlinkd: space \(other) (i386) ended by SIGKILL; lost with it: melon\n"))
        #expect(try session.images() == ["pasta"])
        #expect(throws: SystemError.self) { try File.status(path: session.runtime + "/ksyms.i386") }
        try session.output("modload", "melon.o")
        #expect(try session.names() == ["pasta", "melon"])
        try expect(session.run("modunload", "melon", "pasta"), .done("melon: 2 seeds left\n"))
    }

    @Test("a module that ends the space of i386 takes nothing else along")
    func exits() throws {
        let session = try session()
        try session.compile(
            "exits.o",
            "#include <signal.h>\n#include <unistd.h>\nint init_module(void) { return kill(getpid(), SIGKILL); }",
            ["-O2", "-m32"])
        try session.output("modload", "pasta.o")
        try session.output("modload", "melon.o")
        let native = try process(session, "x86-64")
        try expect(
            session.run("modload", "exits.o"),
            .failed(
                1, "modload: exits: init_module: ended the space: it ended by SIGKILL; all its modules are lost\n"))
        #expect(try session.names() == ["pasta"])
        #expect(try process(session, "x86-64") == native)
        #expect(try session.images() == ["pasta"])
    }

    @Test("the end of the x86-64 space leaves that of i386 alone")
    func nativeEnds() throws {
        let session = try session()
        try session.output("modload", "pasta.o")
        try session.output("modload", "melon.o")
        let (native, other) = (try process(session, "x86-64"), try process(session, "i386"))
        try ChildProcess(process: native).signal(9)
        #expect(try eventually { try session.names() == ["melon"] })
        #expect(try eventually { (try? process(session, "x86-64")).map { $0 != native } ?? false })
        #expect(try process(session, "i386") == other)
        try expect(session.run("modunload", "melon"), .done("melon: 2 seeds left\n"))
    }

    @Test("both spaces end with the daemon")
    func stop() throws {
        let session = try session()
        try session.output("modload", "melon.o")
        let processes = [try process(session, "x86-64"), try process(session, "i386")]
        try session.output("modlinkd", "--stop")
        #expect(processes.filter(Session.isAlive) == [])
        for name in ["ksyms", "ksyms.i386"] {
            #expect(throws: SystemError.self) { try File.status(path: "\(session.runtime)/\(name)") }
        }
    }

    @Test("names are unique over all spaces, and nothing is resolved across them")
    func names() throws {
        let session = try session()
        try session.output("modload", "pasta.o")
        try session.compile("other.o", "extern int boil(void); int init_module(void) { return boil(); }", ["-m32"])
        let result = try session.run("modload", "other.o")
        #expect(result.status == .exited(1))
        #expect(result.errors.hasPrefix("modload: other.o: ") && result.errors.contains("'boil'"), "\(result.errors)")
        try expect(
            session.run("modload", "--name", "pasta", "melon.o"),
            .failed(
                1,
                "modload: pasta: a module of that name is already loaded (EEXIST); 'modunload pasta' takes it out, --name gives this one another\n"
            ))
    }

    @Test("objects of two machines in one load, and one that the named space does not take, are told by name")
    func mixed() throws {
        let session = try session()
        let reason = "made for i386, and pasta.o for x86-64; what is loaded together goes into one space"
        try expect(session.run("modload", "pasta.o", "melon.o"), .failed(1, "modload: melon.o: \(reason)\n"))
        try expect(
            session.run("modload", "--name", "both", "pasta.o", "melon.o"), .failed(1, "modload: melon.o: \(reason)\n"))
        try expect(
            session.run("modload", "--space", "i386", "pasta.o"),
            .failed(1, "modload: pasta.o: made for x86-64, not for the space i386\n"))
        try expect(
            session.run("modload", "--space", "x86-64", "melon.o"),
            .failed(1, "modload: melon.o: made for i386, not for the space x86-64\n"))
        #expect(throws: SystemError.self) { try File.status(path: session.runtime + "/ksyms.i386") }
        #expect(try session.run("modload", "--space", "i386", "melon.o").status == .exited(0))
        let wrong = try session.run("modload", "--space", "m68k", "melon.o")
        #expect(wrong.status == .exited(64))
        #expect(wrong.errors.contains("'m68k'") && wrong.errors.contains("'i386'"), "\(wrong.errors)")
    }

    @Test("ksyms shows one space's symbols; the file of the second is ksyms.i386")
    func symbols() throws {
        let session = try session()
        try session.output("modload", "pasta.o")
        try expect(
            session.run("ksyms", "--space", "i386", "halve"),
            .failed(1, "ksyms: i386: no such space runs; it starts with the first object that is made for it\n"))
        try session.output("modload", "melon.o")
        try expect(
            session.run("ksyms", "halve"),
            .failed(1, "ksyms: halve: no such symbol; did you mean 'halted'?\n"))
        let line = try session.output("ksyms", "--space", "i386", "halve")
        #expect(line.hasSuffix(" T halve\t[melon]\n"), "\(line)")
        let address = "0x" + line.prefix { $0 != " " }
        try expect(session.run("ksyms", "--space", "i386", address), .done("\(address) melon:halve+0x0\n"))
        let whole = try session.output("ksyms", "--space", "i386")
        #expect(whole.contains(line) && whole.contains(" T printf\n") && !whole.contains("boil"))
        #expect(try session.output("ksyms").contains("boil"))
        let modules = try session.output("ksyms", "-m", "--space", "i386").split(separator: "\n")
        #expect(modules.contains { $0.hasSuffix("k)\t[melon]") } && !modules.contains { $0.hasSuffix("k)\t[pasta]") })

        try session.output("ksyms", "--space", "i386", "-o", "kernel.elf")
        #expect(try session.read("kernel.elf") == File.read(path: session.runtime + "/ksyms.i386", limit: 1 << 30))
        let header = try Tool.output("readelf", ["-h", session.path + "/kernel.elf"])
        #expect(header.contains("ELF32") && header.contains("Intel 80386"), "\(header)")
        let names = try Tool.output("nm", [session.path + "/kernel.elf"])
        #expect(names.contains("\(line.dropFirst(8).prefix(8)) T halve\n"), "\(line)")
    }

    @Test("linking only takes the symbols of the space that the objects are for")
    func dryRun() throws {
        let session = try session()
        try session.output("modload", "melon.o")
        try session.compile("user.o", "extern int halve(int); int init_module(void) { return halve(0); }", ["-m32"])
        let text = try session.output("modload", "-n", "-o", "user.elf", "user.o")
        #expect(text.hasPrefix("user: ") && text.hasSuffix(", uses melon\n"), "\(text)")
        try expect(
            session.run("modload", "-n", "--space", "i386", "pasta.o"),
            .failed(65, "modload: symbol table: symbols for i386; pasta.o is made for x86-64\n"))
        #expect(try session.names() == ["melon"])
    }

    @Test("a debugger that has the image names functions: the file in images/ is ELF of i386")
    func image() throws {
        let session = try session()
        try session.output("modload", "melon.o")
        let symbols = try Tool.output("readelf", ["-hsW", session.runtime + "/images/melon"])
        #expect(symbols.contains("ELF32") && symbols.contains(" halve\n"), "\(symbols)")
    }
}

/// Where the second space is not to be had.
@Suite struct MissingSpaceTests {
    @Test("without modspace-i386 the message names the package, and the x86-64 space serves on")
    func missing() throws {
        let folder = try ScratchDirectory()
        let program = folder.path + "/modspace"
        try Tool.output("cp", ["\(Session.programs)/modspace", program])
        let session = try Session(["MODLINK_SPACE": program])
        try session.compile("melon.o", Sources.quiet("melon"), ["-m32"])
        try session.compile("pasta.o", Sources.quiet("pasta"))
        try session.output("modload", "pasta.o")
        for arguments in [["melon.o"], ["--space", "i386", "melon.o"]] {
            try expect(
                session.run("modload", arguments),
                .failed(
                    1,
                    "modload: melon.o: made for i386: there is no space for it: \(program)-i386 is missing; install gcc-i686-linux-gnu or gcc-multilib and build again\n"
                ))
        }
        #expect(try session.names() == ["pasta"])
        #expect(try session.output("modstat").hasPrefix("ID  NAME   STATE  "))
    }
}
