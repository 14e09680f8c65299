import CLibELF
import ObjectModel

/// An object as debuggers want it (GDB manual, "JIT Compilation Interface"): the ELF file as it was loaded, but that each section
/// has the address that it was given.
///
/// Only section headers change; so all that need be made anew is their table. Code and data, which are in memory anyway, can be left out
/// where that is worth it. What the file says of them stays with it, their relocations too: these are the debugger's to do where they
/// concern what it reads, and tell those who ask who refers to a symbol.
public struct ELFDebugObject: Sendable {
    /// The section header table with the addresses.
    public private(set) var headers: [UInt8]
    /// Where in the object's `bytes` it takes the place of what is there.
    public let place: Range<Int>
    /// Where in the object's `bytes` contents are that nobody reads there, code and data: ascending, apart from each other and from
    /// `place`. What stands there may be left out, and read as zeroes.
    public private(set) var omitted: [Range<Int>] = []

    /// How many bytes a section has at least that is left out: what is smaller shares its pages with what is not.
    private static let leastOmitted = 8192

    /// Makes the section headers of an object.
    ///
    /// - Parameters:
    ///   - object: one that was read from an ELF file; nil becomes of any other.
    ///   - addresses: for each section, where it is; nil where it is not in memory. There, a section that would have to be becomes one
    ///     that need not (without `SHF_ALLOC`), so that nobody takes it for one at address 0.
    public init?(_ object: Object, at addresses: [UInt64?]) {
        let (bytes, objectSections) = (object.bytes, object.sections)
        let file = unsafe bytes.span.bytes.extracting(object.file)
        guard object.bytes[object.file].starts(with: ELFLayout.magic),
            let identified: UInt8 = file.integer(at: UInt64(EI_CLASS)), let fileClass = ELFClass(rawValue: identified),
            let start = file.word(at: 24 + 2 * fileClass.wordSize, fileClass), !addresses.isEmpty,
            object.sections.count == addresses.count
        else { return nil }
        let size = addresses.count * Int(fileClass.sectionHeaderSize)
        guard start <= UInt64(file.byteCount), UInt64(file.byteCount) - start >= UInt64(size) else { return nil }
        let first = object.file.lowerBound + Int(start)
        place = first..<first + size
        headers = Array(object.bytes[place])
        let sections = objectSections.span
        for index in addresses.indices where sections[index].isAllocated {
            let header = index * Int(fileClass.sectionHeaderSize)
            if addresses[index] == nil { headers[header + 8] &= ~UInt8(SHF_ALLOC) }
            omit(sections[index], of: object)
            let addressPlace = header + 8 + Int(fileClass.wordSize)
            Self.store(addresses[index] ?? 0, Int(fileClass.wordSize), at: addressPlace, &headers)
        }
    }

    /// Leaves out a section's contents if that is worth it, and nothing else is there. Sections stand in a file in their order.
    private mutating func omit(_ section: Section, of object: Object) {
        // Elsewhere relocations have a part of what they say in the contents.
        guard object.architecture == .x86_64, section.kind != .zeroFill, section.size >= Self.leastOmitted,
            !Self.isFrames(section, object)
        else { return }
        let contents = section.contentsOffset..<section.contentsOffset + Int(section.size)
        guard contents.lowerBound >= omitted.last?.upperBound ?? object.file.lowerBound,
            contents.upperBound <= object.file.upperBound, !contents.overlaps(place)
        else { return }
        omitted.append(contents)
    }

    /// Whether a section says how to unwind: debuggers read it out of the file.
    private static func isFrames(_ section: Section, _ object: Object) -> Bool {
        object.bytes[section.name.indices].elementsEqual(".eh_frame".utf8)
    }

    /// Stores a number of that many bytes.
    private static func store(_ value: UInt64, _ count: Int, at place: Int, _ bytes: inout [UInt8]) {
        for byte in 0..<count { bytes[place + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(byte))) }
    }
}
