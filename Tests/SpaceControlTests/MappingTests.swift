import Posix
import SpaceControl
import Testing

@Suite struct MappingTests {
    private let base: UInt64 = 0x1000_0000

    /// A file of two pages, 0, 1, 2 and so on.
    private func file() throws -> SharedDescriptor {
        let file = SharedDescriptor(try MemoryFile.create(name: "two pages"))
        try File.writeAll(file.descriptor, (0..<8192).map { UInt8(truncatingIfNeeded: $0) })
        return file
    }

    private func segment(
        _ address: UInt64, _ size: UInt64 = 4096, _ protection: Segment.Protection = .readable
    ) -> Segment {
        Segment(address: address, fileOffset: 0, fileSize: size, memorySize: size, protection: protection)
    }

    @Test("an image's bytes are where its segments say, and zeros after them")
    func bytes() throws {
        var test = try TestSpace()
        var data = segment(base + 4096, 10, [.readable, .writable])
        data.fileOffset = 4096
        data.memorySize = 5000
        try test.space.map(image: try file().descriptor, segments: [segment(base), data])
        let first = try test.space.read(address: base + 4000, count: 200)
        let constants = (4000..<4096).map { UInt8(truncatingIfNeeded: $0) }
        #expect(first == constants + Array(0..<10) + Array(repeating: 0, count: 94))
        let last = try test.space.read(address: base + 4096 + 4999, count: 1)
        #expect(last == [0])
    }

    @Test("what is written is there, across the size of a message, and the file keeps its own")
    func write() throws {
        var test = try TestSpace()
        let image = try file()
        try test.space.map(image: image.descriptor, segments: [segment(base, 4096, [.readable, .writable])])
        let content = (0..<300).map { UInt8(truncatingIfNeeded: $0 * 7) }
        try test.space.write(address: base + 5, content)
        let back = try test.space.read(address: base + 4, count: 302)
        #expect(back == [4] + content + [49])
        #expect(try File.read(image.descriptor, at: 0, count: 6) == [0, 1, 2, 3, 4, 5])
    }

