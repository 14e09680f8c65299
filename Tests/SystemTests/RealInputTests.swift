import Posix
import TestSupport
import Testing

/// Libraries that others have written, and objects as compilers make them.
@Suite struct RealInputTests {
    /// All members of an archive as one object.
    private func whole(_ session: Session, _ library: String, _ object: String) throws {
        try Tool.output(
            "ld", ["-r", "--whole-archive", Compiler.library(library), "-o", session.path + "/" + object])
    }

    @Test("SQLite answers a query that a second module asks")
    func sqlite() throws {
        let session = try Session()
        try whole(session, "libsqlite3.a", "sqlite3.o")
        try session.compile(
            "query.o",
            """
            #include <sqlite3.h>
            #include <stdio.h>
            static int row(void *p, int count, char **values, char **names)
            {
                for (int i = 0; i < count; i++) printf("%s=%s%s", names[i], values[i], i + 1 < count ? " " : "\\n");
                return 0;
            }
            int init_module(void)
            {
                sqlite3 *database;
                char *error = 0;
                if (sqlite3_open(":memory:", &database) != SQLITE_OK) return 1;
                int result = sqlite3_exec(database,
                    "create table vegetable (name text, weight real);"
                    "insert into vegetable values ('gurka', 0.35), ('tomat', 0.1), ('melon', 2.5);"
                    "select count(*) as n, round(sum(weight), 2) as total, group_concat(upper(name)) as names from vegetable;"
                    "select name, sqrt(weight * 4) as root from vegetable where name like '%m%' order by weight desc;",
                    row, 0, &error);
                if (error) puts(error);
                sqlite3_close(database);
                return result;
            }
            void cleanup_module(void) { printf("%s\\n", sqlite3_libversion()); }
            """)
        try expect(
            session.run("modload", "sqlite3.o", "query.o"),
            .done(
                """
                n=3 total=2.95 names=GURKA,TOMAT,MELON
                name=melon root=3.16227766016838
                name=tomat root=0.632455532033676
                Module loaded as ID 1
                Module loaded as ID 2

                """))
        try expect(
            session.run("modunload", "sqlite3"),
            .failed(
                1,
                "modunload: sqlite3: in use by query, which refers to sqlite3_close, sqlite3_exec, sqlite3_libversion and sqlite3_open (EBUSY)\n"
            ))
        let version = try Tool.output("pkg-config", ["--modversion", "sqlite3"])
        try expect(session.run("modunload", "query"), .done(version))
        try expect(session.run("modunload", "sqlite3"), .done())
        _ = try LinkOnlyTests.readelf(session.runtime + "/ksyms")
    }

    @Test("zlib compresses and restores a text")
    func zlib() throws {
        let session = try Session()
        try whole(session, "libz.a", "zlib.o")
        try session.compile("squeeze.o", Sources.squeeze)
        try expect(
            session.run("modload", "zlib.o", "squeeze.o"),
            .done("1 0 100000\ncbf43926 11e60398\nModule loaded as ID 1\nModule loaded as ID 2\n"))
        try expect(session.run("modunload", "squeeze", "zlib"), .done())
    }

    @Test("Lua runs a script")
    func lua() throws {
        let session = try Session()
        try whole(session, "liblua5.4.a", "lua.o")
        try session.compile(
            "script.o",
            """
            #include <stdio.h>
            #include <lua5.4/lauxlib.h>
            #include <lua5.4/lualib.h>
            static const char text[] =
                "local t = {} for w in ('gurka tomat sallad'):gmatch('%a+') do t[#t + 1] = w:upper() end "
                "table.sort(t) print(table.concat(t, ' '), 2^53 | 0, math.pi, string.format('%5.2f', 1 / 3)) "
                "print(select(2, pcall(error, {1, 2, 3}))[3], pcall(function() return nil + 1 end)) "
                "local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) print(co(), co(), co())";
            int init_module(void)
            {
                lua_State *lua = luaL_newstate();
                luaL_openlibs(lua);
                int result = luaL_dostring(lua, text);
                if (result) puts(lua_tostring(lua, -1));
                lua_close(lua);
                return result;
            }
            """)
        try expect(
            session.run("modload", "lua.o", "script.o"),
            .done(
                "GURKA SALLAD TOMAT\t9007199254740992\t3.1415926535898\t 0.33\n"
                    + "3\tfalse\t[string \"local t = {} for w in ('gurka tomat sallad'):...\"]:1: attempt to perform arithmetic on a nil value\n"
                    + "1\t2\t3\nModule loaded as ID 1\nModule loaded as ID 2\n"))
        try expect(session.run("modunload", "script", "lua"), .done())
    }

    @Test(
        "an object of 70,000 sections of code, and as many of relocations, is loaded, and its functions find each other"
    )
    func manySections() throws {
        let session = try Session()
        let source = """
            .macro step from, to
            .section .text.f\\from, "ax", @progbits
            .globl f\\from
            .type f\\from, @function
            f\\from: incl %eax
            jmp f\\to
            .size f\\from, . - f\\from
            .endm
            .altmacro
            .set i, 0
            .rept 69999
            step %i, %(i + 1)
            .set i, i + 1
            .endr
            .section .text.last, "ax", @progbits
            .globl f69999
            f69999: ret
            .text
            .globl init_module
            .type init_module, @function
            init_module: xorl %eax, %eax
            call f0
            subl $69999, %eax
            ret
            """
        try session.compile("sections.o", source, [], language: .assembly)
        #expect(
            try Tool.output("readelf", ["-hW", session.path + "/sections.o"]).contains(
                "section headers:         0 (140"))
        try expect(session.run("modload", "sections.o"), .done("Module loaded as ID 1\n"))
        #expect(try session.output("ksyms", "f69998").hasSuffix(" T f69998\t[sections]\n"))
        try expect(session.run("modunload", "sections"), .done())
    }

    @Test("C++ with constructors, exceptions of its own and templates in groups is refused or runs; plain C++ runs")
    func plusPlus() throws {
        let session = try Session()
        let header = "template <int N> struct Step { static int count() { static int n = N; return n++; } };"
        try session.compile(
            "one.o",
            header
                + "struct Begin { int value; Begin() : value(Step<7>::count()) {} }; static Begin begin; int other(); extern \"C\" int printf(const char *, ...); extern \"C\" int init_module() { printf(\"%d %d\\n\", begin.value, other()); return 0; }",
            ["-O1", "-fno-threadsafe-statics"], language: .cxx)
        try session.compile(
            "two.o", header + "int other() { return Step<7>::count(); }", ["-O1", "-fno-threadsafe-statics"],
            language: .cxx)
        try expect(session.run("modload", "--name", "plus", "one.o", "two.o"), .done("7 8\nModule loaded as ID 1\n"))
    }
}
