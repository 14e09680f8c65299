import CrashReport
import ModlinkInterface
import Posix
import TestSupport

@testable import modreport

/// A crash's folder made of a real crash: gcc or clang compile the module, ld links it to where modules lie, a program maps it as a space
/// does and calls it, and gdb writes the core file when that is stopped by a signal.
struct CrashFixture {
    let folder: ScratchDirectory
    var path: String { folder.path + "/1" }

    /// Makes a crash of a module.
    ///
    /// - Parameters:
    ///   - sources: its files by name; the first one's name is the module's, and its function init_module is called.
    ///   - machine: options of the compiler for the machine.
    init(
        _ sources: [(name: String, text: String)], _ options: [String] = ["-O2", "-g"],
        compiler: Compiler = .gcc, machine: [String] = []
    ) throws {
        folder = try ScratchDirectory()
        let space = try machine.isEmpty ? Self.space.get() : Self.space32.get()
        for source in sources {
            try folder.write(source.name, Array(source.text.utf8))
            try run([compiler.rawValue] + options + machine + ["-w", "-fno-pie", "-c", source.name])
        }
        let objects = sources.map { String($0.name.prefix { $0 != "." }) + ".o" }
        try run(
            ["ld", "-static", "-Ttext-segment=0x10000000", "-z", "noexecstack", "-e", "init_module", "-Map=map"]
                + (machine.isEmpty ? [] : ["-m", "elf_i386"]) + ["-R", space, "-o", "image"] + objects)
        try run([
            "gdb", "-batch", "-nx", "-iex", "set debuginfod enabled off", "-ex", "run", "-ex", "gcore core", "--args",
            space,
            "image",
        ])
        try makeFolder(objects, space, is32: !machine.isEmpty)
    }

    private func run(_ command: [String]) throws {
        try Tool.output("env", ["-C", folder.path] + command)
    }

    private func makeFolder(_ objects: [String], _ space: String, is32: Bool) throws {
        for name in ["1", "1/objects", "1/images"] {
            try File.createDirectory("\(folder.path)/\(name)", permissions: 0o700)
        }
        try File.rename(folder.path + "/core", to: path + "/core")
        try File.rename(folder.path + "/image", to: path + "/images/aa")
        try folder.write("1/images/space", try File.read(path: space, limit: 1 << 26))
        let map = String(decoding: try folder.read("map"), as: UTF8.self)
        let module = String(objects[0].dropLast(2))
        var names: [String] = []
        for (index, object) in objects.enumerated() {
            let name = index == 0 ? module : "\(module).\(index + 1)"
            try folder.write("1/objects/\(name)", placed(try folder.read(object), object, map))
            names.append(name)
        }
        var fault = CrashFault()
        fault.kind = "fault"
        fault.module = module
        fault.activity = "initialize"
        try folder.write("1/fault.json", CrashJSON.encode(fault))
        var modules = CrashModules()
        modules.architecture = is32 ? "i386" : "x86-64"
        modules.time = 1_700_000_000.5
        modules.space = .init(process: 4711, buildID: "cc")
        modules.modules = [
            .init(name: module, start: Hexadecimal(0x1000_0000), size: 0x10000, buildID: "aa", objects: names)
        ]
        try folder.write("1/modules.json", CrashJSON.encode(modules))
    }

    /// The report's lines.
    func lines() -> [String] { ReportProgram.text(path).split(separator: "\n").map(String.init) }

    /// The lines of a trace, without distances: those are the compiler's choice.
    func trace(_ count: Int, after title: String = "Call Trace:") -> [String] {
        Array(lines().drop { $0 != title }.dropFirst().prefix(count)).map(Self.withoutDistances)
    }

    /// `gurka:slice+0x4/0x21 (gurka.c:5)` as `gurka:slice (gurka.c:5)`.
    static func withoutDistances(_ line: String) -> String {
        line.split(separator: " ", omittingEmptySubsequences: false).map { word in
            word.firstRange(of: "+0x").map { word[..<$0.lowerBound] + (word.hasSuffix(",") ? "," : "") } ?? word[...]
        }.joined(separator: " ")
    }

