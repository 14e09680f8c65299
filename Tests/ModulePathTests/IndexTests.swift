import ModlinkInterface
import ModuleIndex
import ObjectModel
import Posix
import TestSupport
import Testing

@testable import ModulePath

/// Folders of real objects, and their index as they change.
@Suite struct IndexTests {
    private let scratch: ScratchDirectory
    private let folder: String
    private let store: String

    init() throws {
        scratch = try ScratchDirectory()
        folder = scratch.path + "/modules"
        store = scratch.path + "/index"
        try File.createDirectory(folder, permissions: 0o700)
    }

    private static let gurka = Result { try Compiler.gcc.object("int slice(void) { return 1; }") }
    private static let tomat = Result { try Compiler.gcc.object("int seed(void) { return 1; }") }

    private func write(_ name: String, _ bytes: [UInt8]) throws {
        try scratch.write("modules/\(name)", bytes)
    }

    /// Waits until file times are older than a clock tick, so that the index trusts them.
    private func settle() throws {
        var nothing: [PollEntry] = []
        try Poll.wait(&nothing, timeout: 80)
    }

    /// The index of the folder, what it warns of, and how many files were read for it.
    private func refresh(_ indexes: ModuleIndexes) -> (index: FolderIndex?, warnings: [String]) {
        let (found, warnings) = indexes.refresh([folder]) { _, _, _ in }
        return (found.first, warnings.map(\.description))
    }

    private func providers(_ symbol: String, _ index: FolderIndex?) -> [String] {
        let bytes = Array(symbol.utf8)
        let range = NameRange(offset: 0, count: UInt32(bytes.count))
        return index?.providers(bytes, range).compactMap { index?.files[$0.file].name } ?? []
    }

    @Test("files come, change, are replaced and go, and the index with them")
    func changes() throws {
        let indexes = ModuleIndexes(store: store)
        #expect(refresh(indexes).index?.files == [])
        try write("gurka.o", Self.gurka.get())
        #expect(providers("slice", refresh(indexes).index) == ["gurka.o"])
        // In place, at once, with the same size: only a second look tells.
        let file = try File.open(folder + "/gurka.o", .write)
        try File.write(file, Self.tomat.get(), at: 0)
        #expect(providers("slice", refresh(indexes).index) == [])
        #expect(providers("seed", refresh(indexes).index) == ["gurka.o"])
        try settle()
        #expect(providers("seed", refresh(indexes).index) == ["gurka.o"])
        try File.write(file, Self.gurka.get(), at: 0)
        #expect(providers("slice", refresh(indexes).index) == ["gurka.o"])
        try File.rename(folder + "/gurka.o", to: folder + "/melon.ko")
        #expect(providers("slice", refresh(indexes).index) == ["melon.ko"])
        try File.remove(folder + "/melon.ko")
        #expect(refresh(indexes).index?.files == [])
    }

    @Test("an index that was kept is read without opening an object")
    func kept() throws {
        try write("gurka.o", Self.gurka.get())
        try write("tomat.o", Self.tomat.get())
        try settle()
        _ = refresh(ModuleIndexes(store: store))
        let before = try File.list(store)
        #expect(before.count == 1)
        // The objects cannot be read any more, and nothing tells: neither size nor times are others.
        var opened = 0
        let (found, warnings) = ModuleIndexes(store: store).refresh([folder]) { _, _, _ in opened += 1 }
        #expect(opened == 0)
        #expect(warnings == [])
        #expect(providers("seed", found.first) == ["tomat.o"])
        #expect(try File.list(store) == before)
    }

    @Test("of many files only the one that changed is read again")
    func oneOfMany() throws {
        for number in 0..<20 { try write("m\(number).o", Self.gurka.get()) }
        try settle()
        let indexes = ModuleIndexes(store: store)
        _ = refresh(indexes)
        try write("m7.o", Self.tomat.get())
        #expect(providers("seed", refresh(indexes).index) == ["m7.o"])
        #expect(providers("slice", refresh(indexes).index).count == 19)
    }

