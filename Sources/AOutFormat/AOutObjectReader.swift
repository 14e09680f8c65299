import ObjectModel
import Relocation

// The a.out format of i386 as NetBSD and Linux had it: three sections, no names for them and no alignment of them; addresses inside
// the object from 0 on; addends in the places that relocations change (NetBSD a.out(5), stab(5), link(5); Linux a.out.h).
//
// C names begin with one underscore more than in ELF. It is taken off, so `_printf` is what ELF calls `printf`. A name without one,
// which only assembly can make, stays as it is: objects refer to each other by it, and reach C's name of that spelling. An
// object that has both is refused, since they would be one.

/// Reads relocatable a.out files into the one representation. Everything in the result has been checked against
/// everything else, so that no later step has to.
public enum AOutObjectReader {
    /// Whether the bytes that a file begins with (4 are enough) are those of an a.out file, of whatever machine and kind.
    public static func isAOut(_ bytes: [UInt8]) -> Bool {
        AOutIdentification(unsafe bytes.span.bytes) != nil
    }

    /// The object in a file's bytes: NetBSD's or Linux's, `OMAGIC`, for i386.
    ///
    /// Its sections are `.text` (not writable, though `OMAGIC` would have it so), `.data` and `.bss`. Relocations are those
    /// of `I386` in target `Relocation`, with their addends. Debugging entries are passed over.
    ///
    /// - Parameter name: what messages call the file.
    public static func read(_ bytes: [UInt8], name: String) throws(Problem) -> Object {
        guard bytes.count <= Int(UInt32.max) - sectionNames.count else {
            throw Problem(subject: name, reason: "larger than 4 GiB")
        }
        let header = try AOutHeader(unsafe bytes.span.bytes, file: name)
        var object = ObjectParts(name: name, architecture: .i386, bytes: bytes, symbolNames: header.strings)
        addSections(header, to: &object)
        let symbols = try AOutSymbolReader(header: header, file: name, bytes: bytes).read()
        object.symbols += symbols
        let reader = AOutRelocationReader(header: header, object: object)
        let count = header.textRelocations.count + header.dataRelocations.count
        var relocations: [RelocationEntry] = []
        relocations.reserveCapacity(count / Int(AOutHeader.relocationSize))
        for segment in [AOutSegment.text, .data] {
            let start = relocations.count
            try reader.read(segment, into: &relocations)
            object.sections[segment.section].relocations = start..<relocations.count
        }
        object.relocations = relocations
        return Object(object)
    }

    /// What assemblers align inside a section stays aligned up to this. NetBSD's linker put sections at multiples of 4, binutils' at
    /// multiples of 8; this is one of both, and enough for what `align 16` in a source text means.
    static let sectionAlignment: UInt64 = 16

    /// The names, which the file does not have.
    private static let sectionNames = Array(".text\0.data\0.bss\0".utf8)

    /// Makes the three sections, in the order of `AOutSegment`, and a symbol for each.
    private static func addSections(_ header: AOutHeader, to object: inout ObjectParts) {
        let names = UInt32(truncatingIfNeeded: object.bytes.count)
        object.bytes += sectionNames
        let start = Int(AOutHeader.size)
        object.sections = [
            Section(
                name: NameRange(offset: names, count: 5), kind: .contents, isAllocated: true,
                protection: [.read, .execute], size: header.text, alignment: sectionAlignment, contentsOffset: start),
            Section(
                name: NameRange(offset: names + 6, count: 5), kind: .contents, isAllocated: true,
                protection: [.read, .write], size: header.data, alignment: sectionAlignment,
                contentsOffset: start + Int(header.text)),
            Section(
                name: NameRange(offset: names + 12, count: 4), kind: .zeroFill, isAllocated: true,
                protection: [.read, .write], size: header.bss, alignment: sectionAlignment, contentsOffset: 0),
        ]
        for section in object.sections.indices {
            object.symbols.append(
                Symbol(
                    name: .empty, place: .section(UInt32(section)), value: 0, size: 0, binding: .local, type: .section,
                    isHidden: false))
        }
    }

    /// The file's symbols come after the null symbol and those of the sections.
    static let firstSymbol = 4
}

/// A part of an a.out object. The raw value is the one of the type field of symbols, and of relocations without a symbol.
enum AOutSegment: UInt8 {
    case text = 4
    case data = 6
    case bss = 8

    /// The index of its section in the object.
    var section: Int {
        switch self {
        case .text: 0
        case .data: 1
        case .bss: 2
        }
    }

    /// Its name in messages.
    var name: String {
        switch self {
        case .text: ".text"
        case .data: ".data"
        case .bss: ".bss"
        }
    }
}

extension AOutHeader {
    /// Where a segment begins in the addresses inside the object.
    func base(_ segment: AOutSegment) -> UInt64 {
        switch segment {
        case .text: 0
        case .data: text
        case .bss: text + data
        }
    }

    /// The size of a segment, in bytes.
    func size(_ segment: AOutSegment) -> UInt64 {
        switch segment {
        case .text: text
        case .data: data
        case .bss: bss
        }
    }
}
