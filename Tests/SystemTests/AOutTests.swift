import Posix
import TestSupport
import Testing

/// a.out objects, as nasm writes them for Linux and for NetBSD.
@Suite struct AOutTests {
    static let gurka = """
        extern printf, fflush
        global init_module, cleanup_module, slice, gurka_count
        common gurka_room 64
        section .text
        init_module:
            push dword [gurka_count]
            push dword hello
            call printf
            add esp, 8
            mov dword [gurka_room + 60], 1
            cmp dword [zeroes], 0
            jne .bad
            xor eax, eax
            ret
        .bad: mov eax, 22
            ret
        cleanup_module:
            push dword bye
            call printf
            pop eax
            ret
        slice:
            mov eax, [esp + 4]
            imul eax, [gurka_count]
            ret
        section .data
        gurka_count: dd 3
        hello: db "gurka: hello %d", 10, 0
        bye: db "gurka: bye", 10, 0
        section .bss
        zeroes: resd 4
        """

    /// Resident symbols for who has no space.
    private static let map = "00401000 T printf\n00402000 T fflush\n"

    @Test("-n with -A links an a.out object into an ELF image for i386", arguments: Nasm.aOut)
    func offline(_ format: Nasm.Format) throws {
        let session = try Session()
        try session.write("gurka.o", try Nasm.object(Self.gurka, format))
        try session.write("map", Array(Self.map.utf8))
        let report = try session.output("modload", "-n", "-A", "map", "-o", "image", "gurka.o")
        #expect(report == "gurka: 12288 bytes at 0x10000000, entry init_module at 0x10001000\n")
        let text = try LinkOnlyTests.readelf("\(session.path)/image")
        #expect(text.contains("Class:                             ELF32"))
        #expect(text.contains("Machine:                           Intel 80386"))
        let names = try Tool.output("nm", ["\(session.path)/image"])
        for line in ["10001000 t init_module\n", " T slice\n", " D gurka_count\n", " B gurka_room\n", " d hello\n"] {
            #expect(names.contains(line), "\(names)")
        }
        let code = try Tool.output("objdump", ["-d", "--no-show-raw-insn", "\(session.path)/image"])
        #expect(code.contains("call   401000"), "\(code)")
        // No daemon was needed.
        #expect(throws: SystemError.self) { try File.status(path: session.runtime) }
    }

    @Test("members of an archive are taken as they are needed, whichever tool made the archive")
    func archive() throws {
        let session = try Session()
        try session.write(
            "main.o",
            try Nasm.object("global init_module\nextern slice\nsection .text\ninit_module: jmp slice", .linux))
        try session.write("slice.o", try Nasm.object("global slice\nsection .text\nslice: ret", .netBSD))
        try session.write("other.o", try Nasm.object("global other\nextern nowhere\nother: jmp nowhere", .netBSD))
        try session.write("map", Array(Self.map.utf8))
        try Tool.output("env", ["-C", session.path, "ar", "rcs", "l.a", "other.o", "slice.o"])
        let report = try session.output("modload", "-n", "-A", "map", "-o", "image", "main.o", "l.a")
        #expect(report == "main: 8192 bytes at 0x10000000, entry init_module at 0x10001000\n")
        let names = try Tool.output("nm", ["\(session.path)/image"])
        #expect(names.contains(" slice\n") && !names.contains("other"))
    }

    /// C that uses what the a.out object exports.
    private static let sallad = """
        #include <stdio.h>
        extern int slice(int), gurka_count;
        int init_module(void) { printf("sallad: %d %d\\n", slice(14), gurka_count); return 0; }
        """

