import Posix
import SpaceProtocol

/// The file of an image's debug objects, in the making: what ``Space/map(image:segments:objects:)`` takes beside the image.
///
/// ```
/// struct space_debug_header, struct space_debug_object ..., the objects one behind the other
/// ```
///
/// Objects are not copied before they are written, and those that share an array, as members of an archive do, are written in one go.
public struct DebugObjects {
    private let count: Int
    /// The table, and what is changed in objects.
    private var own: [UInt8]
    private var sources: [Source] = []
    private var appended = 0
    /// How large the file is with what has been appended, in bytes.
    public private(set) var size: Int

    /// Bytes of one array, with others between them; without a hole.
    private struct Source {
        let bytes: [UInt8]
        /// Where in the file they go, and where they end.
        let offset: UInt64
        private(set) var end: UInt64
        private(set) var pieces: [GatheredPiece] = []

        init(_ bytes: [UInt8], at offset: UInt64) {
            self.bytes = bytes
            self.offset = offset
            end = offset
        }

        mutating func add(_ added: [GatheredPiece]) {
            pieces += added
            for piece in added { end += UInt64(piece.range.count) }
        }
    }

    /// Room for that many objects, 1 at least.
    public init(count: Int) {
        self.count = count
        size = MemoryLayout<space_debug_header>.size + count * MemoryLayout<space_debug_object>.size
        own = SpaceControl.bytes(space_debug_header(count: UInt64(count), reserved: 0))
        own.append(contentsOf: repeatElement(0, count: size - own.count))
    }

    /// Appends the next object; at most as many as there is room for.
    ///
    /// - Parameters:
    ///   - bytes: where it is.
    ///   - file: where in them; one byte at least. An ELF file whose `sh_addr` are where the image has its sections.
    public mutating func append(_ bytes: [UInt8], _ file: Range<Int>) {
        append(bytes, file, with: [], at: file.upperBound..<file.upperBound)
    }

    /// Appends the next object, with something else for a part of it.
    ///
    /// - Parameters:
    ///   - changed: as many bytes as `place` has.
    ///   - place: where in `bytes`; within `file`.
    ///   - omitted: what need not be there, and reads as zeroes; within `file`, ascending, apart from each other and from `place`.
    public mutating func append(
        _ bytes: [UInt8], _ file: Range<Int>, with changed: [UInt8], at place: Range<Int>,
        without omitted: [Range<Int>] = []
    ) {
        guard appended < count, place.count == changed.count, place.lowerBound >= file.lowerBound,
            place.upperBound <= file.upperBound
        else { return }
        // A hole follows each but the last.
        var start = file.lowerBound
        for hole in omitted + [file.upperBound..<file.upperBound] where hole.lowerBound >= start {
            let part = start..<hole.lowerBound
            let offset = UInt64(size + start - file.lowerBound)
            if part.lowerBound <= place.lowerBound, place.upperBound <= part.upperBound {
                let replaced = GatheredPiece(own.count..<own.count + changed.count, ofOther: true)
                let (before, after) = (part.lowerBound..<place.lowerBound, place.upperBound..<part.upperBound)
                add([GatheredPiece(before), replaced, GatheredPiece(after)], of: bytes, at: offset)
            } else {
                add([GatheredPiece(part)], of: bytes, at: offset)
            }
            start = hole.upperBound
        }
        own += changed
        let entry = SpaceControl.bytes(
            space_debug_object(offset: UInt64(size), size: UInt64(file.count), reserved: (0, 0, 0, 0)))
        let entryPlace = MemoryLayout<space_debug_header>.size + appended * MemoryLayout<space_debug_object>.size
        own.replaceSubrange(entryPlace..<entryPlace + entry.count, with: entry)
        size += file.count
        appended += 1
    }

    private mutating func add(_ pieces: [GatheredPiece], of bytes: [UInt8], at offset: UInt64) {
        if sources.last.map({ $0.end == offset && $0.bytes.isSame(as: bytes) }) != true {
            sources.append(Source(bytes, at: offset))
        }
        sources[sources.count - 1].add(pieces)
    }

    /// A file in memory with these bytes.
    ///
    /// - Parameter name: of the module; it is seen in the space's list of mappings.
    public func file(name: String) throws(SystemError) -> Descriptor {
        let file = try MemoryFile.create(name: "modlink-objects:\(name)")
        let table = MemoryLayout<space_debug_header>.size + count * MemoryLayout<space_debug_object>.size
        try File.write(file, own.span.extracting(0..<table).bytes, at: 0, name: name)
        for source in sources {
            try File.write(file, source.pieces, of: source.bytes, own, at: source.offset, name: name)
        }
        // The last may end with a hole.
        try File.truncate(file, size: UInt64(size), name: name)
        return file
    }

    /// The objects in the bytes of such a file; none where they do not hold to the form.
    public static func objects(in bytes: [UInt8]) -> [[UInt8]] {
        let headerSize = MemoryLayout<space_debug_header>.size
        let entrySize = MemoryLayout<space_debug_object>.size
        guard bytes.count >= headerSize else { return [] }
        let header = bytes.withUnsafeBytes { $0.loadUnaligned(as: space_debug_header.self) }
        guard header.count <= UInt64((bytes.count - headerSize) / entrySize) else { return [] }
        return (0..<Int(header.count)).compactMap { index in
            let entry = bytes.withUnsafeBytes {
                $0.loadUnaligned(fromByteOffset: headerSize + index * entrySize, as: space_debug_object.self)
            }
            guard entry.offset <= UInt64(bytes.count), entry.size <= UInt64(bytes.count) - entry.offset else {
                return nil
            }
            return Array(bytes[Int(entry.offset)..<Int(entry.offset + entry.size)])
        }
    }
}

extension [UInt8] {
    /// Whether both are one array in memory.
    fileprivate func isSame(as other: [UInt8]) -> Bool {
        withUnsafeBufferPointer { own in
            other.withUnsafeBufferPointer { own.baseAddress == $0.baseAddress && own.count == $0.count }
        }
    }
}
