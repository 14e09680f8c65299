import ELFFormat
import TestSupport
import Testing

@Suite struct MalformedHeaderTests {
    @Test("the object that these tests change is acceptable as it is") func sound() throws {
        #expect(try refusal { _ in } == nil)
    }

    @Test("an empty file") func empty() throws {
        #expect(try refusal { $0.bytes = [] } == "gurka.o: empty")
    }

    @Test("files that are no ELF files are called what they are") func foreign() throws {
        let kinds: [(String, String)] = [
            ("!<arch>\nx", "an archive, not an object"),
            ("!<thin>\nx", "an archive, not an object"),
            ("#!/bin/sh\n", "a script, not an object"), ("int main;", "not an object file"),
            ("\u{7f}EL", "not an object file"),
        ]
        for (text, reason) in kinds {
            #expect(try refusal { $0.bytes = Array(text.utf8) } == "gurka.o: \(reason)")
        }
        #expect(
            try refusal { $0.bytes = [0x42, 0x43, 0xc0, 0xde] }
                == "gurka.o: LLVM bitcode, not an object; compile without -flto")
    }

    @Test("a file that ends before its header does", arguments: [4, 5, 6, 63]) func shortHeader(_ count: Int) throws {
        #expect(
            try refusal { $0.bytes.removeSubrange(count...) }
                == "gurka.o: truncated: \(count) bytes, shorter than an ELF header")
    }

    @Test("a file of 64 bytes has a header, and its section headers are missing") func headerOnly() throws {
        let start = try PatchedObject().read(40, as: UInt64.self)
        #expect(
            try refusal { $0.bytes.removeSubrange(64...) }
                == "gurka.o: e_shoff: section headers at 0x\(String(start, radix: 16)) are beyond the end of the file (64 bytes): truncated?"
        )
    }

    @Test(
        "identification bytes",
        arguments: [
            (4, 0, "class 0 is neither 32 nor 64 bits"), (4, 3, "class 3 is neither 32 nor 64 bits"),
            (5, 2, "a big-endian object; this space takes little-endian ones"),
            (5, 0, "data encoding 0 is neither little- nor big-endian"), (6, 0, "version 0: not 1"),
        ] as [(Int, UInt8, String)])
    func identification(_ offset: Int, _ value: UInt8, _ reason: String) throws {
        #expect(try refusal { $0.bytes[offset] = value } == "gurka.o: e_ident: \(reason)")
    }

    @Test(
        "file types",
        arguments: [
            (0, "ELF type 0, not a relocatable object"),
            (2, "an executable, not a relocatable object; modules are made with 'cc -c'"),
            (3, "a shared library or an executable, not a relocatable object; modules are made with 'cc -c'"),
            (4, "a core file, not a relocatable object"), (5, "ELF type 5, not a relocatable object"),
        ] as [(UInt16, String)])
    func types(_ number: UInt16, _ reason: String) throws {
        #expect(try refusal { $0.write(number, at: 16) } == "gurka.o: \(reason)")
    }

    @Test(
        "machines",
        arguments: [
            (183, "aarch64"), (40, "arm"), (243, "riscv"), (21, "ppc64"), (22, "s390x"), (9, "machine 9"),
        ] as [(UInt16, String)])
    func machines(_ number: UInt16, _ name: String) throws {
        #expect(
            try refusal { $0.write(number, at: 18) }
                == "gurka.o: e_machine: made for \(name); modules are made for x86-64 or i386")
    }

    @Test("the version of the file") func version() throws {
        #expect(try refusal { $0.write(UInt32(2), at: 20) } == "gurka.o: e_version: 2: not 1")
    }

    @Test("the size of a section header") func headerEntrySize() throws {
        #expect(try refusal { $0.write(UInt16(40), at: 58) } == "gurka.o: e_shentsize: 40: not 64")
        #expect(try refusal { $0.write(UInt16(0), at: 58) } == "gurka.o: e_shentsize: 0: not 64")
    }

    @Test("section headers that begin beyond the end of the file, or wrap") func headerOffset() throws {
        let count = try PatchedObject().bytes.count
        for start in [UInt64(count) - 63, UInt64(count), .max - 63, .max] {
            #expect(
                try refusal { $0.write(start, at: 40) }
                    == "gurka.o: e_shoff: section headers at 0x\(String(start, radix: 16)) are beyond the end of the file (\(count) bytes): truncated?"
            )
        }
    }

    @Test("one section header more than the file has room for") func headerCount() throws {
        let object = try PatchedObject()
        let start = object.read(40, as: UInt64.self)
        let room = (UInt64(object.bytes.count) - start) / 64
        #expect(room == UInt64(object.sectionCount))
        let reason = { (count: UInt64) in
            "gurka.o: e_shnum: \(count) section headers at 0x\(String(start, radix: 16)) are beyond the end of the file (\(object.bytes.count) bytes): truncated?"
        }
        #expect(try refusal { $0.write(UInt16(room + 1), at: 60) } == reason(room + 1))
        // 0 in the header means: the number stands in section 0.
        #expect(try refusal { $0.write(UInt16(0), at: 60) } == reason(0))
        for count in [room + 1, 1 << 24, 1 << 24 + 1, 1 << 58, .max] {
            #expect(
                try refusal {
                    $0.write(UInt16(0), at: 60)
                    $0.write(count, at: $0.field(.size, of: 0))
                } == reason(count))
        }
    }

    @Test("a number of sections that stands in section 0 is taken from there") func extendedCount() throws {
        #expect(
            try refusal {
                $0.write(UInt64($0.sectionCount), at: $0.field(.size, of: 0))
                $0.write(UInt32($0.read(62, as: UInt16.self)), at: $0.field(.link, of: 0))
                $0.write(UInt16(0), at: 60)
                $0.write(UInt16(0xffff), at: 62)
            } == nil)
    }

    @Test("section names in no section, beyond the last, or in one that has none") func namesIndex() throws {
        let count = try PatchedObject().sectionCount
        for index in [0, UInt16(count), 0xfffe] {
            #expect(
                try refusal { $0.write(index, at: 62) }
                    == "gurka.o: e_shstrndx: section \(index) of \(count) is no string table")
        }
        #expect(
            try refusal { $0.write(UInt16($0.section(".text")), at: 62) }
                == "gurka.o: section names: their section is no string table")
    }

    @Test("section names that are empty, beyond the file, or without NUL at an end") func namesTable() throws {
        let beyond = "gurka.o: section names: the string table is empty, or beyond the end of the file"
        let unterminated = "gurka.o: section names: the string table does not start and end with NUL"
        #expect(try refusal { $0.set(.size, of: ".shstrtab", 0) } == beyond)
        #expect(try refusal { $0.set(.size, of: ".shstrtab", 1 << 40) } == beyond)
        #expect(try refusal { $0.set(.offset, of: ".shstrtab", .max) } == beyond)
        #expect(try refusal { $0.bytes[$0.contents(".shstrtab")] = 0x41 } == unterminated)
        #expect(try refusal { $0.bytes[$0.contents(".shstrtab") + $0.size(".shstrtab") - 1] = 0x41 } == unterminated)
    }

    @Test("a section's name may begin at the last byte of the names, not after it") func sectionName() throws {
        let object = try PatchedObject()
        let size = UInt64(object.size(".shstrtab"))
        let number = object.section(".data")
        #expect(try refusal { $0.set(.name, of: ".data", size - 1) } == nil)
        #expect(
            try refusal { $0.set(.name, of: ".data", size) }
                == "gurka.o: section \(number): sh_name \(size) is beyond the section names")
        #expect(
            try refusal { $0.set(.name, of: ".data", 0xffff_ffff) }
                == "gurka.o: section \(number): sh_name 4294967295 is beyond the section names")
    }

    @Test("section 0 that is not null") func sectionZero() throws {
        #expect(
            try refusal { $0.write(UInt32(1), at: $0.field(.type, of: 0)) } == "gurka.o: section 0: sh_type 1: not null"
        )
    }

    @Test("a file without sections is an object without anything") func noSections() throws {
        #expect(
            try refusal {
                $0.write(UInt64(0), at: 40)
                $0.write(UInt16(0), at: 60)
                $0.write(UInt16(0), at: 62)
            } == nil)
    }
}
