import Posix
import TestSupport
import Testing

/// Modules in C++, with the compiler's own run-time library in each.
@Suite struct CxxTests {
    /// The arguments of modload for a module of one object and that library.
    private func module(_ name: String) throws -> [String] {
        ["--name", name, "\(name).o", try Compiler.library("libstdc++.a")]
    }

    private func compile(_ session: Session, _ name: String, _ text: String, _ options: [String] = ["-O2"]) throws {
        try session.compile(name, text, options, language: .cxx)
    }

    /// What a module prints as it is loaded, without the last line.
    private func load(_ session: Session, _ name: String) throws -> String {
        let result = try session.run("modload", try module(name))
        #expect(result.status == .exited(0) && result.errors == "", "\(name): \(result.errors)")
        return result.output.split(separator: "\n").dropLast().joined(separator: "\n")
    }

    /// Prints `said`.
    static let everything = """
        #include <iostream>
        #include <map>
        #include <memory>
        #include <regex>
        #include <sstream>
        #include <stdexcept>
        #include <string>
        #include <thread>
        #include <vector>
        namespace {
        struct Said {
            const char *name;
            explicit Said(const char *name) : name(name) { std::cout << "made " << name << std::endl; }
            ~Said() { std::cout << "ended " << name << std::endl; }
        };
        Said first("first"), second("second");
        int once() { static Said local("local"); return 7; }
        [[noreturn]] __attribute__((noinline)) void refuse(int n) { throw std::runtime_error("gurka " + std::to_string(n)); }
        }
        extern "C" int init_module() {
            once();
            once();
            try { refuse(7); } catch (const std::exception &error) { std::cout << "caught " << error.what() << '\\n'; }
            std::vector<std::string> words{"sallad", "gurka"};
            std::sort(words.begin(), words.end());
            std::map<std::string, int> sizes;
            for (auto &word : words) sizes[word] = word.size();
            std::ostringstream text;
            text.precision(3);
            for (auto &[word, size] : sizes) text << word << '=' << size / 4.0 << ' ';
            std::cout << text.str() << std::endl;
            std::smatch found;
            std::string line = "gurka42";
            if (std::regex_match(line, found, std::regex("([a-z]+)([0-9]+)"))) std::cout << found[2] << std::endl;
            int number = 0;
            std::thread thread([&] { try { refuse(1); } catch (std::runtime_error &) { number = 5; } });
            thread.join();
            std::cout << "thread " << number << std::endl;
            return std::make_shared<int>(number).use_count() - 1;
        }
        """

    static let said =
        "made first\nmade second\nmade local\ncaught gurka 7\ngurka=1.25 sallad=1.5 \n42\nthread 5"

    @Test("a module with libstdc++.a prints, throws, matches, starts threads; its statics end when it is unloaded")
    func everything() throws {
        let session = try Session()
        for compiler in [["-O2"], ["-O0", "-fPIC"]] {
            try compile(session, "all.o", Self.everything, compiler)
            #expect(try load(session, "all") == Self.said)
            try expect(session.run("modunload", "all"), .done("ended local\nended second\nended first\n"))
        }
    }

    @Test("two modules with a libstdc++.a each run beside each other, and one stays when the other goes")
    func two() throws {
        let session = try Session()
        let text = """
            #include <iostream>
            #include <stdexcept>
            #include <string>
            extern "C" int init_module() {
                try { throw std::logic_error("NAME"); }
                catch (const std::exception &error) { std::cout << "caught " << error.what() << std::endl; }
                return 0;
            }
            extern "C" void cleanup_module() {
                try { std::stoi("NAME"); } catch (std::invalid_argument &) { std::cout << "NAME: bye" << std::endl; }
            }
            """
        for name in ["a", "b"] {
            try compile(session, "\(name).o", text.split(separator: "NAME").joined(separator: name))
            #expect(try load(session, name) == "caught \(name)")
        }
        #expect(try session.output("modstat").contains("in use") == false)
        try expect(session.run("modunload", "a"), .done("a: bye\n"))
        try expect(session.run("modunload", "b"), .done("b: bye\n"))
    }

