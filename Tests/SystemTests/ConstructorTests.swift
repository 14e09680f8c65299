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
}
