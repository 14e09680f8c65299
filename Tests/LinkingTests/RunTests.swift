import ELFFormat
import Glibc
import Linking
import ObjectModel
import Posix
import TestSupport
import Testing

/// How an object is compiled.
struct Build: Sendable, CustomTestStringConvertible {
    let compiler: Compiler
    let options: [String]

    var testDescription: String { ([compiler.rawValue] + options).joined(separator: " ") }

    static let all: [Build] = Compiler.available.flatMap { compiler in
        ["-O0", "-O1", "-O2", "-O3"].flatMap { optimization in
            ["small", "kernel", "large"].flatMap { model in
                // The kernel's model knows no position-independent code.
                (model == "kernel" ? ["-fno-pic"] : ["-fno-pic", "-fPIC"]).map { position in
                    Build(compiler: compiler, options: [optimization, "-mcmodel=\(model)", position])
                }
            }
        }
    }
}

/// The image of a module is an executable once it is given an entry: the kernel maps it, and the code says whether all
/// is where it should be.
@Suite struct RunTests {
    private static let main = """
        extern int other(int), other_data[], (*other_pointer)(int);
        extern const char other_text[];
        extern int maybe(void) __attribute__((weak)), maybe_data __attribute__((weak));
        __attribute__((visibility("hidden"))) extern int hidden_data;
        static int zeroes[1000];
        static volatile int counter = 3;
        int common_one;
        static int add(int a) { return a + counter; }
        static int subtract(int a) { return a - counter; }
        static int (*const operations[])(int) = {add, subtract, other};
        static const char *const words[] = {"noll", "ett", "tva"};
        int *pointer = &zeroes[7];
        static int choose(int a) {
            switch (a) {
            case 0: return add(1); case 1: return subtract(9); case 2: return other(5); case 3: return counter;
            case 4: return zeroes[7]; case 5: return other_data[2]; case 6: return common_one; case 7: return 70;
            default: return -1;
            }
        }
        extern int __start_set_of[], __stop_set_of[];
        int member __attribute__((section("set_of"), used)) = 11;
        int run(void) {
            if (maybe || &maybe_data) return 1;
            *pointer = 77;
            common_one = 5;
            static const int expected[] = {4, 6, 105, 3, 77, 30, 5, 70, -1};
            for (volatile int i = 0; i < 9; i++) if (choose(i) != expected[i]) return 10 + i;
            for (volatile int i = 0; i < 3; i++) if (operations[i](10) != (i == 0 ? 13 : i == 1 ? 7 : 110)) return 20 + i;
            if (words[2][1] != 'v' || other_text[4] != 'a') return 30;
            if (other_pointer(2) != 5 || hidden_data != 8) return 31;
            if (__stop_set_of - __start_set_of != 2 || __start_set_of[0] + __start_set_of[1] != 33) return 32;
            return 42;
        }
        __asm__(".text\\n.globl _start\\n_start: xor %ebp, %ebp\\nand $-16, %rsp\\ncall run\\n"
            "mov %eax, %edi\\nmov $60, %eax\\nsyscall\\n");
        """

    private static let other = """
        extern int common_one;
        int common_one;
        int other_data[4] = {10, 20, 30, 40};
        int hidden_data __attribute__((visibility("hidden"))) = 8;
        const char other_text[] = "gurka";
        int member_two __attribute__((section("set_of"), used)) = 22;
        __attribute__((noinline)) int other(int a) { return a + 100; }
        static int third(int a) { return a + 3; }
        int (*other_pointer)(int) = third;
        """

    /// The status with which the code of the two objects ends.
    private static func status(_ build: Build) throws -> Posix.ExitStatus {
        let options = build.options + ["-fcommon", "-ffreestanding", "-fno-stack-protector"]
        let objects = try [main, other].map { try object($0, options, by: build.compiler) }
        let linked = try Space().link("a", objects)
        var image = linked.modules[0].image
        image.entry = try #require(linked.modules[0].address("_start"))
        let directory = try ScratchDirectory()
        let path = try directory.write("image", ELFImageWriter.file(image, contents: linked.images[0]))
        try File.changeMode(path, 0o700)
        while true {
            if let status = try tryToRun(path) { return status }
            usleep(1000)
        }
    }

    /// Nil while a child of another test has the file open for writing: it has all that was open when it was forked, until its exec.
    private static func tryToRun(_ path: String) throws(SystemError) -> Posix.ExitStatus? {
        do throws(SystemError) {
            return try ChildProcess.spawn(executable: path).wait()
        } catch {
            guard error.code == ETXTBSY else { throw error }
            return nil
        }
    }

    @Test("code of every model and optimization runs where it was linked to", arguments: Build.all)
    func runs(_ build: Build) throws {
        #expect(try Self.status(build) == .exited(42))
    }
}
