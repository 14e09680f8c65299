import TestSupport
import Testing

/// What runs when a module is loaded and unloaded, beside what a program runs.
@Suite struct ConstructorTests {
    @Test("constructors and destructors of every kind run in the order in which a program runs them") func order()
        throws
    {
        let session = try Session()
        let text = { (name: String) in
            """
            #include <stdio.h>
            #define SAY(f, s, n) static void f(void) { puts("\(name) " #f); } \\
                static void *const f##_pointer __attribute__((section(s), used)) = f
            SAY(ctors, ".ctors", 0); SAY(ctors_100, ".ctors.65435", 0);
            SAY(dtors, ".dtors", 0); SAY(dtors_100, ".dtors.65435", 0);
            __attribute__((constructor)) static void plain(void) { puts("\(name) plain"); }
            __attribute__((constructor(200))) static void early(void) { puts("\(name) early"); }
            __attribute__((destructor)) static void end(void) { puts("\(name) end"); }
            __attribute__((destructor(200))) static void late(void) { puts("\(name) late"); }
            void piece_\(name)(void) { puts("\(name) piece"); }
            __asm__(".section .init,\\"ax\\"\\n call piece_\(name)\\n .section .fini,\\"ax\\"\\n call piece_\(name)\\n .text");
            """
        }
        // .ctors is writable only where its content is.
        let options = ["-O2", "-Dconst="]
        try session.compile("one.o", text("one"), options)
        try session.compile("two.o", text("two"), options)
        try session.compile("main.o", "int main(void) { return 0; }")
        let files = ["one.o", "two.o"].map { session.path + "/" + $0 }
        try Tool.output("gcc", ["-o", session.path + "/program"] + files + [session.path + "/main.o"])
        let program = try Tool.output("env", [session.path + "/program"])
        #expect(program.split(separator: "\n").count == 20)
        let start = try session.output("modload", "--name", "both", "one.o", "two.o")
        let end = try session.output("modunload", "both")
        #expect(
            start + end
                == program.split(separator: "two ctors\n").joined(separator: "two ctors\nModule loaded as ID 1\n"))
    }

    @Test(
        "constructors are given the arguments and the environment of a program, which has its auxiliary vector behind them",
        arguments: DynamicLinkerTests.machines, [".init_array", ".preinit_array", ".init_array.100"])
    func arguments(_ options: [String], _ section: String) throws {
        let session = try Session()
        try session.compile(
            "gurka.o",
            """
            #include <elf.h>
            #include <link.h>
            #include <stdio.h>
            #include <string.h>
            #include <sys/auxv.h>
            extern char **environ;
            static int count; static char **arguments, **variables;
            static void keep(int c, char **a, char **e) { count = c; arguments = a; variables = e; }
            __attribute__((section("\(section)"), used)) static void (*const entry)(int, char **, char **) = keep;
            int init_module(void)
            {
                char *name = strrchr(arguments[0], '/');
                printf("%d %s %d %d\\n", count, name ? name + 1 : arguments[0], arguments[1] == NULL, variables == environ);
                char **end = arguments + count + 1;
                while (*end) end++;
                const ElfW(auxv_t) *vector = (const ElfW(auxv_t) *)(end + 1);
                while (vector->a_type != AT_NULL && vector->a_type != AT_PAGESZ) vector++;
                printf("%d\\n", vector->a_un.a_val == getauxval(AT_PAGESZ));
                return 0;
            }
            """, ["-O1"] + options)
        expect(
            try session.run("modload", "gurka.o"),
            .done("1 modspace\(options.isEmpty ? "" : "-i386") 1 1\n1\nModule loaded as ID 1\n"))
    }

    @Test(
        "Rust's library finds the arguments, starts threads and unwinds",
        .enabled(if: Tool.find("rustc") != nil, "rustc is not installed; its library is not tried"))
    func rust() throws {
        let session = try Session()
        try session.write(
            "gurka.rs",
            Array(
                """
                #[no_mangle] pub extern "C" fn start() -> i32 {
                    let arguments: Vec<String> = std::env::args().collect();
                    println!("{} {}", arguments.len(), arguments[0].ends_with("modspace"));
                    println!("{}", std::thread::spawn(|| 5).join().unwrap());
                    println!("{}", std::panic::catch_unwind(|| { std::panic::resume_unwind(Box::new(7)) }).is_err());
                    0
                }
                """.utf8))
        try Tool.output(
            "rustc",
            [
                "--edition", "2021", "--crate-type", "staticlib", "-O", session.path + "/gurka.rs", "-o",
                session.path + "/libgurka.a",
            ])
        try session.compile("gurka.o", "int start(void); int init_module(void) { return start(); }")
        expect(
            try session.run("modload", "gurka.o", "libgurka.a"), .done("1 true\n5\ntrue\nModule loaded as ID 1\n"))
        try session.output("modunload", "gurka")
    }
}
