import ELFFormat
import Glibc
import Linking
import ModlinkInterface
import Posix
import SymbolTable
import TestSupport
import Testing

@testable import ModuleService

@Suite struct ConsoleTests {
    private let scratch: ScratchDirectory
    private var directory: RuntimeDirectory { RuntimeDirectory(path: scratch.path) }

    init() throws {
        scratch = try ScratchDirectory()
    }

    /// The lines of a console without their times.
    private func text(_ name: String = "console") throws -> String {
        String(decoding: try scratch.read(name), as: UTF8.self).replacing(
            #/(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} /#, with: "")
    }

    private func print(_ text: String, to console: Console) throws {
        try File.writeAll(console.writing.descriptor, Array(text.utf8))
    }

    @Test("what is printed is in the file once it is drained, in the order of notes and prints")
    func order() throws {
        let console = try Console(directory)
        try print("one\n", to: console)
        console.note("two")
        try print("three\n", to: console)
        try #expect(text() == "-: one\nmodlinkd: two\n")
        #expect(try Poll.waitReadable(console.number, timeout: 0))
        console.drain()
        try #expect(text() == "-: one\nmodlinkd: two\n-: three\n")
        #expect(try !Poll.waitReadable(console.number, timeout: 0))
    }

    @Test("a console that is there is added to, and is for its owner alone")
    func again() throws {
        let first = try Console(directory)
        first.note("one")
        let second = try Console(directory)
        second.note("two")
        try #expect(text() == "modlinkd: one\nmodlinkd: two\n")
        try #expect(File.status(path: directory.console).mode == 0o600)
    }

    @Test("a capture has what was printed since it began, without notes; the file has it too")
    func capture() throws {
        let console = try Console(directory)
        try print("before\n", to: console)
        console.beginCapture()
        try print("during\n", to: console)
        console.note("note")
        try print("more\n", to: console)
        #expect(console.endCapture() == "during\nmore\n")
        try print("after\n", to: console)
        #expect(console.endCapture() == "")
        try #expect(text() == "-: before\n-: during\nmodlinkd: note\n-: more\n-: after\n")
    }

    @Test(
        "a capture is cut at its limit, and the file is not",
        arguments: [(3, "abc\n[1 more bytes are in the console only]\n"), (4, "abcd"), (5, "abcd")])
    func captureLimit(_ limit: Int, _ captured: String) throws {
        let console = try Console(directory, captureLimit: limit)
        console.beginCapture()
        try print("ab", to: console)
        console.drain()
        try print("cd", to: console)
        #expect(console.endCapture() == captured)
        try #expect(text() == "-: abcd")
    }

    @Test("what was captured can be taken while more comes: each byte once, and characters whole")
    func takeCaptured() throws {
        let console = try Console(directory)
        let capture = console.beginCapture()
        try print("gr", to: console)
        #expect(console.takeCaptured(capture) == "gr")
        #expect(console.takeCaptured(capture) == "")
        // U+00F6, U+20AC and U+1F952, cut behind each byte.
        for byte in "ö€🥒".utf8 {
            try File.writeAll(console.writing.descriptor, [byte])
            let text = console.takeCaptured(capture)
            #expect(text.isEmpty || ["ö", "€", "🥒"].contains(text))
        }
        try File.writeAll(console.writing.descriptor, [0xc3])
        #expect(console.takeCaptured(capture) == "")
        #expect(console.endCapture() == "\u{fffd}")
        #expect(console.takeCaptured(capture) == "")
        console.beginCapture()
        try print("another", to: console)
        #expect(console.takeCaptured(capture) == "")
    }

    @Test("a line is its module's whose function was called last, and ends where another begins to print")
    func speakers() throws {
        let console = try Console(directory)
        try print("early\n", to: console)
        let outer = console.beginSpeech("pipe")
        try print("waits", to: console)
        let inner = console.beginSpeech("gurka")
        try print("one\ntwo", to: console)
        console.drain()
        try print(", three\n", to: console)
        console.endSpeech(inner)
        try print("goes on\n", to: console)
        console.endSpeech(outer)
        try print("late\n", to: console)
        console.note("first\nsecond")
        try #expect(
            text() == """
                -: early
                pipe: waits
                gurka: one
                gurka: two, three
                pipe: goes on
                -: late
                modlinkd: first
                modlinkd: second

                """)
    }