    @Test("memory of no image can be neither read nor written, nor constants written")
    func protection() throws {
        var test = try TestSpace()
        try test.space.map(image: try file().descriptor, segments: [segment(base)])
        let last = try test.space.read(address: base + 4095, count: 1)
        #expect(last == [0xff])
        #expect(
            message { () throws(SpaceError) in _ = try test.space.read(address: base + 4095, count: 2) }
                == "space: read: bad address (EFAULT)")
        #expect(
            message { () throws(SpaceError) in try test.space.write(address: base, [1]) }
                == "space: write: bad address (EFAULT)")
    }

    @Test("eight segments are mapped, nine are refused")
    func count() throws {
        var test = try TestSpace()
        let image = try file()
        let nine = (0..<9).map { segment(base + UInt64($0) * 8192) }
        #expect(
            message { () throws(SpaceError) in try test.space.map(image: image.descriptor, segments: nine) }
                == "space: map: invalid argument (EINVAL)")
        try test.space.map(image: image.descriptor, segments: Array(nine.dropLast()))
    }

    @Test("pages that are writable and executable are refused, and nothing of the image is mapped")
    func writableAndExecutable() throws {
        var test = try TestSpace()
        let image = try file()
        let segments = [segment(base), segment(base + 4096, 4096, [.writable, .executable])]
        #expect(
            message { () throws(SpaceError) in try test.space.map(image: image.descriptor, segments: segments) }
                == "space: map: invalid argument (EINVAL)")
        try test.space.map(image: image.descriptor, segments: [segment(base)])
    }

    @Test("a flat image is zeros, takes code from a file and runs it, and is unmapped as a whole")
    func flat() throws {
        var test = try TestSpace()
        try test.space.mapFlat(address: base, size: 5000)
        let zeros = try test.space.read(address: base, count: 8192)
        #expect(zeros == Array(repeating: 0, count: 8192))
        // mov $42, %eax; ret
        let file = try MemoryFile.create(name: "code")
        try File.writeAll(file, [0xb8, 42, 0, 0, 0, 0xc3, 0xff])
        try test.space.copy(to: base + 8, size: 6, from: file)
        let copied = try test.space.read(address: base + 7, count: 8)
        #expect(copied == [0, 0xb8, 42, 0, 0, 0, 0xc3, 0])
        let result = try test.space.call(base + 8)
        #expect(result == 42)
        try test.space.write(address: base + 9, [43])
        let changed = try test.space.call(base + 8)
        #expect(changed == 43)
        try test.space.unmap(address: base, size: 8192)
        #expect(
            message { () throws(SpaceError) in _ = try test.space.read(address: base, count: 1) }
                == "space: read: bad address (EFAULT)")
    }

    @Test("a flat image is whole pages of the window that nobody has")
    func flatRefused() throws {
        var test = try TestSpace()
        let refused = { (test: inout TestSpace, address: UInt64, size: UInt64) in
            message { () throws(SpaceError) in try test.space.mapFlat(address: address, size: size) }
        }
        let invalid = "space: map flat: invalid argument (EINVAL)"
        #expect(refused(&test, base + 8, 4096) == invalid)
        #expect(refused(&test, base, 0) == invalid)
        #expect(refused(&test, base - 4096, 4096) == invalid)
        #expect(refused(&test, 0x7000_0000 - 4096, 4097) == invalid)
        #expect(refused(&test, 0x7000_0000 - 4096, 4096) == "no error")
        try test.space.map(image: try file().descriptor, segments: [segment(base + 4096)])
        #expect(refused(&test, base, 4097) == "space: map flat: file exists (EEXIST)")
        #expect(refused(&test, base, 4096) == "no error")
    }

    @Test("a copy from a file needs as many bytes there, and memory that may be written")
    func copyRefused() throws {
        var test = try TestSpace()
        let image = try file()
        let refused = { (test: inout TestSpace, address: UInt64, size: UInt64) in
            message { () throws(SpaceError) in
                try test.space.copy(to: address, size: size, from: image.descriptor)
            }
        }
        try test.space.mapFlat(address: base, size: 8192)
        #expect(refused(&test, base, 8193) == "space: fill: invalid argument (EINVAL)")
        #expect(refused(&test, base + 1, 8192) == "space: fill: bad address (EFAULT)")
        #expect(refused(&test, base, 8192) == "no error")
        try test.space.map(image: image.descriptor, segments: [segment(base + 8192)])
        #expect(refused(&test, base + 8192, 1) == "space: fill: bad address (EFAULT)")
        let pipe = try DescriptorPair.pipe()
        let end = pipe.first
        #expect(
            message { () throws(SpaceError) in try test.space.copy(to: base, size: 0, from: end) }
                == "space: fill: invalid argument (EINVAL)")
    }

    @Test("taken pages are refused until their image is unmapped, with its exact size")
    func unmap() throws {
        var test = try TestSpace()
        let image = try file()
        try test.space.map(image: image.descriptor, segments: [segment(base)])
        #expect(
            message { () throws(SpaceError) in try test.space.map(image: image.descriptor, segments: [segment(base)]) }
                == "space: map: file exists (EEXIST)")
        #expect(
            message { () throws(SpaceError) in try test.space.unmap(address: base, size: 8192) }
                == "space: unmap: invalid argument (EINVAL)")
        try test.space.unmap(address: base, size: 4096)
        try test.space.map(image: image.descriptor, segments: [segment(base)])
    }

    @Test("an image's frames are registered once, hold it, and are taken back once")
    func frames() throws {
        var test = try TestSpace()
        let image = try Image.common.get()
        let symbols = try test.load(image)
        let (start, size) = (symbols["frames"], symbols["frames_end"] - symbols["frames"])
        #expect(
            message { () throws(SpaceError) in try test.space.registerFrames(address: start, size: size - 1) }
                == "space: register frames: invalid argument (EINVAL)")
        try test.space.registerFrames(address: start, size: size)
        #expect(
            message { () throws(SpaceError) in try test.space.registerFrames(address: start, size: size) }
                == "space: register frames: file exists (EEXIST)")
        #expect(
            message { () throws(SpaceError) in try test.space.unmap(address: base, size: image.size) }
                == "space: unmap: device or resource busy (EBUSY)")
        try test.space.unregisterFrames(address: start, size: size)
        #expect(
            message { () throws(SpaceError) in try test.space.unregisterFrames(address: start, size: size) }
                == "space: unregister frames: no such file or directory (ENOENT)")
        try test.space.unmap(address: base, size: image.size)
    }
}