    /// An object with the addresses at which ld has put its sections.
    private func placed(_ object: [UInt8], _ file: String, _ map: String) -> [UInt8] {
        let words = map.split { $0 == " " || $0 == "\n" }
        var addresses: [String: UInt64] = [:]
        for index in words.indices.dropLast(3)
        where words[index].hasPrefix(".") && words[index + 3] == file[...] && words[index + 1].hasPrefix("0x") {
            addresses[String(words[index])] = UInt64(words[index + 1].dropFirst(2), radix: 16)
        }
        var bytes = object
        let is64 = bytes[4] == 2
        func number(_ offset: Int, _ width: Int) -> Int {
            (0..<width).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
        }
        let headers = number(is64 ? 40 : 32, is64 ? 8 : 4)
        let size = number(is64 ? 58 : 46, 2)
        let names = number(headers + number(is64 ? 62 : 50, 2) * size + (is64 ? 24 : 16), is64 ? 8 : 4)
        for index in 0..<number(is64 ? 60 : 48, 2) {
            let header = headers + index * size
            let name = String(decoding: bytes[(names + number(header, 4))...].prefix { $0 != 0 }, as: UTF8.self)
            guard let address = addresses[name], number(header + 8, 1) & 2 != 0 else { continue }
            for byte in 0..<(is64 ? 8 : 4) {
                bytes[header + (is64 ? 16 : 12) + byte] = UInt8(truncatingIfNeeded: address >> UInt64(8 * byte))
            }
        }
        return bytes
    }

    // MARK: The program in the place of the space

    private static let space = Result { try program([]) }
    private static let space32 = Result { try program(["-m32"]) }
    /// Goes with the tests.
    private static let programs = Result { try ScratchDirectory() }

    private static func program(_ machine: [String]) throws -> String {
        let folder = try programs.get()
        let source = try folder.write("space.c", Array(spaceSource.utf8))
        let program = folder.path + "/space" + machine.joined()
        try Tool.output(
            "gcc",
            machine + [
                "-O2", "-static", "-no-pie", "-fno-pie", "-pthread", "-Wl,-Ttext-segment=0x70000000", "-Wl,-u,atol",
                "-Wl,-u,abort", "-o", program, source,
            ])
        return program
    }

    private static let spaceSource = """
        #include <elf.h>
        #include <fcntl.h>
        #include <pthread.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/mman.h>
        #include <unistd.h>
        #if __SIZEOF_POINTER__ == 8
        typedef Elf64_Ehdr header;
        typedef Elf64_Phdr segment;
        #else
        typedef Elf32_Ehdr header;
        typedef Elf32_Phdr segment;
        #endif
        static unsigned long map(const char *path)
        {
            static char bytes[4096];
            int file = open(path, O_RDONLY);
            if (file < 0 || read(file, bytes, sizeof bytes) < (ssize_t)sizeof(header))
                exit(2);
            header *h = (header *)bytes;
            segment *s = (segment *)(bytes + h->e_phoff);
            for (int i = 0; i < h->e_phnum; i++) {
                if (s[i].p_type != PT_LOAD)
                    continue;
                unsigned long start = s[i].p_vaddr & ~4095ul;
                unsigned long end = (s[i].p_vaddr + s[i].p_memsz + 4095) & ~4095ul;
                int use = (s[i].p_flags & PF_R ? PROT_READ : 0) | (s[i].p_flags & PF_W ? PROT_WRITE : 0)
                    | (s[i].p_flags & PF_X ? PROT_EXEC : 0);
                mmap((void *)start, end - start, use, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0);
                if (s[i].p_filesz > 0) {
                    mmap((void *)start, s[i].p_filesz + (s[i].p_vaddr & 4095), use, MAP_PRIVATE | MAP_FIXED, file,
                        s[i].p_offset & ~4095ul);
                    if (s[i].p_flags & PF_W)
                        memset((char *)s[i].p_vaddr + s[i].p_filesz, 0, -(s[i].p_vaddr + s[i].p_filesz) & 4095);
                }
            }
            return h->e_entry;
        }
        static void *call_module(void *entry)
        {
            volatile int result = ((int (*)(void))entry)();
            return (void *)(long)result;
        }
        int main(int count, char **names)
        {
            unsigned long entry = map(names[1]);
            pthread_t thread;
            pthread_create(&thread, NULL, call_module, (void *)entry);
            pthread_join(thread, NULL);
            return 0;
        }
        """
}
