import Posix
import SpaceProtocol

/// The file of an image's debug objects, in the making: what ``Space/map(image:segments:objects:)`` takes beside the image.
///
/// ```
/// struct space_debug_header, struct space_debug_object ..., the objects one behind the other, each at a multiple of 16
/// ```
public struct DebugObjects {
    private let count: Int
    /// The whole file, once all objects have been appended.
    public private(set) var bytes: [UInt8]
    private var appended = 0

    /// Room for that many objects, 1 at least.
    ///
    /// - Parameter size: how many bytes they have together, as far as that is known.
    public init(count: Int, size: Int = 0) {
        self.count = count
        let table = MemoryLayout<space_debug_header>.size + count * MemoryLayout<space_debug_object>.size
        self.bytes = []
        self.bytes.reserveCapacity(table + size + count * 16)
        self.bytes += SpaceControl.bytes(space_debug_header(count: UInt64(count), reserved: 0))
        self.bytes.append(contentsOf: repeatElement(0, count: table - self.bytes.count))
    }

    /// Appends the next object; at most as many as there is room for.
    ///
    /// - Parameter write: appends its bytes, one at least: an ELF file whose `sh_addr` are where the image has its sections.
    public mutating func append(_ write: (inout [UInt8]) -> Void) {
        guard appended < count else { return }
        bytes.append(contentsOf: repeatElement(0, count: -bytes.count & 15))
        let start = bytes.count
        write(&bytes)
        let entry = SpaceControl.bytes(
            space_debug_object(
                offset: UInt64(start), size: UInt64(bytes.count - start), reserved: (0, 0, 0, 0)))
        let place = MemoryLayout<space_debug_header>.size + appended * MemoryLayout<space_debug_object>.size
        bytes.replaceSubrange(place..<place + entry.count, with: entry)
        appended += 1
    }

    /// A file in memory with these bytes.
    ///
    /// - Parameter name: of the module; it is seen in the space's list of mappings.
    public func file(name: String) throws(SystemError) -> Descriptor {
        let file = try MemoryFile.create(name: "modlink-objects:\(name)")
        try File.writeAll(file, bytes, name: name)
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