    @Test("a file that is longer than its limit is kept as the older one, and a new one begins")
    func rotation() throws {
        let console = try Console(directory, sizeLimit: 4)
        func say(_ text: String) throws {
            try print(text, to: console)
            console.drain()
        }
        try say("e\n")
        try #expect(text() == "-: e\n")
        try say("f")
        try #expect(text() == "-: f")
        try #expect(text("console.1") == "-: e\n")
        // A line that is open ends with the file.
        try say("g\n")
        try #expect(text("console.1") == "-: f\n")
        try #expect(text() == "-: g\n")
    }

    @Test("one look takes no more than a pipe has room for, so who prints without end keeps nobody")
    func endless() throws {
        let console = try Console(directory)
        // Only a larger pipe shows it at any time: 256 KiB (F_SETPIPE_SZ of fcntl(2)), and three times 64 KiB in it.
        try #require(fcntl(console.writing.number, 1031, 4 * 65536) >= 4 * 65536)
        try print(String(repeating: ".", count: 3 * 65536), to: console)
        for looks in 1...3 {
            console.drain()
            try #expect(text().utf8.count == "-: ".utf8.count + looks * 65536)
        }
        #expect(try !Poll.waitReadable(console.number, timeout: 0))
    }
}

@Suite struct ImageStoreTests {
    private let scratch: ScratchDirectory
    private var directory: RuntimeDirectory { RuntimeDirectory(path: scratch.path) }

    init() throws {
        scratch = try ScratchDirectory()
    }

    private func linker(_ text: String) throws -> Linker {
        let object = try ELFObjectReader.read(try Compiler.gcc.object(text), name: "gurka.o")
        let source = ModuleSource(name: "gurka", objects: [object])
        let settings = LinkSettings(
            architecture: .x86_64, window: 0x1000_0000..<0x7000_0000, headerSize: ELFImageWriter.headerSize)
        var linker = try Linker([source], against: SymbolTable(), settings: settings)
        linker.place(at: [0x1000_0000])
        return linker
    }

    @Test("an image is the ELF file that the linker makes, small or large", arguments: [1, 1 << 20])
    func contents(_ size: Int) throws {
        let store = try ImageStore(directory)
        let linker = try linker("char data[\(size)] = {7}; char *get(void) { return data; }")
        let linked = try store.write("gurka", module: 0, of: linker)
        let file = try scratch.read("images/gurka")
        var contents = [UInt8](repeating: 0, count: Int(linker.fileSizes[0]))
        var span = contents.mutableSpan
        var bytes = span.mutableBytes
        let expected = try linker.emit(0, into: &bytes)
        #expect(file == ELFImageWriter.file(expected.image, contents: contents))
        #expect(linked.range == expected.range)
        try #expect(File.readAll(store.copyInMemory("gurka"), limit: 1 << 24) == file)
        try #expect(File.readAll(store.open("gurka"), limit: 1 << 24) == file)
    }

    @Test("memory that is used again has nothing of the image before")
    func reuse() throws {
        let store = try ImageStore(directory)
        let first = try linker("char data[100000] = {7, [99999] = 7}; char *get(void) { return data; }")
        _ = try store.write("a", module: 0, of: first)
        let second = try linker("char data[100000] = {7}; char *get(void) { return data; }")
        _ = try store.write("b", module: 0, of: second)
        let other = try ImageStore(RuntimeDirectory(path: try ScratchDirectoryIn(scratch).path))
        _ = try other.write("b", module: 0, of: second)
        try #expect(scratch.read("images/b") == File.read(path: other.path(of: "b"), limit: 1 << 24))
    }

    /// A folder in another that is removed with it.
    private struct ScratchDirectoryIn {
        let path: String

        init(_ scratch: ScratchDirectory) throws {
            path = scratch.path + "/other"
            try File.createDirectory(path, permissions: 0o700)
        }
    }

    @Test("the folder is made, and emptied of what a daemon before has left")
    func emptied() throws {
        try File.createDirectory(directory.images, permissions: 0o700)
        try scratch.write("images/old", [1])
        let store = try ImageStore(directory)
        try #expect(File.list(directory.images) == [])
        _ = try store.write("gurka", module: 0, of: try linker("int x = 1;"))
        try #expect(File.list(directory.images) == ["gurka"])
        store.remove("gurka")
        try #expect(File.list(directory.images) == [])
    }

    @Test("an image replaces a file of its name, and does not write through a link")
    func link() throws {
        let store = try ImageStore(directory)
        let victim = try scratch.write("victim", [1, 2, 3])
        try Tool.output("ln", ["-s", victim, store.path(of: "gurka")])
        let linker = try linker("int x = 1;")
        _ = try store.write("gurka", module: 0, of: linker)
        try #expect(scratch.read("victim") == [1, 2, 3])
        try #expect(!File.status(path: store.path(of: "gurka"), followsLinks: false).isSymbolicLink)
    }

