import ObjectFormats
import ObjectModel
import TestSupport
import Testing

/// Which reader a file gets.
@Suite struct LinkerInputTests {
    private let directory: ScratchDirectory

    init() throws { directory = try ScratchDirectory() }

    private func archive(_ members: [String: [UInt8]], _ options: String) throws -> [UInt8] {
        for (name, bytes) in members { try directory.write(name, bytes) }
        try Tool.output("env", ["-C", directory.path, "ar", options, "l.a"] + members.keys.sorted())
        return try directory.read("l.a")
    }

    private func names(_ archive: Archive) -> [String] {
        archive.index.map { "\(printable(archive.bytes, $0.name)) \($0.member)" }
    }

    @Test("objects of either format and archives are known by how they begin")
    func formats() throws {
        let source = "global entry\nsection .text\nentry: ret"
        for format in Nasm.aOut {
            guard case .object(let object) = try LinkerInput(try Nasm.object(source, format), name: "x.o") else {
                Issue.record("taken for something else")
                return
            }
            #expect(object.architecture == .i386 && object.sections.count == 3)
        }
        guard case .object(let object) = try LinkerInput(try Compiler.gcc.object("int x;"), name: "x.o"),
            case .archive(let archive) = try LinkerInput(
                try archive(["x.o": Compiler.gcc.object("int x;")], "rcs"), name: "l.a")
        else {
            Issue.record("taken for something else")
            return
        }
        #expect(object.architecture == .x86_64 && archive.members.count == 1)
    }

    @Test(
        "what is no object is told by what it is",
        arguments: [
            ("int main;", "neither an ELF nor an a.out object; modules are made with 'cc -c'"),
            ("\u{7f}EL", "neither an ELF nor an a.out object; modules are made with 'cc -c'"), ("", "empty"),
            ("#!/bin/sh\n", "a script, not an object"),
            ("\u{7f}ELF", "truncated: 4 bytes, shorter than an ELF header"),
            ("\u{7}\u{1}d\0", "truncated: 4 bytes, shorter than an a.out header"),
        ])
    func neither(text: String, reason: String) {
        #expect(throws: Problem(subject: "x.o", reason: reason)) {
            try LinkerInput(Array(text.utf8), name: "x.o")
        }
    }

    @Test("an archive's a.out members offer their names without C's underscore", arguments: ["rcs", "rcS"])
    func members(_ options: String) throws {
        let bytes = try archive(
            [
                "a.o": try Nasm.object("global one, two\nextern three\nsection .text\none: ret\ntwo: ret", .netBSD),
                "b.o": try Compiler.gcc.object("int two, four;"),
                "c.o": try Nasm.object("common five 4", .linux), "d.txt": Array("text".utf8),
            ], options)
        guard case .archive(let archive) = try LinkerInput(bytes, name: "l.a") else {
            Issue.record("taken for something else")
            return
        }
        #expect(names(archive).sorted() == ["five 2", "four 1", "one 0", "two 0", "two 1"])
        // The first of a name counts.
        #expect(names(archive).filter { $0.hasPrefix("two") } == ["two 0", "two 1"])
        let object = try ObjectReader.member(2, of: archive)
        #expect(object.name == "l.a(c.o)" && object.architecture == .i386)
        #expect(
            throws: Problem(
                subject: "l.a(d.txt)", reason: "neither an ELF nor an a.out object; modules are made with 'cc -c'")
        ) { try ObjectReader.member(3, of: archive) }
    }

    @Test("an a.out member that lies is told by its name in the archive")
    func badMember() throws {
        var bytes = try Nasm.object("section .text\nret", .linux)
        bytes[4] = 0xff
        let whole = try archive(["a.o": bytes], "rcS")
        #expect(
            throws: Problem(
                subject: "l.a(a.o)", place: "a_text",
                reason: "255 bytes at 0x20 are beyond the end of the file (\(bytes.count) bytes): truncated?")
        ) { try LinkerInput(whole, name: "l.a") }
    }
}
