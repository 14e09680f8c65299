import Posix
import TestSupport
import Testing

/// Limits in number and size, and of what modules see of each other.
@Suite struct LimitTests {
    @Test("253 files go in one load, and 254 do not")
    func fileCount() throws {
        let session = try Session()
        try session.compile("m.o", "static int own; int *init(void); static int *begin(void) { return &own; }")
        let object = try session.read("m.o")
        let names = (1...254).map { "m\($0)" }
        for name in names { try session.write("\(name).o", object) }
        try expect(
            session.run("modload", names.map { "\($0).o" }),
            .failed(64, "modload: 254 files: at most 253 go in one load\n"))
        let result = try session.run("modload", names.dropLast().map { "\($0).o" })
        #expect(result.status == .exited(0), "\(result.errors)")
        #expect(result.output.hasSuffix("Module loaded as ID 253\n"))
        #expect(try session.names().count == 253)
        try expect(session.run("modunload", names.dropLast()), .done())
    }

    @Test("a module as large as its zeroes is loaded, and one that is larger than the space is refused")
    func size() throws {
        let session = try Session()
        try session.compile(
            "large.o", "char room[1 << 30]; int init_module(void) { room[sizeof room - 1] = 1; return 0; }",
            ["-O1", "-mcmodel=large"])
        try expect(session.run("modload", "large.o"), .done("Module loaded as ID 1\n"))
        let second = try session.run("modload", "--name", "second", "-f", "large.o")
        #expect(second.status == .exited(1))
        #expect(
            second.errors.hasPrefix("modload: second: needs 10737")
                && second.errors.hasSuffix(" bytes, and the space has no room for them; unload something\n"),
            "\(second.errors)")
        try expect(session.run("modunload", "large"), .done())
        try expect(session.run("modload", "--name", "second", "large.o"), .done("Module loaded as ID 2\n"))
    }

    @Test("with as many mappings as a process may have a load is refused, and an unload is not")
    func mappingCount() throws {
        let session = try Session()
        try session.compile(
            "given.o",
            """
            #include <sys/mman.h>
            int given;
            void *places[1000];
            int init_module(void) { return 0; }
            void cleanup_module(void) { while (given > 0) munmap(places[--given], 4096); }
            """)
        // Neighbours that differ in protection are not made one.
        try session.compile(
            "full.o",
            """
            #include <sys/mman.h>
            extern int given;
            extern void *places[];
            int init_module(void)
            {
                void *place;
                for (int i = 0;; i++) {
                    place = mmap(0, 4096, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                    if (place == MAP_FAILED) return 0;
                    if (given < 1000) places[given++] = place;
                }
            }
            """)
        try session.compile("quiet.o", Sources.quiet("quiet"))
        try expect(session.run("modload", "given.o"), .done("Module loaded as ID 1\n"))
        try expect(session.run("modload", "full.o"), .done("Module loaded as ID 2\n"))
        try expect(
            session.run("modload", "quiet.o"),
            .failed(
                1,
                "modload: quiet: cannot be mapped: the space has as many mappings as it may have (vm.max_map_count), or memory is short; unload something (ENOMEM)\n"
            ))
        try expect(session.run("modunload", "full"), .done())
        try expect(session.run("modunload", "given"), .done())
        #expect(try !session.runtimeText("log").contains("cannot be unmapped"))
        try expect(session.run("modload", "quiet.o"), .done("Module loaded as ID 4\n"))
        #expect(try session.names() == ["quiet"])
    }

    @Test("a file beyond the size of objects, and a device, are refused before they are read")
    func fileSize() throws {
        let session = try Session()
        try Tool.output("truncate", ["-s", "3G", session.path + "/sparse.o"])
        let result = try session.run("modload", "sparse.o")
        #expect(result.status == .exited(65))
        #expect(result.errors.hasPrefix("modload: sparse.o: ") && result.errors.contains("EFBIG"), "\(result.errors)")
        try expect(session.run("modload", "/dev/null"), .failed(65, "modload: /dev/null: empty\n"))
    }

    @Test("a name of the library that a module defines is its own; others get the library's")
    func residentName() throws {
        let session = try Session()
        try session.compile(
            "own.o",
            "#include <stdio.h>\nint abs(int n) { return 77; } int init_module(void) { printf(\"%d\\n\", abs(-3)); return 0; }",
            ["-O1", "-fno-builtin"])
        try session.compile(
            "other.o",
            "#include <stdio.h>\nint abs(int); int init_module(void) { printf(\"%d\\n\", abs(-3)); return 0; }",
            ["-O1", "-fno-builtin"])
        try expect(session.run("modload", "own.o"), .done("77\nModule loaded as ID 1\n"))
        try expect(session.run("modload", "other.o"), .done("3\nModule loaded as ID 2\n"))
        try expect(session.run("modunload", "own"), .done())
    }

    @Test("static and hidden symbols are not for other modules")
    func visibility() throws {
        let session = try Session()
        try session.compile(
            "keeps.o",
            "static int qq_static(void) { return 1; } int (*qq_pointer)(void) = qq_static; __attribute__((visibility(\"hidden\"))) int qq_hidden(void) { return 2; }"
        )
        try session.output("modload", "keeps.o")
        for name in ["qq_static", "qq_hidden"] {
            try session.compile(
                "wants.o", "extern int \(name)(void); int init_module(void) { return \(name)(); }", ["-O1"])
            let errors = try session.run("modload", "wants.o").errors
            #expect(errors.contains(" in init_module: undefined symbol '\(name)'"), "\(errors)")
        }
    }
}
