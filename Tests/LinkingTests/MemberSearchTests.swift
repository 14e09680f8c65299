import ELFFormat
import Linking
import ObjectModel
import Posix
import TestSupport
import Testing

@Suite struct MemberSearchTests {
    /// An archive of assembly texts, by the names of their members, in memory: what it offers is what its members define.
    private func archive(_ name: String, _ members: (name: String, text: String)...) throws -> Archive {
        var archive = Archive(name: name, bytes: [], members: [], index: [])
        for (index, member) in members.enumerated() {
            let text = Array(member.name.utf8)
            let label = NameRange(offset: UInt32(archive.bytes.count), count: UInt32(text.count))
            archive.bytes += text
            let contents = try Compiler.gcc.object(member.text, [], language: .assembly)
            let start = archive.bytes.count
            archive.bytes += contents
            archive.members.append(.init(name: label, contents: start..<archive.bytes.count))
            let object = try ArchiveReader.object(index, of: archive)
            for symbol in object.symbols where symbol.binding != .local && symbol.place != .undefined {
                archive.index.append(.init(name: symbol.name, member: UInt32(index)))
            }
        }
        return archive
    }

    /// The names of the objects that a module of one assembly text gets from archives.
    private func pulled(_ text: String, _ archives: Archive..., all: Bool = false, entry: String? = nil) throws
        -> String
    {
        var source = ModuleSource(name: "a", objects: [try assembled(text)], entryName: entry)
        try source.addMembers(of: archives, all: all, read: ArchiveReader.object(_:of:))
        #expect(source.objects.first?.name == "gurka.o")
        return source.objects.dropFirst().map(\.name).joined(separator: " ")
    }

    private func problems(_ text: String, _ archive: Archive, all: Bool = false) throws -> String {
        do {
            return try pulled(text, archive, all: all)
        } catch let error as LinkFailure {
            return error.description
        }
    }

    private func defining(_ names: String..., calling callees: [String] = []) -> String {
        names.map { ".globl \($0)\n\($0): ret\n" }.joined() + callees.map { "call \($0)\n" }.joined()
    }

    @Test("a member that defines what is undefined is taken, another is not")
    func needed() throws {
        let library = try archive("l.a", ("x.o", defining("x")), ("y.o", defining("y")))
        #expect(try pulled("call x\n", library) == "l.a(x.o)")
        #expect(try pulled("call z\n", library) == "")
        #expect(try pulled("call y\ncall x\n", library) == "l.a(y.o) l.a(x.o)")
    }

    @Test("what the module defines itself is not taken, nor what is local to a member")
    func defined() throws {
        let library = try archive("l.a", ("x.o", defining("x")), ("y.o", "y: ret\n"))
        #expect(try pulled(".globl x\nx: call x\n", library) == "")
        #expect(try pulled("call y\n", library) == "")
    }

    @Test("a weak reference asks for no member, a strong one beside it does")
    func weak() throws {
        let library = try archive("l.a", ("x.o", defining("x")), ("y.o", defining("y", calling: ["x"])))
        #expect(try pulled(".weak x\n.quad x\n", library) == "")
        #expect(try pulled(".weak x\n.quad x\ncall y\n", library) == "l.a(y.o) l.a(x.o)")
    }

    @Test("a weak definition of a member answers a reference, and one of the module asks for no other")
    func weakDefinition() throws {
        let library = try archive("l.a", ("x.o", ".weak x\nx: ret\n"))
        #expect(try pulled("call x\n", library) == "l.a(x.o)")
        #expect(try pulled(".weak x\nx: call x\n", library) == "")
    }

    @Test("what a member defines is not exported, unless all members were asked for; what the module defines is")
    func exports() throws {
        let library = try archive("l.a", ("x.o", defining("x") + ".weak both\nboth: ret\n"))
        for all in [false, true] {
            let text = ".weak both\nboth: ret\n.globl own, word\nown: call x\n.data\nword: .quad x\n"
            var source = ModuleSource(name: "a", objects: [try assembled(text)])
            try source.addMembers(of: [library], all: all, read: ArchiveReader.object(_:of:))
            // It is no duplicate either.
            var space = Space()
            if !all { space.add("b", [("x", 0x2000_0000, .global)], 0x2000_0000..<0x2000_1000) }
            let linked = try space.link([source])
            #expect(linked.modules[0].entry("x")?.binding == (all ? .global : .local))
            #expect(linked.word("word") == linked.modules[0].address("x"))
            #expect(linked.modules[0].entry("own")?.binding == .global)
            #expect(linked.modules[0].entry("both")?.binding == .weak)
        }
    }