    @Test("a folder that has gone is told with the image's path")
    func missing() throws {
        let store = try ImageStore(directory)
        try File.removeDirectory(directory.images)
        let path = store.path(of: "gurka")
        let linker = try linker("int x = 1;")
        #expect(throws: Failure(.systemFailure, subject: path, reason: "open: no such file or directory (ENOENT)")) {
            try store.write("gurka", module: 0, of: linker)
        }
    }

    @Test(
        "an image in room that was found ahead is the same file, whether it is shorter or longer",
        arguments: [-5000, 0, 5000])
    func spare(_ difference: Int) throws {
        let store = try ImageStore(directory)
        let first = try linker("char data[100000] = {7}; char *get(void) { return data; }")
        _ = try store.write("first", module: 0, of: first)
        let expected = try linker("char data[\(100000 + difference)] = {9}; char *get(void) { return data; }")
        _ = try store.write("plain", module: 0, of: expected)
        store.prepareNext(like: "first")
        let room = try File.status(path: directory.path + "/.spare-image")
        _ = try store.write("gurka", module: 0, of: expected)
        try #expect(scratch.read("images/gurka") == scratch.read("images/plain"))
        try #expect(File.status(path: store.path(of: "gurka")).inode == room.inode)
        try #expect(File.list(directory.images) == ["first", "gurka", "plain"])
    }

    @Test(
        "room that was found ahead is left alone by an image that is much smaller or much larger",
        arguments: [50_000, 220_000])
    func spareUnfit(_ size: Int) throws {
        let store = try ImageStore(directory)
        _ = try store.write(
            "first", module: 0, of: try linker("char data[100000] = {7}; char *get(void) { return data; }"))
        store.prepareNext(like: "first")
        let room = try File.status(path: directory.path + "/.spare-image")
        _ = try store.write(
            "gurka", module: 0, of: try linker("char data[\(size)] = {7}; char *get(void) { return data; }"))
        try #expect(File.list(directory.images) == ["first", "gurka"])
        try #expect(File.status(path: directory.path + "/.spare-image").inode == room.inode)
        store.prepareNext(like: "gurka")
        try #expect(
            File.status(path: directory.path + "/.spare-image").size == File.status(path: store.path(of: "gurka")).size)
        store.removeAll()
        _ = try store.write("again", module: 0, of: try linker("char data[\(size)] = {7};"))
        try #expect(File.list(directory.images) == ["again"])
    }

    @Test("room is found ahead for sixteen megabytes at most; more than two are given back when nothing is asked for")
    func spareLimit() throws {
        let store = try ImageStore(directory)
        let spare = directory.path + "/.spare-image"
        _ = try store.write(
            "large", module: 0, of: try linker("char data[17 << 20] = {7}; char *get(void) { return data; }"))
        store.prepareNext(like: "large")
        try #expect(File.status(path: spare).size == 16 << 20)
        store.rest()
        #expect(throws: SystemError.self) { try File.status(path: spare) }
        _ = try store.write(
            "small", module: 0, of: try linker("char data[1 << 20] = {7}; char *get(void) { return data; }"))
        store.prepareNext(like: "small")
        store.rest()
        try #expect(File.status(path: spare).size == File.status(path: store.path(of: "small")).size)
    }

    @Test("memory is kept for the next; more than two megabytes of it until nothing is asked for")
    func scratchMemory() throws {
        let store = ScratchStore()
        let small = try store.take(1)
        #expect(small.count == 2 << 20)
        store.giveBack(small)
        store.rest()
        let again = try store.take(2 << 20)
        #expect(again === small)
        let large = try store.take(2 << 20 + 1)
        store.giveBack(large)
        let next = try store.take(1)
        #expect(next === large)
        store.giveBack(next)
        store.rest()
        try #expect(store.take(1) !== large)
    }

    @Test("memory that is kept is zero when it is taken again", arguments: [false, true])
    func scratchZeroes(isClearedAhead: Bool) throws {
        let store = ScratchStore()
        let first = try store.take(3 << 20)
        first.change(3 << 20) { bytes in bytes.storeBytes(of: 7, toByteOffset: 3 << 20 - 1, as: UInt8.self) }
        store.giveBack(first)
        if isClearedAhead { store.clear() }
        let second = try store.take(1)
        #expect(second === first)
        #expect(second.read(3 << 20) { bytes in bytes.unsafeLoad(fromByteOffset: 3 << 20 - 1, as: UInt8.self) } == 0)
    }
}
