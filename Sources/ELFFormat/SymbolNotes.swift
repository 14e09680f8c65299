import CLibELF
import ObjectModel

/// What a symbol table as a file says of its state and of its owners, in notes (gABI, "Note Section") of the name `modlink` in the
/// section `.note.modlink`. Numbers have the lowest byte first.
///
/// | type | description |
/// |---|---|
/// | 0x201 | the generation: 8 bytes |
/// | 0x202 | an owner: where it starts, and its size, 8 bytes each; its first local symbol in the symbol table and how many there are, its first other one and how many, 4 bytes each; the build ID, 16 bytes, zeroes where there is none; its name and a NUL |
///
/// The space itself comes without a name. The types 1 and 2 are those of notes in core files: see ``CoreFile``.
public enum SymbolNotes {
    /// The name of the section.
    public static let sectionName = ".note.modlink"
    /// The name of the notes.
    static let name = "modlink"
    static let generationType: UInt32 = 0x201
    static let ownerType: UInt32 = 0x202

    /// An owner of symbols, as its note has it.
    public struct Owner: Sendable, Equatable {
        /// Its name; empty for the space itself.
        public var name: String
        /// Where it lies in memory.
        public var range: Range<UInt64>
        /// The build ID of its image, 16 bytes; empty where it has none.
        public var buildID: [UInt8]
        /// Its local symbols, and its others: places in the file's symbol table.
        var locals: Range<UInt32>
        var others: Range<UInt32>
    }

    /// How many bytes the notes of some owners take, at the most.
    public static func sizeLimit(owners: Int, nameByteCount: Int) -> Int {
        noteSize(descriptionCount: 8) + owners * noteSize(descriptionCount: ownerSize + 1) + nameByteCount + owners * 3
    }

    private static let ownerSize = 48
    private static let buildIDSize = 16

    private static func noteSize(descriptionCount: Int) -> Int { 12 + 8 + (descriptionCount + 3) & ~3 }

    static func encoded(generation: UInt64, _ parts: [SymbolFileWriter.Part], locals: [Int]) -> [UInt8] {
        var notes = Encoder()
        var description = Encoder()
        description.append(generation)
        append(description.bytes, type: generationType, to: &notes)
        // The symbol table begins with one that is none.
        var (local, other) = (1, 1 + locals.reduce(0, +))
        for (part, localCount) in zip(parts, locals) {
            let otherCount = part.symbols.entries.count - localCount
            description = Encoder()
            description.append(part.range.lowerBound)
            description.append(part.range.upperBound - part.range.lowerBound)
            for number in [local, localCount, other, otherCount] {
                description.append(UInt32(truncatingIfNeeded: number))
            }
            description.append(Array((part.buildID + [UInt8](repeating: 0, count: buildIDSize)).prefix(buildIDSize)))
            description.append(Array(part.owner.utf8) + [0])
            append(description.bytes, type: ownerType, to: &notes)
            local += localCount
            other += otherCount
        }
        return notes.bytes
    }

    private static func append(_ description: [UInt8], type: UInt32, to notes: inout Encoder) {
        notes.append(UInt32(name.utf8.count + 1))
        notes.append(UInt32(description.count))
        notes.append(type)
        notes.append(Array(name.utf8) + [0])
        notes.append(description)
        notes.align(to: 4)
    }

    /// What the notes in a part of a file say; of a section that is none of ours, nothing.
    ///
    /// - Throws: what is wrong with one of ours.
    static func read(
        _ bytes: [UInt8], in range: Range<Int>, symbolCount: Int, _ file: String
    ) throws(Problem) -> (generation: UInt64?, owners: [Owner]) {
        var generation: UInt64?
        var owners: [Owner] = []
        var walk = NoteWalk(bytes, in: range)
        while let note = walk.next() {
            guard note.isNamed(name, bytes) else { continue }
            let raw = unsafe bytes.span.bytes
            let start = UInt64(note.description.lowerBound)
            switch note.type {
            case generationType where note.description.count == 8: generation = raw.integer(at: start)
            case ownerType:
                guard let owner = owner(bytes, note.description), owner.locals.upperBound <= symbolCount,
                    owner.others.upperBound <= symbolCount
                else {
                    throw Problem(
                        subject: file, place: sectionName,
                        reason: "note \(owners.count): what it says of an owner's symbols is beyond the symbol table")
                }
                owners.append(owner)
            default: break
            }
        }
        return (generation, owners)
    }

    private static func owner(_ bytes: [UInt8], _ range: Range<Int>) -> Owner? {
        let raw = unsafe bytes.span.bytes
        let start = UInt64(range.lowerBound)
        guard range.count > ownerSize, let address: UInt64 = raw.integer(at: start),
            let size: UInt64 = raw.integer(at: start + 8), let local: UInt32 = raw.integer(at: start + 16),
            let localCount: UInt32 = raw.integer(at: start + 20), let other: UInt32 = raw.integer(at: start + 24),
            let otherCount: UInt32 = raw.integer(at: start + 28)
        else { return nil }
        let (end, wraps) = address.addingReportingOverflow(size)
        let (localEnd, localWraps) = local.addingReportingOverflow(localCount)
        let (otherEnd, otherWraps) = other.addingReportingOverflow(otherCount)
        guard !wraps, !localWraps, !otherWraps else { return nil }
        let buildID = Array(bytes[range.lowerBound + 32..<range.lowerBound + 48])
        let name = bytes[(range.lowerBound + ownerSize)..<range.upperBound].prefix { $0 != 0 }
        return Owner(
            name: printable(bytes, NameRange(offset: UInt32(name.startIndex), count: UInt32(name.count))),
            range: address..<end, buildID: buildID.allSatisfy { $0 == 0 } ? [] : buildID, locals: local..<localEnd,
            others: other..<otherEnd)
    }
}

/// The notes of a stretch of bytes, one after the other, as far as they are inside. Everything in them is a multiple of 4 bytes.
struct NoteWalk {
    /// A note: where its name and its description stand.
    struct Note {
        let type: UInt32
        let name: Range<Int>
        let description: Range<Int>

        func isNamed(_ text: String, _ bytes: [UInt8]) -> Bool {
            bytes[name].elementsEqual(text.utf8) || bytes[name].elementsEqual(Array(text.utf8) + [0])
        }
    }

    private let bytes: [UInt8]
    private var position: Int
    private let end: Int

    init(_ bytes: [UInt8], in range: Range<Int>) {
        self.bytes = bytes
        (position, end) = (range.lowerBound, range.upperBound)
    }

    mutating func next() -> Note? {
        let (bytes, position) = (bytes, position)
        let raw = unsafe bytes.span.bytes
        let place = UInt64(position)
        guard end - position >= 12, let nameSize: UInt32 = raw.integer(at: place),
            let size: UInt32 = raw.integer(at: place + 4), let type: UInt32 = raw.integer(at: place + 8)
        else { return nil }
        let name = position + 12
        let description = name + (Int(nameSize) + 3) & ~3
        guard description <= end, Int(size) <= end - description else { return nil }
        self.position = min(end, description + (Int(size) + 3) & ~3)
        return Note(type: type, name: name..<name + Int(nameSize), description: description..<description + Int(size))
    }
}