    @Test("the unwinder is the space's, and not taken from an archive") func unwinder() throws {
        let library = try archive("l.a", ("x.o", defining("_Unwind_Resume")), ("y.o", defining("_UnwindX")))
        #expect(try pulled("call _Unwind_Resume\n", library) == "")
        #expect(try pulled("call _UnwindX\n", library) == "l.a(y.o)")
    }

    @Test("a common symbol is a definition, in the module and in a member")
    func common() throws {
        let library = try archive("l.a", ("x.o", ".comm x, 8\n"))
        #expect(try pulled(".comm x, 4\n.quad x\n", library) == "")
        #expect(try pulled(".quad x\n", library) == "l.a(x.o)")
    }

    @Test("what members need is taken from any archive, also one that comes before")
    func chain() throws {
        let first = try archive("1.a", ("x.o", defining("x")), ("z.o", defining("z", calling: ["w"])))
        let second = try archive(
            "2.a", ("y.o", defining("y", calling: ["x", "z"])), ("w.o", defining("w", calling: ["y"])))
        #expect(try pulled("call y\n", first, second) == "2.a(y.o) 1.a(x.o) 1.a(z.o) 2.a(w.o)")
    }

    @Test("of two archives that define a name the first is asked, of two members the first")
    func order() throws {
        let first = try archive("1.a", ("x.o", defining("x")), ("again.o", defining("x")))
        let second = try archive("2.a", ("x.o", defining("x")))
        #expect(try pulled("call x\n", first, second) == "1.a(x.o)")
        #expect(try pulled("call x\n", second, first) == "2.a(x.o)")
    }

    @Test("a member that defines several names is taken once")
    func once() throws {
        let library = try archive("l.a", ("xy.o", defining("x", "y")))
        #expect(try pulled("call x\ncall y\n", library) == "l.a(xy.o)")
    }

    @Test("the entry that is named is taken too, unless the module has it")
    func entry() throws {
        let library = try archive("l.a", ("begin.o", defining("begin")))
        #expect(try pulled("ret\n", library, entry: "begin") == "l.a(begin.o)")
        #expect(try pulled(defining("begin"), library, entry: "begin") == "")
        #expect(try pulled("ret\n", library) == "")
    }

    @Test("all members are taken when that is asked for, those of the first archive first")
    func all() throws {
        let first = try archive("1.a", ("x.o", defining("x")), ("y.o", defining("y")))
        let second = try archive("2.a", ("x.o", defining("z")))
        #expect(try pulled("ret\n", first, second, all: true) == "1.a(x.o) 1.a(y.o) 2.a(x.o)")
    }

    @Test(
        "of a library of the system those members are taken that ld takes",
        arguments: [
            ("libz.a", ["compress2", "uncompress"], 4...14), ("libcrypto.a", ["EVP_Digest"], 300...900),
            ("liblua5.4.a", ["luaL_newstate"], 5...34), ("libc.a", ["qsort", "printf"], 50...1000),
            ("libstdc++.a", ["_ZNSt6localeC1Ev"], 10...200),
        ])
    func likeLinker(_ library: String, _ names: [String], _ count: ClosedRange<Int>) throws {
        let path = try Compiler.library(library)
        let bytes = try File.read(path: path, limit: 1 << 28)
        let text = names.map { "call \($0)\n" }.joined()
        let directory = try ScratchDirectory()
        try directory.write("gurka.o", try Compiler.gcc.object(text, [], language: .assembly))
        let trace = try Tool.output(
            "ld", ["-r", "-t", "-t", directory.path + "/gurka.o", path, "-o", directory.path + "/all.o"])
        // A line `(libz.a)inflate.o` for each member.
        let theirs = trace.split(separator: "\n").filter { $0.hasPrefix("(") }.map {
            $0.split(separator: ")").last.map(String.init)
        }
        var source = ModuleSource(name: "a", objects: [try assembled(text)])
        try source.addMembers(
            of: [try ArchiveReader.read(bytes, name: "l.a")], all: false, read: ArchiveReader.object(_:of:))
        let ours = source.objects.dropFirst().map { $0.name.dropFirst("l.a(".count).dropLast() }
        #expect(ours.map(String.init).sorted() == theirs.compactMap { $0 }.sorted())
        #expect(count.contains(ours.count), "\(ours.count)")
    }

