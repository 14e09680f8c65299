import ELFFormat
import ObjectModel
import Posix
import TestSupport
import Testing

/// Archives as ar(1) makes them.
@Suite struct ArchiveTests {
    let directory: ScratchDirectory

    init() throws {
        directory = try ScratchDirectory()
        try add("x.o", "x")
        try add("y.o", "y")
    }

    private func add(_ file: String, _ name: String) throws {
        try directory.write(
            file,
            try Compiler.gcc.object(".globl \(name)\n\(name): ret\n.data\nlocal: .byte 1\n", [], language: .assembly))
    }

    private func archive(_ options: String..., members: [String] = ["x.o", "y.o"]) throws -> [UInt8] {
        try Tool.output(
            "env", ["-C", directory.path, "ar"] + options + ["l.a"] + members)
        return try directory.read("l.a")
    }

    private func names(_ archive: Archive) -> [String] {
        archive.members.map { printable(archive.bytes, $0.name) }
    }

    private func index(_ archive: Archive) -> [String] {
        archive.index.map { "\(printable(archive.bytes, $0.name)) \($0.member)" }
    }

    @Test("members and index are what ar has put there", arguments: ["rcs", "rcS"])
    func plain(_ options: String) throws {
        let archive = try ArchiveReader.read(try archive(options), name: "l.a")
        #expect(names(archive) == ["x.o", "y.o"])
        #expect(index(archive) == ["x 0", "y 1"])
        let object = try ArchiveReader.object(1, of: archive)
        #expect(object.name == "l.a(y.o)")
        #expect(try object.fileBytes == directory.read("y.o"))
        #expect(object.symbol("y")?.place != .undefined)
    }

    @Test("long names, and those with spaces")
    func longNames() throws {
        let members = [
            "fifteen_chars_x", "sixteen_chars__x", String(repeating: "n", count: 200) + ".o", "a b.o", "x.o",
        ]
        for (number, member) in members.enumerated() { try add(member, "f\(number)") }
        for options in ["rcs", "rcS"] {
            let archive = try ArchiveReader.read(try archive(options, members: members), name: "l.a")
            #expect(names(archive) == members)
            #expect(index(archive) == (0..<5).map { "f\($0) \($0)" })
            try Tool.output("rm", [directory.path + "/l.a"])
        }
    }

    @Test("names before the contents, as BSD has them; its own index is passed over")
    func bsd() throws {
        let object = try directory.read("x.o")
        let name = Array("a name that is too long.o".utf8)
        let bytes =
            HandMadeArchive.magic
            + HandMadeArchive.member("#1/20", Array("__.SYMDEF SORTED".utf8) + [0, 0, 0, 0, 9, 9])
            + HandMadeArchive.member("#1/28", name + [0, 0, 0] + object) + HandMadeArchive.member("y.o", [])
        let archive = try ArchiveReader.read(bytes, name: "l.a")
        #expect(names(archive) == ["a name that is too long.o", "y.o"])
        #expect(index(archive) == ["x 0"])
        #expect(try ArchiveReader.object(0, of: archive).fileBytes == object)
    }

    @Test("contents of odd size are filled up, the last need not be")
    func padding() throws {
        for name in ["x.o", "y.o"] {
            let bytes = try directory.read(name)
            try directory.write(name, bytes + [UInt8](repeating: 0, count: 1 - bytes.count % 2))
        }
        var bytes = try archive("rcS")
        let both = try ArchiveReader.read(bytes, name: "l.a")
        #expect(both.members.map { $0.contents.count % 2 } == [1, 1])
        #expect(try ArchiveReader.object(1, of: both).fileBytes == directory.read("y.o"))
        bytes.removeLast()
        #expect(try ArchiveReader.read(bytes, name: "l.a").members.count == 2)
        bytes.removeLast()
        #expect(throws: Problem.self) { try ArchiveReader.read(bytes, name: "l.a") }
    }

    @Test("what is no object defines nothing, and is told when it is asked for")
    func noObject() throws {
        try directory.write("README", Array("read me\n".utf8))
        for options in ["rcs", "rcS"] {
            let archive = try ArchiveReader.read(try archive(options, members: ["README", "x.o"]), name: "l.a")
            #expect(index(archive) == ["x 1"])
            #expect(throws: Problem(subject: "l.a(README)", reason: "not an object file")) {
                try ArchiveReader.object(0, of: archive)
            }
        }
    }

    @Test("an archive without members is one")
    func empty() throws {
        let archive = try ArchiveReader.read(Array("!<arch>\n".utf8), name: "l.a")
        #expect(archive.members.isEmpty && archive.index.isEmpty)
    }

    @Test("a thin archive names its members, and is whole with their contents", arguments: ["rcsT", "rcST"])
    func thin(_ options: String) throws {
        try Tool.output("mkdir", [directory.path + "/folder"])
        try add("folder/odd.o", "odd")
        let members = ["x.o", "folder/odd.o"]
        let bytes = try archive(options, members: members)
        #expect(
            throws: Problem(
                subject: "l.a",
                reason: "a thin archive, whose members are files of their own; 'ar rc' makes a whole one")
        ) { try ArchiveReader.read(bytes, name: "l.a") }
        let thin = try ThinArchive(bytes, name: "l.a")
        #expect(thin.members.map(\.path) == members)
        #expect(thin.members.map(\.label) == ["l.a(x.o)", "l.a(folder/odd.o)"])
        #expect(thin.members.allSatisfy { $0.origin == nil })
        let whole = thin.whole(try members.map { try directory.read($0) + ($0 == "x.o" ? [0] : []) })
        let archive = try ArchiveReader.read(whole, name: "l.a")
        #expect(names(archive) == members)
        #expect(index(archive) == ["x 0", "odd 1"])
        #expect(try ArchiveReader.object(1, of: archive).fileBytes == directory.read("folder/odd.o"))
        try directory.write("whole.a", whole)
        #expect(try Tool.output("ar", ["t", directory.path + "/whole.a"]).split(separator: "\n").count == 2)
    }

    @Test("a thin archive of an archive names its members' places there")
    func thinOfArchive() throws {
        _ = try archive("rcs")
        try Tool.output("env", ["-C", directory.path, "ar", "rcsT", "outer.a", "l.a"])
        let thin = try ThinArchive(try directory.read("outer.a"), name: "outer.a")
        #expect(thin.members.map(\.path) == ["l.a", "l.a"])
        let inner = try directory.read("l.a")
        let contents = try thin.members.map { member in
            try ThinArchive.contents(ofMemberAt: #require(member.origin), in: inner, name: "l.a")
        }
        #expect(try contents == [directory.read("x.o"), directory.read("y.o")])
        #expect(try ThinArchive.contents(ofMemberAt: 9, in: inner, name: "l.a") == nil)
    }

    @Test("a file is an archive by how it begins")
    func beginning() {
        #expect(ArchiveReader.isArchive(Array("!<thin>\n".utf8)) && !ArchiveReader.isArchive(Array("!<arch>".utf8)))
    }

    @Test("a library of the system is read, and its index says what nm says")
    func system() throws {
        let path = try Compiler.library("libz.a")
        let bytes = try File.read(path: path, limit: 1 << 24)
        let archive = try ArchiveReader.read(bytes, name: "libz.a")
        let listing = try Tool.output("nm", ["-s", path]).split(separator: "\n").filter { $0.contains(" in ") }
        #expect(archive.index.count > 50)
        #expect(
            archive.index.map { "\(printable(bytes, $0.name)) in \(names(archive)[Int($0.member)])" }
                == listing.map(String.init))
    }
}