    @Test("an index that is damaged, cut, of another folder, or not this user's alone is made anew")
    func damaged() throws {
        try write("gurka.o", Self.gurka.get())
        try settle()
        _ = refresh(ModuleIndexes(store: store))
        let path = store + "/" + (try #require(File.list(store).first))
        #expect(try File.status(path: path).mode == 0o600)
        #expect(try File.status(path: store).mode == 0o700)
        let good = try File.read(path: path, limit: 1 << 20)
        var flipped = good
        flipped[good.count - 1] ^= 1
        let other = FolderIndex(path: "/elsewhere", folders: [])
        for bytes in [[], Array(good[..<50]), flipped, other.encoded, [UInt8](repeating: 0xff, count: 4096)] {
            try File.writeAtomically(path, bytes, permissions: 0o600)
            #expect(providers("slice", refresh(ModuleIndexes(store: store)).index) == ["gurka.o"])
            #expect(try File.read(path: path, limit: 1 << 20) == good)
        }
        // One that others may write is not believed, be it right: here it lies.
        var lying = FolderIndex(path: folder, folders: try #require(FolderIndex(good)).folders)
        lying.finish()
        try File.writeAtomically(path, lying.encoded, permissions: 0o622)
        #expect(providers("slice", refresh(ModuleIndexes(store: store)).index) == ["gurka.o"])
    }

    @Test("what is no object is named once, and harms nobody")
    func malformed() throws {
        try write("gurka.o", Self.gurka.get())
        try write("torn.o", Array(Self.tomat.get()[..<100]))
        try write("text.o", Array("no object".utf8))
        try write("lib.a", Array("!<arch>\n".utf8))
        try File.createDirectory(folder + "/folder.o", permissions: 0o700)
        try settle()
        let indexes = ModuleIndexes(store: store)
        let first = refresh(indexes)
        #expect(first.warnings.count == 2)
        #expect(
            first.warnings.first
                == "\(folder)/text.o: neither an ELF nor an a.out object; modules are made with 'cc -c'")
        #expect(first.warnings.last?.hasPrefix("\(folder)/torn.o: e_shoff: ") == true)
        #expect(providers("slice", first.index) == ["gurka.o"])
        #expect(refresh(indexes).warnings == [])
        #expect(refresh(ModuleIndexes(store: store)).warnings == [])
    }

    @Test("a symbolic link to what is not there yet is seen when it is there")
    func link() throws {
        try Tool.output("ln", ["-s", scratch.path + "/late.o", folder + "/gurka.o"])
        try settle()
        let indexes = ModuleIndexes(store: store)
        #expect(refresh(indexes).index?.files == [])
        try scratch.write("late.o", Self.gurka.get())
        #expect(providers("slice", refresh(indexes).index) == ["gurka.o"])
    }

    private func makeFolder(_ name: String) throws {
        try File.createDirectory(folder + "/" + name, permissions: 0o700)
    }

    @Test("files of folders below are found, also when they come, change and go; the index that was kept knows them")
    func subfolders() throws {
        try makeFolder("kernel")
        try makeFolder("kernel/net")
        try write("kernel/net/gurka.o", Self.gurka.get())
        try settle()
        let indexes = ModuleIndexes(store: store)
        #expect(providers("slice", refresh(indexes).index) == ["kernel/net/gurka.o"])
        #expect(refresh(indexes).index?.folders.map(\.path) == ["", "kernel", "kernel/net"])
        var opened = 0
        let (found, _) = ModuleIndexes(store: store).refresh([folder]) { _, _, _ in opened += 1 }
        #expect(opened == 0 && found.first?.files.map(\.module) == ["gurka"])
        // Neither the folder itself nor the one above has changed.
        try write("kernel/net/tomat.o", Self.tomat.get())
        #expect(providers("seed", refresh(indexes).index) == ["kernel/net/tomat.o"])
        try settle()
        _ = refresh(indexes)
        try makeFolder("kernel/net/more")
        try File.rename(folder + "/kernel/net/tomat.o", to: folder + "/kernel/net/more/tomat.o")
        #expect(providers("seed", refresh(indexes).index) == ["kernel/net/more/tomat.o"])
        try Tool.output("rm", ["-r", folder + "/kernel"])
        #expect(refresh(indexes).index?.files == [])
    }

    @Test("of several files of one name the first counts: the folder's own, then those of updates, then the nearer")
    func order() throws {
        for name in ["a", "a/b", "updates", "updates/deep", "z"] { try makeFolder(name) }
        let names = [
            "gurka.o", "updates/deep/tomat.o", "a/tomat.o", "z/melon.o", "a/b/melon.o", "a/soppa.o", "updates/soppa.o",
        ]
        for name in names { try write(name, Self.gurka.get()) }
        try write("a/b/gurka.o", Self.gurka.get())
        let index = refresh(ModuleIndexes(store: store)).index
        func file(_ key: String) -> String? { index?.file(ofKey: key).flatMap { index?.files[$0].name } }
        #expect(
            ["gurka", "tomat", "melon", "soppa"].map(file)
                == ["gurka.o", "updates/deep/tomat.o", "z/melon.o", "updates/soppa.o"])
        #expect(try ModuleFolders.find("soppa", in: [folder]) == folder + "/updates/soppa.o")
    }

