import Posix
import TestSupport
import Testing

/// Archives on the command line of modload.
@Suite struct ArchiveTests {
    /// An archive in the folder of the files, of members there.
    private func archive(_ session: Session, _ options: String, _ arguments: String...) throws {
        try Tool.output("env", ["-C", session.path, "ar", options] + arguments)
    }

    private static let checksum = """
        #include <stdio.h>
        #include <zlib.h>
        int init_module(void)
        {
            printf("%lx %lx\\n", crc32(0, (const Bytef *)"123456789", 9), adler32(1, (const Bytef *)"Wikipedia", 9));
            return 0;
        }
        """

    @Test("of libz.a a module gets what it needs, and nothing else")
    func zlib() throws {
        let session = try Session()
        try session.compile("checksum.o", Self.checksum)
        try expect(
            session.run("modload", "--name", "checksum", "checksum.o", try Compiler.library("libz.a")),
            .done("cbf43926 11e60398\nModule loaded as ID 1\n"))
        let symbols = try session.output("ksyms", "crc32", "adler32")
        #expect(
            symbols.contains(" t crc32\t[checksum]\n") && symbols.contains(" t adler32\t[checksum]\n"), "\(symbols)")
        for name in ["inflate", "deflate", "compress2", "gzopen"] {
            #expect(try session.run("ksyms", name).status != .exited(0), "\(name)")
        }
        try expect(session.run("modunload", "checksum"), .done())
    }

    @Test("members that members need are taken too: zlib compresses and restores, Lua runs a script")
    func chain() throws {
        let session = try Session()
        try session.compile("squeeze.o", Sources.squeeze)
        try session.compile(
            "script.o",
            """
            #include <lua5.4/lauxlib.h>
            #include <lua5.4/lualib.h>
            int init_module(void)
            {
                lua_State *lua = luaL_newstate();
                luaL_openlibs(lua);
                int result = luaL_dostring(lua, "print(('gurka'):upper(), 2^53 | 0, select('#', 1, nil))");
                lua_close(lua);
                return result;
            }
            """)
        try expect(
            session.run(
                "modload", "squeeze.o", try Compiler.library("libz.a"), "script.o", try Compiler.library("liblua5.4.a")),
            .done(
                "1 0 100000\ncbf43926 11e60398\nGURKA\t9007199254740992\t2\nModule loaded as ID 1\nModule loaded as ID 2\n"
            ))
        #expect(try session.output("ksyms", "deflate").hasSuffix(" t deflate\t[squeeze]\n"))
        #expect(try session.output("ksyms", "lua_callk").hasSuffix(" t lua_callk\t[script]\n"))
        try expect(session.run("modunload", "script", "squeeze"), .done())
    }

    @Test("--whole-archive makes a module of an archive, or adds all of it to one")
    func whole() throws {
        let session = try Session()
        try session.compile("checksum.o", Self.checksum)
        try expect(
            session.run("modload", "--whole-archive", try Compiler.library("libz.a"), "checksum.o"),
            .done("cbf43926 11e60398\nModule loaded as ID 1\nModule loaded as ID 2\n"))
        #expect(try session.output("ksyms", "gzopen").hasSuffix(" T gzopen\t[libz]\n"))
        try expect(session.run("modunload", "libz", "checksum"), .done())
        try expect(
            session.run("modload", "--name", "both", "--whole-archive", "checksum.o", try Compiler.library("libz.a")),
            .done("cbf43926 11e60398\nModule loaded as ID 3\n"))
        #expect(try session.output("ksyms", "gzopen").hasSuffix(" T gzopen\t[both]\n"))
    }

    @Test("an archive that nothing needs is a mistake of the command line")
    func alone() throws {
        let session = try Session()
        let result = try session.run("modload", try Compiler.library("libz.a"))
        #expect(result.status == .exited(64))
        #expect(result.errors.contains("is an archive, and no object before it needs anything of it"), "\(result)")
    }

    @Test("two modules that take one member have a copy each, and export nothing of it") func shared() throws {
        let session = try Session()
        let user = "int slice(void); int init_module(void) { return slice() - 1; }"
        for name in ["one.o", "two.o"] { try session.compile(name, user) }
        try session.compile("slice.o", "static int n; int slice(void) { return ++n; }")
        try archive(session, "rcs", "lib.a", "slice.o")
        try expect(
            session.run("modload", "one.o", "lib.a", "two.o", "lib.a"),
            .done("Module loaded as ID 1\nModule loaded as ID 2\n"))
        try expect(session.run("modunload", "one"), .done())
        try expect(session.run("modload", "one.o", "lib.a"), .done("Module loaded as ID 3\n"))
        let alone = try session.run("modload", "--name", "three", "one.o")
        #expect(alone.status == .exited(1) && alone.errors.contains("undefined symbol 'slice'"), "\(alone)")
    }

    @Test(
        "two modules that take all members both export what these define: an error, unless the second keeps it private")
    func duplicate() throws {
        let session = try Session()
        let user = "int slice(void); int init_module(void) { return slice() - 1; }"
        for name in ["one.o", "two.o"] { try session.compile(name, user) }
        try session.compile("slice.o", "static int n; int slice(void) { return ++n; }")
        try archive(session, "rcs", "lib.a", "slice.o")
        try session.output("modload", "--whole-archive", "--name", "one", "one.o", "lib.a")
        try expect(
            session.run("modload", "--whole-archive", "--name", "two", "two.o", "lib.a"),
            .failed(
                1,
                """
                modload: lib.a(slice.o): symbol 'slice' of module 'two' is already exported by module 'one'; \
                unload that one, make this one static, or keep it private with -f

                """))
        try expect(
            session.run("modload", "-f", "--whole-archive", "--name", "two", "two.o", "lib.a"),
            .done("Module loaded as ID 2\n"))
        try expect(session.run("modunload", "one"), .done())
    }

    @Test("what members leave undefined is listed with archive and member, with -n and without")
    func undefined() throws {
        let session = try Session()
        try session.compile("gurka.o", "int slice(void); int init_module(void) { return slice(); }", ["-O1"])
        try session.compile("slice.o", "int missing(void); int slice(void) { return missing() + 1; }", ["-O1"])
        try session.compile("other.o", "int absent(void); int other(void) { return absent() + 1; }", ["-O1"])
        try archive(session, "rcs", "lib.a", "slice.o", "other.o")
        for options in [[], ["-n"]] {
            let result = try session.run("modload", options + ["gurka.o", "lib.a"])
            #expect(result.status == .exited(1))
            #expect(result.errors.hasPrefix("modload: lib.a(slice.o): .text+0x"), "\(result)")
            #expect(result.errors.contains(" in slice: undefined symbol 'missing'"), "\(result)")
            #expect(result.errors.split(separator: "\n").count == 1)
        }
    }

    @Test("a thin archive is like any other, its members are opened from its folder", arguments: ["rcsT", "rcST"])
    func thin(_ options: String) throws {
        let session = try Session()
        try Tool.output("mkdir", [session.path + "/lib"])
        try session.compile("gurka.o", "int slice(void); int init_module(void) { return slice() - 3; }")
        try session.compile("lib/slice.o", "int peel(void); int slice(void) { return peel() + 1; }")
        try session.compile("lib/peel.o", "int peel(void) { return 2; }")
        try session.compile("lib/stone.o", "int stone(void) { return 2; }")
        try archive(session, options, "lib/thin.a", "lib/slice.o", "lib/peel.o", "lib/stone.o")
        #expect(try session.read("lib/thin.a").starts(with: "!<thin>\n".utf8))
        #expect(try session.output("modload", "-n", "gurka.o", "lib/thin.a").hasPrefix("gurka: "))
        try expect(session.run("modload", "gurka.o", "lib/thin.a"), .done("Module loaded as ID 1\n"))
        #expect(try session.output("ksyms", "peel").hasSuffix(" t peel\t[gurka]\n"))
        #expect(try session.run("ksyms", "stone").status != .exited(0))
        try Tool.output("rm", [session.path + "/lib/peel.o"])
        try expect(
            session.run("modload", "--name", "second", "gurka.o", "lib/thin.a"),
            .failed(
                65,
                "modload: lib/thin.a(peel.o): member of a thin archive: open: no such file or directory (ENOENT)\n"))
    }
}