    @Test("what a module's libstdc++ keeps for exceptions goes with the module") func reserve() throws {
        let session = try Session()
        try compile(
            session, "a.o",
            """
            #include <stdexcept>
            extern "C" int init_module() { try { throw std::logic_error("a"); } catch (const std::exception &) {} return 0; }
            """)
        try session.compile(
            "count.o",
            """
            #include <malloc.h>
            #include <stdio.h>
            int init_module(void) { struct mallinfo2 i = mallinfo2(); printf("%zu\\n", i.uordblks + i.hblkhd); return 0; }
            """)
        var sizes: [Int] = []
        for _ in 1...6 {
            #expect(try load(session, "a") == "")
            try session.output("modunload", "a")
            let line = try session.output("modload", "count.o").split(separator: "\n").first
            sizes.append(try #require(line.flatMap { Int($0) }))
            try session.output("modunload", "count")
        }
        // The first of them begin what the space keeps for all.
        let growth = try #require(sizes.last) - sizes[1]
        #expect(growth < 1024, "\(sizes)")
    }

    private static let shape = """
        #include <string>
        struct Shape { virtual ~Shape(); virtual int corners() const = 0; };
        struct Square : Shape { int corners() const override; };
        struct Trouble {
            std::string text; int number;
            Trouble(std::string text, int number) : text(text), number(number) {}
            virtual ~Trouble() {}
        };
        Shape *make_square();
        void call(void (*function)(int), int);
        extern "C" void through(void (*function)(int), int);
        void fail(int);

        """

    @Test("exceptions, virtual functions and types go from module to module, through C without exceptions too")
    func across() throws {
        let session = try Session()
        // What has no tables to unwind by ends the program; C has them unless it is told not to.
        try session.compile("c.o", "void through(void (*function)(int), int n) { function(n); __asm__(\"\"); }")
        try compile(
            session, "provider.o",
            Self.shape + """
                #include <cstdio>
                Shape::~Shape() {}
                int Square::corners() const { return 4; }
                Shape *make_square() { return new Square; }
                void fail(int n) { if (n == 1) throw Trouble{"provider", n}; throw n; }
                struct Guard { ~Guard() { std::puts("unwound"); } };
                void call(void (*function)(int), int n) { Guard guard; function(n); }
                """)
        try compile(
            session, "user.o",
            Self.shape + """
                #include <cstdio>
                #include <memory>
                struct Triangle : Shape { int corners() const override { return 3; } };
                static void own(int n) { throw Trouble{"user", n}; }
                extern "C" int init_module() {
                    std::unique_ptr<Shape> square(make_square()), triangle(new Triangle);
                    std::printf("%d %d %d %d\\n", square->corners(), dynamic_cast<Square *>(square.get()) != nullptr,
                        dynamic_cast<Triangle *>(square.get()) != nullptr, dynamic_cast<Square *>(triangle.get()) != nullptr);
                    try { fail(1); } catch (Trouble &trouble) { std::printf("%s %d\\n", trouble.text.c_str(), trouble.number); }
                    try { fail(2); } catch (int n) { std::printf("int %d\\n", n); }
                    try { through(fail, 1); } catch (Trouble &trouble) { std::printf("%s\\n", trouble.text.c_str()); }
                    try { call(own, 5); } catch (Trouble &trouble) { std::printf("%s %d\\n", trouble.text.c_str(), trouble.number); }
                    return 0;
                }
                """)
        try session.output("modload", "c.o")
        #expect(try load(session, "provider") == "")
        #expect(try load(session, "user") == "4 1 0 0\nprovider 1\nint 2\nprovider\nunwound\nuser 5")
        let busy = try session.run("modunload", "provider").errors
        #expect(busy.hasPrefix("modunload: provider: in use by user, which refers to ") && busy.hasSuffix(" (EBUSY)\n"))
        try expect(session.run("modunload", "user", "provider"), .done())
    }

    @Test("inline functions in two modules are a copy each; a static variable in one is the same in both")
    func inline() throws {
        let session = try Session()
        let text = { (name: String) in
            """
            #include <cstdio>
            struct Base { virtual int value() { return 1; } };
            inline int add(int n) { return n + 1; }
            inline int count() { static int counter; return ++counter; }
            int (*volatile pointer_\(name))(int) = add;
            extern "C" int init_module() { Base *volatile base = new Base; int n = base->value() + pointer_\(name)(1);
                delete base; std::printf("\(name) %d\(name == "static" ? " %d" : "")\\n", n\(name == "static" ? ", count()" : "")); return 0; }
            """
        }
        for name in ["one", "two"] {
            try compile(session, "\(name).o", text(name), ["-O0"])
            #expect(try load(session, name) == "\(name) 3")
        }
        try expect(session.run("modunload", "one"), .done())
        for number in 1...2 {
            try session.write(
                "static\(number).o",
                try Compiler.gcc.object(
                    text("static").split(separator: "pointer_static").joined(separator: "pointer_\(number)"), ["-O0"],
                    language: .cxx))
        }
        #expect(try load(session, "static1") == "static 3 1")
        #expect(try load(session, "static2") == "static 3 2")
        // What there is one of stays where it is.
        try expect(
            session.run("modunload", "static1"),
            .failed(1, "modunload: static1: in use by static2, which refers to _ZZ5countvE7counter (EBUSY)\n"))
        try expect(session.run("modunload", "static2", "static1", "two"), .done())
    }

    @Test("statics are made once, however many threads come at the same time") func threads() throws {
        let session = try Session()
        try compile(
            session, "race.o",
            """
            #include <atomic>
            #include <cstdio>
            #include <thread>
            #include <unistd.h>
            #include <vector>
            static std::atomic<int> made, seen;
            struct Slow { int value; Slow() { made++; usleep(20000); value = 3; } };
            static Slow &slow() { static Slow one; return one; }
            extern "C" int init_module() {
                std::vector<std::thread> all;
                for (int i = 0; i < 16; i++) all.emplace_back([] { seen += slow().value; });
                for (auto &thread : all) thread.join();
                std::printf("%d %d\\n", made.load(), seen.load());
                return 0;
            }
            """)
        #expect(try load(session, "race") == "1 48")
        try expect(session.run("modunload", "race"), .done())
    }

    @Test("what a module registers for the end runs when it is unloaded, and nothing of others") func handlers() throws
    {
        let session = try Session()
        let text = """
            #include <cstdio>
            #include <cstdlib>
            extern "C" int __cxa_atexit(void (*)(void *), void *, void *);
            extern "C" void *__dso_handle;
            static void end(void *text) { std::puts((const char *)text); }
            extern "C" int init_module() {
                __cxa_atexit(end, (void *)"NAME 1", &__dso_handle);
                std::atexit([] { std::puts("NAME 2"); });
                return __cxa_atexit(end, (void *)"NAME 3", &__dso_handle);
            }
            """
        for name in ["a", "b"] {
            try compile(session, "\(name).o", text.split(separator: "NAME").joined(separator: name))
            #expect(try load(session, name) == "")
        }
        try expect(session.run("modunload", "a"), .done("a 3\na 2\na 1\n"))
        try expect(session.run("modunload", "b"), .done("b 3\nb 2\nb 1\n"))
    }

    @Test("an exception that nobody catches ends the load, not the space") func uncaught() throws {
        let session = try Session()
        try compile(session, "wild.o", "extern \"C\" int init_module() { throw 7; }")
        try session.compile("gurka.o", Sources.gurka)
        try session.output("modload", "gurka.o")
        let process = try session.space()
        let result = try session.run("modload", try module("wild"))
        #expect(result.status == .exited(1) && result.errors.contains("wild: init_module: SIGABRT"), "\(result)")
        #expect(try session.names() == ["gurka"] && session.space() == process)
    }

    @Test("the whole library as a module of its own serves modules that bring none") func sharedLibrary() throws {
        let session = try Session()
        let result = try session.run("modload", "--whole-archive", try Compiler.library("libstdc++.a"))
        #expect(result.status == .exited(0), "\(result.errors)")
        for name in ["one", "two"] {
            try compile(
                session, "\(name).o",
                """
                #include <iostream>
                #include <stdexcept>
                extern "C" int init_module() {
                    try { throw std::runtime_error("\(name)"); }
                    catch (const std::exception &error) { std::cout << error.what() << std::endl; }
                    return 0;
                }
                """)
            #expect(try session.output("modload", "\(name).o").hasPrefix("\(name)\n"))
        }
        #expect(try session.run("modunload", "libstdc++").errors.contains("in use by one, which refers to _ZNK"))
        try expect(session.run("modunload", "one", "two", "libstdc++"), .done())
    }
}