    @Test(
        "symbolic links to folders are followed, each folder once; hidden ones and a kernel's build tree are left out")
    func linkedFolders() throws {
        let beside = scratch.path + "/beside"
        try File.createDirectory(beside, permissions: 0o700)
        try scratch.write("beside/gurka.o", Self.gurka.get())
        for name in ["own", ".git"] { try makeFolder(name) }
        for name in ["own/tomat.o", ".git/tomat.o"] { try write(name, Self.tomat.get()) }
        let links = [
            ("beside", beside), ("again", beside), ("own/up", ".."), ("own/self", "."), ("build", beside),
            ("late", "later"),
        ]
        for (link, target) in links { try Tool.output("ln", ["-s", target, "\(folder)/\(link)"]) }
        try settle()
        let indexes = ModuleIndexes(store: store)
        #expect(refresh(indexes).index?.files.map(\.name) == ["again/gurka.o", "own/tomat.o"])
        // What a link leads to comes while the folder that it is in stays as it is.
        try makeFolder("later")
        try settle()
        #expect(refresh(indexes).index?.files.count == 2)
        try write("later/melon.o", Self.gurka.get())
        #expect(providers("slice", refresh(indexes).index) == ["again/gurka.o", "later/melon.o"])
    }

    @Test("sixteen folders deep modules are found, and no deeper")
    func depth() throws {
        var path = "d"
        for depth in 1...17 {
            try makeFolder(path)
            if depth >= 16 { try write("\(path)/m\(depth).o", Self.gurka.get()) }
            path += "/d"
        }
        #expect(refresh(ModuleIndexes(store: store)).index?.files.map(\.module) == ["m16"])
        #expect(try ModuleFolders.find("m16", in: [folder]).hasSuffix("/d/m16.o"))
        #expect(throws: Failure.self) { try ModuleFolders.find("m17", in: [folder]) }
    }

    @Test("a folder below that cannot be read is named, once", .enabled(if: User.effective != 0, "root can read all"))
    func unreadable() throws {
        try makeFolder("closed")
        try write("gurka.o", Self.gurka.get())
        try File.changeMode(folder + "/closed", 0)
        let indexes = ModuleIndexes(store: store)
        let first = refresh(indexes)
        #expect(first.index?.files.map(\.name) == ["gurka.o"])
        #expect(
            first.warnings == [
                "\(folder)/closed: no modules are looked for there: opendir: permission denied (EACCES)"
            ])
        #expect(refresh(indexes).warnings == [])
        try File.changeMode(folder + "/closed", 0o700)
    }

    @Test("a module is found by what it calls itself, after those whose files are called so")
    func declared() throws {
        func module(_ name: String) throws -> [UInt8] {
            try Compiler.gcc.object(
                """
                #include <sys/module.h>
                MODULE(MODULE_CLASS_MISC, \(name), NULL);
                static int \(name)_modcmd(modcmd_t command, void *data) { (void)data; return command == MODULE_CMD_INIT ? 0 : ENOTTY; }
                """, ["-O2", "-I", ModuleHeaders.directory])
        }
        try write("first.o", module("gherkin"))
        try write("second.o", module("tomat"))
        try write("tomat.o", Self.tomat.get())
        for indexes in [ModuleIndexes(store: store), ModuleIndexes(store: store)] {
            let index = try #require(refresh(indexes).index)
            #expect(index.files.map(\.declared) == [["gherkin"], ["tomat"], []])
            #expect(index.file(ofKey: "gherkin") == 0)
            #expect(index.file(ofKey: "tomat") == 2)
        }
    }

    @Test("a folder that is not there is no problem; one that is a file is named")
    func absent() throws {
        try scratch.write("file", [])
        let (found, warnings) = ModuleIndexes(store: store).refresh(
            [scratch.path + "/nothing", scratch.path + "/file"]
        ) { _, _, _ in }
        #expect(found.isEmpty)
        #expect(
            warnings.map(\.description) == [
                "\(scratch.path)/file: no modules are looked for there: opendir: not a directory (ENOTDIR)"
            ])
    }

    @Test("without a place to keep it the index works in memory")
    func memory() throws {
        try write("gurka.o", Self.gurka.get())
        for place in [nil, "/proc/nowhere/index"] {
            #expect(providers("slice", refresh(ModuleIndexes(store: place)).index) == ["gurka.o"])
        }
    }

    @Test("the name of a module finds its file: .ko before .o, '-' for '_', the first folder before the second")
    func find() throws {
        let second = scratch.path + "/second"
        try File.createDirectory(second, permissions: 0o700)
        for name in ["gurka-x.o", "tomat.o", "tomat.ko"] { try write(name, []) }
        for name in ["gurka_x.o", "melon.o"] { try scratch.write("second/" + name, []) }
        func found(_ name: String) throws -> String { try ModuleFolders.find(name, in: [folder, second]) }
        #expect(try found("gurka_x") == folder + "/gurka-x.o")
        #expect(try found("tomat") == folder + "/tomat.ko")
        #expect(try found("melon") == second + "/melon.o")
        #expect(
            throws: Failure(
                .noSuchModule, subject: "soppa",
                reason: "no such file, nor a module in \(folder), \(second), /nowhere (missing) (ENOENT)")
        ) {
            try ModuleFolders.find("soppa", in: [folder, second, "/nowhere"])
        }
    }
}
