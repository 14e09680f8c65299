import ModlinkInterface
import Posix
import TestSupport
import Testing

@testable import ModuleService

/// The folder of crashes.
@Suite struct CrashStoreTests {
    private let scratch: ScratchDirectory
    private var directory: RuntimeDirectory { RuntimeDirectory(path: scratch.path) }

    init() throws {
        scratch = try ScratchDirectory()
    }

    private func names() throws -> [String] { try File.list(directory.crashes).sorted() }

    /// Keeps a crash with a core file of 64 KiB.
    @discardableResult private func keep(in store: CrashStore, program: String? = nil) throws -> String {
        let folder = try store.begin()
        try File.writeAtomically(folder.path + "/core", [UInt8](repeating: 1, count: 65536), permissions: 0o600)
        if let program { try store.addProgram(program, buildID: "ab", as: folder.path + "/images/space") }
        return try store.finish(folder)
    }

    @Test("a crash has a number and its folders, and no name before it is finished")
    func numbers() throws {
        let store = CrashStore(directory, limits: CrashLimits())
        let folder = try store.begin()
        #expect(folder.number == 1 && folder.final == directory.crashes + "/1")
        #expect(try names() == [".1.partial"])
        #expect(try File.list(folder.path).sorted() == ["images", "objects"])
        #expect(try store.finish(folder) == folder.final)
        let given = try store.begin()
        try File.writeAtomically(given.path + "/images/x", [1], permissions: 0o600)
        store.abandon(given)
        #expect(try keep(in: store) == directory.crashes + "/3")
        #expect(try names() == ["1", "3"])
    }

    @Test("numbers go on behind those that are there; what a daemon left unfinished goes, what is not ours stays")
    func restart() throws {
        try keep(in: CrashStore(directory, limits: CrashLimits()))
        for name in ["9", "010", "+11", "x", ".12.partial", ".12.partial/images", ".partial-x"] {
            try File.createDirectory(directory.crashes + "/" + name, permissions: 0o700)
        }
        try File.writeAtomically(directory.crashes + "/.12.partial/images/x", [1], permissions: 0o600)
        let store = CrashStore(directory, limits: CrashLimits(count: 2))
        #expect(try names() == ["+11", ".partial-x", "010", "1", "9", "x"])
        #expect(try keep(in: store) == directory.crashes + "/10")
        #expect(try names() == ["+11", ".partial-x", "010", "10", "9", "x"])
    }

    @Test("so many are kept, the newest", arguments: [1, 2, 3])
    func count(limit: Int) throws {
        let store = CrashStore(directory, limits: CrashLimits(count: limit))
        for _ in 1...4 { try keep(in: store) }
        #expect(try names() == (1...4).suffix(limit).map(String.init))
    }

    @Test("so many bytes are kept, and the newest however many it has")
    func bytes() throws {
        let size = FileTree.size(try keep(in: CrashStore(directory, limits: CrashLimits())))
        #expect(size >= 65536 && size < 2 * 65536)
        for (limit, kept) in [(2 * size, 2), (2 * size - 1, 1), (size, 1), (1, 1)] {
            let store = CrashStore(directory, limits: CrashLimits(bytes: limit))
            let last = try (1...3).map { _ in try keep(in: store) }.suffix(kept)
            #expect(try names().map { directory.crashes + "/" + $0 } == last.sorted(), "\(limit)")
        }
    }

    @Test("a program is there once for all crashes, and goes with the last of them")
    func programs() throws {
        let program = try scratch.write("program", Array("text".utf8))
        let store = CrashStore(directory, limits: CrashLimits(count: 2))
        try keep(in: store, program: program)
        // What it is at its path by now is another one.
        try File.remove(program)
        let second = try keep(in: store, program: program)
        #expect(try File.read(path: second + "/images/space", limit: 10) == Array("text".utf8))
        #expect(try names() == [".program-ab", "1", "2"])
        try keep(in: store)
        #expect(try names() == [".program-ab", "2", "3"])
        try keep(in: store)
        #expect(try names() == ["3", "4"])
    }

    @Test("what stands in the way is told, and nothing is left behind")
    func refused() throws {
        try scratch.write("crash", [])
        let store = CrashStore(directory, limits: CrashLimits())
        #expect(throws: SystemError.self) { try store.begin() }
        try File.remove(directory.crashes)
        #expect(try keep(in: store) == directory.crashes + "/2")
    }
}

/// Notes of our own in core files.
@Suite struct CrashNoteTests {
    @Test("none has the size of a thread's status on x86-64, i386 or x32: debuggers take what has for one")
    func distinct() {
        for (size, expected) in [
            (143, 143), (144, 145), (145, 145), (296, 297), (297, 297), (335, 335), (336, 337), (337, 337), (0, 0),
        ] {
            let text = [UInt8](repeating: 0x20, count: size)
            let note = ModuleService.CrashNote.distinct(text)
            #expect(note.count == expected && note.starts(with: text))
        }
    }
}