    @Test("an a.out object runs in the space for i386, and an ELF module uses what it exports", arguments: Nasm.aOut)
    func run(_ format: Nasm.Format) throws {
        let session = try Session()
        try session.write("gurka.o", try Nasm.object(Self.gurka, format))
        try session.compile("sallad.o", Self.sallad, ["-m32", "-O1", "-fno-pie"])
        try expect(session.run("modload", "gurka.o"), .done("gurka: hello 3\nModule loaded as ID 1\n"))
        try expect(session.run("modload", "sallad.o"), .done("sallad: 42 3\nModule loaded as ID 2\n"))
        try session.output("ksyms", "--space", "i386", "-o", "symbols")
        let header = try LinkOnlyTests.readelf("\(session.path)/symbols")
        #expect(header.contains("Class:                             ELF32"))
        let listing = try session.output("ksyms", "--space", "i386")
        #expect(listing.contains(" T slice\t[gurka]\n") && listing.contains(" d hello\t[gurka]\n"), "\(listing)")
        try expect(session.run("modunload", "sallad", "gurka"), .done("gurka: bye\n"))
    }

    @Test("position-independent a.out code runs: the table, offsets from it, calls by way of a stub")
    func independent() throws {
        let session = try Session()
        try session.write(
            "gurka.o",
            try Nasm.object(
                """
                extern _GLOBAL_OFFSET_TABLE_, printf
                global init_module:function init_module.end - init_module, gurka_count:data 4, nothing:data 4
                section .text
                init_module:
                    push ebx
                    call .get
                .get: pop ebx
                    add ebx, _GLOBAL_OFFSET_TABLE_ + $$ - .get wrt ..gotpc
                    lea eax, [ebx + hello wrt ..gotoff]
                    mov ecx, [ebx + gurka_count wrt ..got]
                    push dword [ecx]
                    push eax
                    call printf wrt ..plt
                    add esp, 8
                    push dword [ebx + nothing wrt ..got]
                    pop edx
                    mov eax, [edx]
                    pop ebx
                    ret
                .end:
                section .data
                gurka_count: dd 5
                nothing: dd 0
                hello: db "gurka: hello %d", 10, 0
                """, .netBSD))
        try expect(session.run("modload", "gurka.o"), .done("gurka: hello 5\nModule loaded as ID 1\n"))
        let listing = try session.output("ksyms", "--space", "i386", "gurka_count")
        #expect(listing.contains(" gurka_count\t[gurka]"), "\(listing)")
    }

    @Test("what is wrong with an a.out object is told with field and place")
    func bad() throws {
        let session = try Session()
        var bytes = try Nasm.object(Self.gurka, .netBSD)
        bytes[2] = 0x01
        bytes[3] = 0x0b
        try session.write("executable", bytes)
        bytes = try Nasm.object(Self.gurka, .linux)
        bytes[11] = 0x7f
        try session.write("long.o", bytes)
        try session.write("map", Array(Self.map.utf8))
        let result = try session.run("modload", "-n", "-A", "map", "--name", "x", "executable", "long.o")
        let data = UInt32(bytes[8]) | UInt32(bytes[9]) << 8 | UInt32(bytes[10]) << 16 | 0x7f00_0000
        let text = UInt64(bytes[4]) | UInt64(bytes[5]) << 8
        expect(
            result,
            .failed(
                65,
                """
                modload: executable: a_midmag: ZMAGIC, an executable, not a relocatable object; modules are made with 'cc -c'
                modload: long.o: a_data: \(data) bytes at 0x\(String(text + 32, radix: 16)) are beyond the end of the file (\(bytes.count) bytes): truncated?

                """))
    }

    @Test("a symbol that nothing defines is told by C's name")
    func undefined() throws {
        let session = try Session()
        try session.write("gurka.o", try Nasm.object("extern pritnf\nsection .text\nnop\ncall pritnf", .linux))
        try session.write("map", Array(Self.map.utf8))
        try expect(
            session.run("modload", "-n", "-A", "map", "gurka.o"),
            .failed(
                1, "modload: gurka.o: .text+0x2: undefined symbol 'pritnf'; did you mean 'printf'?\n"))
    }
}
