import TestSupport
import Testing

@Suite struct LinkEditorTests {
    static let main = """
        extern int other(int), other_data[], (*other_pointer)(int);
        static int zeroes[1000];
        int visible = 3;
        static int own = 4;
        const int limits[] = {1, 2, 3};
        static int (*const operations[])(int) = {other};
        int *pointers[] = {&visible, &own, &zeroes[5], &other_data[1]};
        int choose(int a) {
            switch (a) {
            case 0: return other(1); case 1: return visible; case 2: return own++; case 3: return other_data[a];
            case 4: return zeroes[a]; case 5: return limits[2]; case 6: return operations[0](a);
            case 7: return other_pointer(a) + *pointers[a & 3]; default: return -1;
            }
        }
        int last(int a) { return other(a); }
        void _start(void) { zeroes[visible] = choose(last(visible)); }
        """

    static let other = """
        extern int visible, limits[];
        int other_data[4] = {10, 20, 30, 40};
        int other(int a) { return a + visible + limits[a]; }
        int (*other_pointer)(int) = other;
        """

    private static func compile(_ options: [String]) throws -> [[UInt8]] {
        try [main, other].map {
            try Compiler.gcc.object(
                $0,
                options + [
                    "-ffreestanding", "-fno-merge-constants", "-fno-asynchronous-unwind-tables", "-fcf-protection=none",
                ])
        }
    }

    @Test(
        "code and data without -fPIC are byte for byte what ld makes",
        arguments: ["-O0", "-O1", "-O2", "-O3"], ["small", "kernel", "medium"])
    func positionDependent(_ optimization: String, _ model: String) throws {
        let comparison = try Comparison(
            Self.compile([optimization, "-fno-pic", "-mcmodel=\(model)"]), ["-static"])
        for name in [".text", ".rodata", ".data"] {
            let bytes = try #require(try comparison.section(name))
            #expect(bytes.ours == bytes.theirs)
            #expect(!bytes.ours.isEmpty)
        }
    }

    @Test("code of the large model is byte for byte what ld makes", arguments: ["-O0", "-O1", "-O2", "-O3"])
    func large(_ optimization: String) throws {
        let comparison = try Comparison(Self.compile([optimization, "-fno-pic", "-mcmodel=large"]), ["-static"])
        let bytes = try #require(try comparison.section(".text"))
        #expect(bytes.ours == bytes.theirs)
    }

    @Test("code with -fPIC is byte for byte what ld makes", arguments: ["-O0", "-O1", "-O2", "-O3"])
    func positionIndependent(_ optimization: String) throws {
        let comparison = try Comparison(Self.compile([optimization, "-fPIC"]), ["-pie", "--no-dynamic-linker"])
        for name in [".text", ".rodata"] {
            let bytes = try #require(try comparison.section(name))
            #expect(bytes.ours == bytes.theirs)
        }
        #expect(!comparison.linked.modules[0].image.sections.contains { $0.name == ".got" })
    }

    private static let ending = ".data\n.globl tomat\ntomat: .quad 1\n"

    @Test("calls, jumps and operations with an address are relaxed to the bytes that ld writes") func operations()
        throws
    {
        var text = ".text\n.globl _start\n_start:\ncall *tomat@GOTPCREL(%rip)\njmp *tomat@GOTPCREL(%rip)\n"
        for register in ["rax", "rbx", "rdi", "r8", "r13", "r15"] {
            text += "test %\(register), tomat@GOTPCREL(%rip)\n"
            for name in ["add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"] {
                text += "\(name) tomat@GOTPCREL(%rip), %\(register)\n"
            }
        }
        let comparison = try Comparison(
            [try Compiler.gcc.object(text + Self.ending, [], language: .assembly)], ["-static"])
        let bytes = try #require(try comparison.section(".text"))
        #expect(bytes.ours == bytes.theirs)
        #expect(!comparison.linked.modules[0].image.sections.contains { $0.name == ".got" })
    }

    @Test("loads of an address are relaxed to the bytes that ld writes") func loads() throws {
        var text = ".text\n.globl _start\n_start:\ncall *tomat@GOTPCREL(%rip)\njmp *tomat@GOTPCREL(%rip)\n"
        for register in ["rax", "rcx", "rsp", "rbp", "rsi", "r8", "r12", "r15"] {
            text += "mov tomat@GOTPCREL(%rip), %\(register)\n"
        }
        let comparison = try Comparison(
            [try Compiler.gcc.object(text + Self.ending, [], language: .assembly)], ["-pie", "--no-dynamic-linker"])
        let bytes = try #require(try comparison.section(".text"))
        #expect(bytes.ours == bytes.theirs)
    }
}
