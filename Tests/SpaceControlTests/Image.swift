import ObjectModel
import Posix
import SpaceControl
import TestSupport

/// A C source, compiled, linked against a space's symbols, and flat: what a linker would give to a space.
struct Image: Sendable {
    let file: SharedDescriptor
    let segments: [Segment]
    let symbols: Symbols

    /// Compiles with gcc, links with ld for `base`, strips to bytes with objcopy.
    init(_ source: String, base: UInt64 = 0x1000_0000, for architecture: Architecture = .x86_64) throws {
        let (compiler, linker) = architecture == .i386 ? (["-m32"], ["-m", "elf_i386"]) : ([], [])
        let directory = try ScratchDirectory()
        let path = { (name: String) in "\(directory.path)/\(name)" }
        try directory.write("m.c", Array(source.utf8))
        try directory.write("m.lds", Array(Image.linkerScript(base: base).utf8))
        try Tool.output(
            "gcc", compiler + ["-O1", "-fno-pic", "-fexceptions", "-c", path("m.c"), "-o", path("m.o")])
        let resident = try Symbols(of: SpaceProgram.path(architecture))
        let definitions = try Tool.output("nm", ["-u", "-P", path("m.o")]).split(separator: "\n").map { line in
            let name = String(line.split(separator: " ")[0])
            return "--defsym=\(name)=\(resident[name])"
        }
        let options = ["-nostdlib", "-e", "0", "-T", path("m.lds"), path("m.o"), "-o", path("m.elf")]
        try Tool.output("ld", linker + definitions + options)
        try Tool.output("objcopy", ["-O", "binary", "-R", ".bss", path("m.elf"), path("m.bin")])
        let bytes = try directory.read("m.bin")
        symbols = try Symbols(of: path("m.elf"))
        file = SharedDescriptor(try MemoryFile.create(name: "image"))
        try File.writeAll(file.descriptor, bytes)
        segments = Image.segments(base: base, fileSize: UInt64(bytes.count), symbols)
    }

    private static func linkerScript(base: UInt64) -> String {
        """
        SECTIONS {
            . = \(base); .text : { *(.text*) }
            . = ALIGN(4096); constants = .; .rodata : { *(.rodata*) }
            .eh_frame : ALIGN(8) { frames = .; *(.eh_frame) LONG(0) frames_end = .; }
            . = ALIGN(4096); variables = .; .data : { *(.data*) }
            .bss : { *(.bss*) *(COMMON) } end = .;
            /DISCARD/ : { *(.comment) *(.note*) }
        }
        """
    }

    private static func segments(base: UInt64, fileSize: UInt64, _ symbols: Symbols) -> [Segment] {
        let (constants, variables, end) = (symbols["constants"], symbols["variables"], symbols["end"])
        return [
            Segment(
                address: base, fileOffset: 0, fileSize: constants - base, memorySize: constants - base,
                protection: [.readable, .executable]),
            Segment(
                address: constants, fileOffset: constants - base, fileSize: variables - constants,
                memorySize: variables - constants, protection: .readable),
            Segment(
                address: variables, fileOffset: variables - base, fileSize: fileSize - (variables - base),
                memorySize: end - variables, protection: [.readable, .writable]),
        ]
    }

    /// From the lowest address to the end of the last page.
    var size: UInt64 { (symbols["end"] + 4095) / 4096 * 4096 - segments[0].address }

    /// The same for i386.
    static let commonI386 = Result { try Image(commonSource, for: .i386) }

    /// One image for all tests that need no other.
    static let common = Result { try Image(commonSource) }

    private static let commonSource = """
        #define _GNU_SOURCE
        #include <pthread.h>
        #include <signal.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <sys/prctl.h>
        #include <unistd.h>
        long variable = 42, zeros[2000];
        const long constant = 7;
        volatile int *volatile bad = (int *)(sizeof(long) == 8 ? 0x123456789000 : 0xf00);
        volatile int forever = 1;
        long words(long a, long b, long c, long d) { return a + 10 * b + 100 * c + 1000 * d; }
        int prints(void) { printf("one\\ntwo"); return 3; }
        int prints_badly(void) { printf("before %s", (char *)bad); return 0; }
        int faults(void) { return *bad; }
        int aborts(void) { abort(); }
        int spins(void) { while (forever); return 0; }
        int spins_blocked(void)
        {
            sigset_t all;
            sigfillset(&all);
            pthread_sigmask(SIG_SETMASK, &all, 0);
            while (forever);
            return 0;
        }
        int waits(void)
        {
            /* Until the child ends, which it does when this process does. */
            if (vfork() == 0) { prctl(PR_SET_PDEATHSIG, SIGKILL); for (;;) pause(); }
            return 0;
        }
        int leaves(void) { pthread_exit(0); }
        int forks(void) { int child = _Fork(); if (child == 0) sleep(600); return child; }
        int dies(void) { kill(getpid(), SIGKILL); for (;;) pause(); }
        int exits(int status) { exit(status); }
        long order;
        static void first(void) { order = order * 10 + 1; }
        static void second(void) { order = order * 10 + 2; }
        void (*functions[])(void) = {first, second};
        void (*faulty[])(void) = {first, (void (*)(void))faults};
        void *chooses(void) { return words; }
        static void *thread(void *unused) { *bad = 1; return unused; }
        int starts_thread(void) { pthread_t it; return pthread_create(&it, 0, thread, 0); }
        static void *detached(void *unused) { pthread_detach(pthread_self()); return thread(unused); }
        int starts_detached(void) { pthread_t it; return pthread_create(&it, 0, detached, 0); }
        static void handle(int number) { *bad = number; }
        int hits_initial_thread(void) { signal(SIGUSR1, handle); return tgkill(getpid(), getpid(), SIGUSR1); }
        """
}
