import AOutFormat
import ELFFormat
import Linking
import ObjectModel
import Relocation
import SymbolTable
import TestSupport

/// An a.out file that is put together by hand, for what nasm does not write and for what no assembler would.
struct HandMade {
    /// An entry of the symbol table.
    struct Entry {
        var name = ""
        var type: UInt8
        var other: UInt8 = 0
        var value: UInt32 = 0
        /// In place of where the name is.
        var nameOffset: UInt32?
    }

    /// An entry of a relocation table: the bits are those of r_pcrel and what follows it, from the lowest on.
    struct Relocation {
        var address: UInt32
        var symbol: UInt32
        var bits: UInt8
    }

    var firstWord: [UInt8] = [0x00, 0x86, 0x01, 0x07]
    var text: [UInt8] = []
    var data: [UInt8] = []
    var bss: UInt32 = 0
    var entry: UInt32 = 0
    var textRelocations: [Relocation] = []
    var dataRelocations: [Relocation] = []
    var symbols: [Entry] = []
    /// In place of the length of the string table.
    var stringLength: UInt32?
    /// In place of words of the header, by their numbers.
    var header: [Int: UInt32] = [:]

    static let linux: [UInt8] = [0x07, 0x01, 0x64, 0x00]

    var bytes: [UInt8] {
        var strings: [UInt8] = []
        var table: [UInt8] = []
        for symbol in symbols {
            table += Self.word(symbol.nameOffset ?? (symbol.name.isEmpty ? 0 : UInt32(strings.count + 4)))
            table += [symbol.type, symbol.other, 0, 0] + Self.word(symbol.value)
            if !symbol.name.isEmpty { strings += Array(symbol.name.utf8) + [0] }
        }
        let words: [UInt32] = [
            0, UInt32(text.count), UInt32(data.count), bss, UInt32(table.count), entry,
            UInt32(textRelocations.count * 8), UInt32(dataRelocations.count * 8),
        ]
        var file = firstWord
        for number in 1..<8 { file += Self.word(header[number] ?? words[number]) }
        file += text + data
        for relocation in textRelocations + dataRelocations {
            file += Self.word(relocation.address)
            file += Self.word(relocation.symbol | UInt32(relocation.bits) << 24)
        }
        file += table + Self.word(stringLength ?? UInt32(strings.count + 4)) + strings
        return file
    }

    private static func word(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }

    func read() throws -> Object { try AOutObjectReader.read(bytes, name: "gurka.o") }

    /// What the reader says when it does not accept it.
    func refusal() -> String {
        do {
            _ = try read()
            return "accepted"
        } catch {
            return "\(error)"
        }
    }
}

extension Object {
    func symbol(_ name: String) -> Symbol? { symbols.first { text($0.name) == name } }

    /// The relocations of a section as text: `0x1b R_386_PC32 printf-4`.
    func relocations(of section: String) -> [String] {
        guard let section = sections.first(where: { text($0.name) == section }) else { return [] }
        return relocations[section.relocations].map { entry in
            let symbol = symbols[Int(entry.symbol)]
            var name = text(symbol.name)
            if symbol.type == .section, case .section(let index) = symbol.place {
                name = text(sections[Int(index)].name)
            }
            let kind = I386.Kind(rawValue: entry.kind)?.name ?? "unknown"
            let sign = entry.addend < 0 ? "-" : "+"
            return "\(hexadecimal(entry.offset)) \(kind) \(name)\(sign)\(entry.addend.magnitude)"
        }
    }
}

/// A linked module with its bytes.
struct Linked {
    let module: LinkedModule
    let bytes: [UInt8]

    /// Links objects at 0x10000000 against resident symbols.
    init(_ objects: [Object], _ resident: [String: UInt64] = [:]) throws {
        var list = SymbolList()
        for (name, address) in resident { list.add(name, at: address) }
        var table = SymbolTable()
        _ = table.insert(SymbolSet(owner: "", symbols: list, sections: [], range: 0x40_0000..<0x80_0000))
        var linker = try Linker(
            [ModuleSource(name: "gurka", objects: objects)], against: table,
            settings: LinkSettings(architecture: .i386, window: 0x1000_0000..<0x7000_0000, headerSize: 4096))
        linker.place(at: [0x1000_0000])
        var image = [UInt8](repeating: 0, count: Int(linker.fileSizes[0]))
        var span = image.mutableSpan
        var raw = span.mutableBytes
        module = try linker.emit(0, into: &raw)
        bytes = image
    }

    func section(_ name: String) -> ImageSection? { module.image.sections.first { $0.name == name } }

    /// The bytes of a section.
    func contents(_ name: String) -> [UInt8] {
        guard let section = section(name) else { return [] }
        return Array(bytes[Int(section.fileOffset)..<Int(section.fileOffset + section.size)])
    }

    func address(_ name: String) -> UInt64? {
        module.image.symbols.entries.first { module.image.symbols.text($0.name) == name }?.address
    }
}