    @Test("an index that lies is told, with name and member")
    func lie() throws {
        var library = try archive("l.a", ("x.o", defining("x")), ("y.o", defining("y")))
        library.index[0].member = 1
        #expect(
            try problems("call x\n", library)
                == "l.a(y.o): does not define 'x', though the archive's symbol index says so; 'ranlib' makes it anew")
        #expect(try problems("call y\n", library) == "l.a(y.o)")
    }

    @Test("members that cannot be read are all told, when they are needed")
    func unreadable() throws {
        var library = try archive("l.a", ("x.o", defining("x")), ("y.o", defining("y")), ("z.o", defining("z")))
        for member in library.members.prefix(2) { library.bytes[member.contents.lowerBound + 16] = 9 }
        let both = "l.a(x.o): ELF type 9, not a relocatable object\nl.a(y.o): ELF type 9, not a relocatable object"
        #expect(try problems("call x\ncall y\n", library) == both)
        #expect(try problems("ret\n", library, all: true) == both)
        #expect(try problems("call z\n", library) == "l.a(z.o)")
    }

    @Test("ten thousand members that need each other in a row are all taken")
    func long() throws {
        let template = try Compiler.gcc.object(".globl name00000\nname00000: call name00001\n", [], language: .assembly)
        var archive = Archive(name: "l.a", bytes: [], members: [], index: [])
        func digits(_ number: Int) -> [UInt8] { Array(String(100_000 + number).utf8.dropFirst()) }
        for number in 0..<10_000 {
            var bytes = template
            for (from, to) in [("name00001", number + 1), ("name00000", number)] {
                let place = try #require(template.firstRange(of: Array(from.utf8)))
                bytes.replaceSubrange(place.upperBound - 5..<place.upperBound, with: digits(to))
            }
            let start = archive.bytes.count
            let name = try #require(template.firstRange(of: Array("name00000".utf8)))
            archive.bytes += bytes
            archive.members.append(.init(name: .empty, contents: start..<archive.bytes.count))
            archive.index.append(
                .init(name: NameRange(offset: UInt32(start + name.lowerBound), count: 9), member: UInt32(number)))
        }
        var source = ModuleSource(name: "a", objects: [try assembled("call name00003\n")])
        try source.addMembers(of: [archive], all: false, read: ArchiveReader.object(_:of:))
        #expect(source.objects.count == 1 + 10_000 - 3)
    }

    @Test("what no member defines is reported with archive and member")
    func undefined() throws {
        let library = try archive("l.a", ("x.o", defining("x", calling: ["nowhere"])))
        var module = ModuleSource(name: "a", objects: [try assembled("call x\n")])
        try module.addMembers(of: [library], all: false, read: ArchiveReader.object(_:of:))
        #expect(Space().problems([module]) == "l.a(x.o): .text+0x2: undefined symbol 'nowhere'")
    }

    @Test("what an archive defines is taken from there though the space has it")
    func beforeSpace() throws {
        let library = try archive("l.a", ("x.o", defining("x")))
        var module = ModuleSource(name: "a", objects: [try assembled("call x\n")])
        try module.addMembers(of: [library], all: false, read: ArchiveReader.object(_:of:))
        let linked = try Space(["x": 0x40_1000]).link([module])
        #expect(linked.modules[0].address("x").map { $0 >= Space.window.lowerBound } == true)
    }

    @Test("a member's file name makes an entry of the classic kind, as that of an object does")
    func memberEntry() throws {
        let library = try archive("l.a", ("gurk.o", defining("gurk_lkmentry", "x")))
        var module = ModuleSource(name: "a", objects: [try assembled("call x\n")])
        try module.addMembers(of: [library], all: false, read: ArchiveReader.object(_:of:))
        guard case .classic(let name, _, _) = try Space().link([module]).modules[0].entryPoint else {
            Issue.record("no entry")
            return
        }
        #expect(name == "gurk_lkmentry")
        #expect(ModuleSource.name(ofFile: "lib/libgurka.a") == "libgurka")
    }
}
