import ObjectModel
import Posix
import SpaceControl
import TestSupport
import Testing

/// Names by which modules are held.
@Suite struct IntroductionTests {
    private static let source = """
        int module_hold(const char *);
        void module_rele(const char *);
        long variable = 1, uses[2];
        int hold(void) { return module_hold("gurka"); }
        int release(void) { module_rele("gurka"); return 0; }
        """

    private static let architectures: [Architecture] = Compiler.makesI386Programs ? [.x86_64, .i386] : [.x86_64]

    @Test("a module is held by its names, its count goes up and down, and never below 0", arguments: architectures)
    func counts(_ architecture: Architecture) throws {
        var test = try TestSpace(architecture)
        let image = try Image(Self.source, for: architecture)
        let symbols = try test.load(image)
        let base = image.segments[0].address
        #expect(try test.space.call(symbols["hold"]) == 2)
        try test.space.introduce(image: base, name: "other", useCount: symbols["uses"])
        try test.space.introduce(image: base, name: "gurka", useCount: symbols["uses"])
        for _ in 1...2 { #expect(try test.space.call(symbols["hold"]) == 0) }
        #expect(try test.space.read(address: symbols["uses"], count: 2) == [2, 0])
        for _ in 1...3 { #expect(try test.space.call(symbols["release"]) == 0) }
        #expect(try test.space.read(address: symbols["uses"], count: 4) == [0, 0, 0, 0])
        // The flags of modules(2) are no users.
        try test.space.write(address: symbols["uses"], [0, 0, 0, 0x60])
        #expect(try test.space.call(symbols["release"]) == 0)
        #expect(try test.space.read(address: symbols["uses"], count: 4) == [0, 0, 0, 0x60])
    }

    @Test("the names go with the image") func forgotten() throws {
        var test = try TestSpace()
        let image = try Image(Self.source)
        let other = try Image(Self.source, base: 0x2000_0000)
        let symbols = try test.load(image)
        let otherSymbols = try test.load(other)
        try test.space.introduce(image: image.segments[0].address, name: "gurka", useCount: symbols["uses"])
        #expect(try test.space.call(otherSymbols["hold"]) == 0)
        try test.space.unmap(address: image.segments[0].address, size: image.size)
        #expect(try test.space.call(otherSymbols["hold"]) == 2)
    }

    @Test("a name that is none, a place that is none, and another image are refused") func refused() throws {
        var test = try TestSpace()
        let image = try Image(Self.source)
        let symbols = try test.load(image)
        let base = image.segments[0].address
        let (invalid, fault) = ("space: introduce: invalid argument (EINVAL)", "space: introduce: bad address (EFAULT)")
        for (name, isRight) in [
            ("", false), ("a\\0b", true), ("a\0b", false), (String(repeating: "x", count: 63), true),
            (String(repeating: "x", count: 64), false), (String(repeating: "x", count: 1000), false),
        ] {
            let answer = message { () throws(SpaceError) in
                try test.space.introduce(image: base, name: name, useCount: symbols["uses"])
            }
            #expect(answer == (isRight ? "no error" : invalid), "\(name)")
        }
        for place in [base, symbols["uses"] + 1, 0, 0x6fff_f000, UInt64.max - 7, symbols["hold"]] {
            let answer = message { () throws(SpaceError) in
                try test.space.introduce(image: base, name: "gurka", useCount: place)
            }
            #expect(answer == fault, "\(place)")
        }
        for address in [0, base + 4096, 0x6000_0000, UInt64.max] {
            let answer = message { () throws(SpaceError) in
                try test.space.introduce(image: address, name: "gurka", useCount: symbols["uses"])
            }
            #expect(answer == invalid, "\(address)")
        }
    }
}
