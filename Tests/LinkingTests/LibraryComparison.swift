import ELFFormat
import Linking
import ObjectModel
import Posix
import Relocation
import SymbolTable
import TestSupport

/// Real objects, linked here and by ld at the same addresses.
///
/// ld gets a script that gives each section of each module its address, and each symbol that no object defines its value. The bytes of
/// all sections must be the same then, but for these differences, each of which is checked for what it is:
///
/// - An instruction that takes an address out of the global offset table does the same and looks different: ld has its table elsewhere,
///   makes `mov $x, %reg` where this linker makes `lea x(%rip), %reg`, and changes loads with plain `GOTPCREL` that are
///   left alone here. Both instructions are decoded, and must put the same address into the same register, call it, or jump to it.
/// - What a module hides, no other module sees. Where each member of a library is a module of its own, nothing is hidden.
/// - Pieces of `.init` stand in a function, which `.init_array` calls; ld is told to do the same.
/// - `.eh_frame` ends with a zero word here, which the C library's crtend.o would bring in a program; and what describes no function is
///   padding.
/// - ld joins equal strings in sections that allow it (`SHF_MERGE`). The linker keeps them as they are; the flag is cleared in the copies
///   that ld reads. It would also edit `.eh_frame`: it does not with `--traditional-format`.
struct LibraryComparison {
    /// What linkers make in ways of their own; what code has of them is compared.
    private static let tables = [".got", ".plt", ".eh_frame_hdr"]

    /// How the objects are divided into modules.
    enum Division { case oneModule, oneModuleEach }

    private let objects: [Object]
    private let undefined: [String: UInt64]
    private(set) var linked = Linked()
    private var maps: [LinkMap] { linked.maps }
    private let division: Division
    private(set) var comparedBytes = 0
    private(set) var comparedUses = 0
    /// What differs: section, object and offset.
    private(set) var differences: [String] = []

    /// Links all members of an archive both ways and compares.
    ///
    /// - Parameter step: 1 for all members, 2 for every second one, and so on.
    init(_ library: String, as division: Division, step: Int = 1) throws {
        let archive = try ArchiveReader.read(File.read(path: library, limit: 1 << 30), name: "library")
        try self.init(
            stride(from: 0, to: archive.members.count, by: step).map { try ArchiveReader.object($0, of: archive) },
            as: division)
    }

    /// Links objects both ways and compares.
    ///
    /// - Parameters:
    ///   - window: where the modules go, one after the other.
    ///   - symbols: where the symbols lie that no object defines.
    init(
        _ objects: [Object], as division: Division, window: Range<UInt64> = Space.window, symbols: UInt64 = 0x40_1000
    ) throws {
        self.objects = objects
        self.division = division
        undefined = Self.undefined(in: objects, from: symbols)
        var space = Space(undefined)
        space.settings.window = window
        linked = try link(space)
        let directory = try ScratchDirectory()
        try compare(try linkedByEditor(directory))
    }

    /// The names that no object defines, and an address for each. Those that all references to are weak have none.
    private static func undefined(in objects: [Object], from start: UInt64) -> [String: UInt64] {
        var defined = Set<String>()
        var wanted = Set<String>()
        for object in objects {
            for symbol in object.symbols where symbol.binding != .local {
                if symbol.place != .undefined {
                    defined.insert(object.text(symbol.name))
                } else if symbol.binding == .global {
                    wanted.insert(object.text(symbol.name))
                }
            }
        }
        let names = wanted.subtracting(defined).subtracting(["_GLOBAL_OFFSET_TABLE_"]).sorted()
        return Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, start + UInt64($0) * 16) })
    }

    /// An object whose hidden symbols other modules may refer to as well.
    private static func visible(_ object: Object) -> Object {
        var parts = object.parts
        for index in parts.symbols.indices { parts.symbols[index].isHidden = false }
        return Object(parts)
    }

    private func link(_ space: Space) throws -> Linked {
        let sources =
            division == .oneModule
            ? [ModuleSource(name: "all", objects: objects)]
            : objects.enumerated().map { ModuleSource(name: "m\($0)", objects: [Self.visible($1)]) }
        return try space.link(sources)
    }

    // MARK: The other linker

    private func linkedByEditor(_ directory: ScratchDirectory) throws -> LinkedFile {
        var script = "ENTRY(nothing)\nnothing = 0;\n"
        for (name, address) in undefined.merging(madeSymbols(), uniquingKeysWith: { $1 }) {
            script += "\"\(name)\" = \(hexadecimal(address));\n"
        }
        script += "SECTIONS {\n"
        for (index, module) in linked.modules.enumerated() {
            let file = division == .oneModule ? "*" : "\(directory.path)/\(index).o"
            let places = module.image.sections.map { ($0.name, $0.address) } + emptySections(index)
            let addresses = Dictionary(places) { first, _ in first }
            for (name, address) in places where !Self.tables.contains(name) {
                script +=
                    "\"\(name).\(index)\" \(hexadecimal(address)) : { \(Self.pattern(name, file, addresses)) } =0x00000000\n"
            }
        }
        // Near enough for every distance, and nothing of ours lies there.
        let table = (linked.modules.first?.range.lowerBound ?? 0) - 0x100_0000
        script += ".got \(hexadecimal(table)) : { *(.got) *(.got.plt) *(.igot*) }\n"
        script += "/DISCARD/ : { *(.note.*) *(.comment) *(.debug_*) *(.stab*) }\n}\n"
        try directory.write("script", Array(script.utf8))
        var arguments = ""
        for (index, object) in objects.enumerated() {
            arguments += try directory.write("\(index).o", Self.withoutMerging(object)) + "\n"
        }
        try directory.write("files", Array(arguments.utf8))
        try Tool.output(
            "ld",
            [
                "-static", "--strip-all", "--no-check-sections", "--traditional-format", "--no-warn-rwx-segments",
                "-z", "noseparate-code", "-T", directory.path + "/script", "-o", directory.path + "/linked",
                "@" + directory.path + "/files",
            ])
        return try LinkedFile(path: directory.path + "/linked")
    }

    /// Names that the linker makes, such as `__dso_handle`, with their addresses.
    private func madeSymbols() -> [String: UInt64] {
        let made = maps[0].symbols.filter { $0.origin == .linker }
            .map { (objects[$0.object].text(objects[$0.object].symbols[$0.symbol].name), $0.address) }
        return Dictionary(made) { first, _ in first }
    }

    /// Sections that take no room in a module, and so are none of its image, if anything refers to them: names and addresses.
    private func emptySections(_ index: Int) -> [(String, UInt64)] {
        var known = Set(linked.modules[index].image.sections.map(\.name))
        let members = division == .oneModule ? objects : [objects[index]]
        return maps[index].sections.compactMap { placed in
            guard let address = placed.address, !known.contains(placed.output) else { return nil }
            let object = members[placed.object]
            let isUsed = object.relocations.contains {
                object.symbols[Int($0.symbol)].place == .section(UInt32(placed.section))
            }
            guard isUsed, known.insert(placed.output).inserted else { return nil }
            return (placed.output, address)
        }
    }

    /// What a section of the image is made of, as ld writes it: sections of objects; and what a program would have from the C
    /// library's crti.o and crtn.o, around the pieces of `.init` and in the array by which it is called.
    private static func pattern(_ name: String, _ file: String, _ addresses: [String: UInt64]) -> String {
        let files = file == "*" ? file : "\"\(file)\""
        switch name {
        case ".init_array", ".fini_array":
            let fragments = addresses[String(name.dropLast(6))].map { "QUAD(\(hexadecimal($0)))" } ?? ""
            return "\(fragments) \(files)(SORT_BY_INIT_PRIORITY(\(name).*)) \(files)(\(name))"
        case ".init", ".fini":
            let around = [X86_64.fragmentStart, X86_64.fragmentEnd].map {
                $0.map { "BYTE(\($0))" }.joined(separator: " ")
            }
            return "\(around[0]) \(files)(\(name)) \(around[1])"
        case ".bss": return "\(files)(.bss .bss.*) \(files)(COMMON)"
        default: return "\(files)(\(name) \(name).*)"
        }
    }

    /// The object without the flags that let ld join strings.
    private static func withoutMerging(_ object: Object) -> [UInt8] {
        var bytes = object.fileBytes
        let start: UInt64 = bytes.span.bytes.integer(at: 40) ?? 0
        for index in object.sections.indices {
            let flags = Int(start) + index * 64 + 8
            // SHF_MERGE 0x10, SHF_STRINGS 0x20; both in the lowest byte.
            bytes[flags] &= ~0x30
        }
        return bytes
    }

    // MARK: Comparing

    private mutating func compare(_ other: LinkedFile) throws {
        for index in linked.modules.indices {
            var ours: [String: [UInt8]] = [:]
            var theirs: [String: [UInt8]] = [:]
            for section in linked.modules[index].image.sections
            where !Self.tables.contains(section.name) && section.kind != .zeroFill {
                let name = "\(section.name).\(index)"
                guard let place = other.sections[name], place.address == section.address else {
                    differences.append("\(name): ld has none at \(hexadecimal(section.address))")
                    continue
                }
                let start = Int(section.fileOffset)
                ours[section.name] = Array(linked.images[index][start..<start + Int(section.size)])
                theirs[section.name] = Array(other.contents(name) ?? [])
                if section.name == ".eh_frame" {
                    theirs[section.name]? += [0, 0, 0, 0]
                    matchFrames(ours[section.name] ?? [], &theirs[section.name, default: []])
                }
            }
            matchUses(index, &ours, &theirs, other)
            for (name, bytes) in ours {
                comparedBytes += bytes.count
                guard let others = theirs[name], bytes != others else { continue }
                describe(index, name, bytes, others)
            }
        }
    }

    /// Makes equal in ld's copy what is padding in ours: a CIE that says nothing in place of functions, or the end of a longer record.
    private func matchFrames(_ ours: [UInt8], _ theirs: inout [UInt8]) {
        guard ours.count == theirs.count else { return }
        let empty: [UInt8] = [0, 0, 0, 0, 1, 0, 1, 0x78, 16]
        func length(_ bytes: [UInt8], _ place: Int) -> Int {
            Int(bytes.span.bytes.integer(at: UInt64(place), as: UInt32.self) ?? 0)
        }
        var place = 0
        while place < ours.count, length(ours, place) > 0 {
            let end = place + 4 + length(ours, place)
            let isPadding =
                ours[(place + 4)..<end].starts(with: empty) && ours[(place + 13)..<end].allSatisfy { $0 == 0 }
            // All records there are such as have no function.
            var next = isPadding ? place : place + 4 + length(theirs, place)
            while isPadding, next < end {
                let isCommon = length(theirs, next) > 0 && theirs[(next + 4)..<(next + 8)] == [0, 0, 0, 0]
                guard !isCommon else { break }
                next += 4 + length(theirs, next)
            }
            if isPadding ? next == end : next < end && ours[next..<end].allSatisfy({ $0 == 0 }) {
                let from = isPadding ? place : next
                theirs.replaceSubrange(from..<end, with: ours[from..<end])
                theirs.replaceSubrange(place..<place + 4, with: ours[place..<place + 4])
            }
            place = end
        }
    }

    /// Compares what instructions do that use the global offset table, and makes equal in the copies those that do the same.
    private mutating func matchUses(
        _ index: Int, _ ours: inout [String: [UInt8]], _ theirs: inout [String: [UInt8]], _ other: LinkedFile
    ) {
        let members = division == .oneModule ? objects : [objects[index]]
        let linked = linked
        let starts = Dictionary(
            uniqueKeysWithValues: linked.modules[index].image.sections.map { ($0.name, $0.address) })
        for placed in maps[index].sections {
            guard let address = placed.address, let start = starts[placed.output] else { continue }
            let object = members[placed.object]
            for entry in object.relocations[object.sections[placed.section].relocations] {
                guard let kind = X86_64.Kind(rawValue: entry.kind),
                    kind == .tableEntryRelative32 || kind.need == .relaxableTableEntry
                else { continue }
                let offset = Int(address + entry.offset - start)
                let hasREX = kind != .tableEntryRelative32Relaxable
                guard let mine = ours[placed.output], let its = theirs[placed.output], its.count >= offset + 4 else {
                    continue
                }
                let uses = [(mine, { linked.word($0, in: index) }), (its, other.word)].map { bytes, word in
                    TableUse(
                        bytes, at: offset, place: address + entry.offset, addend: entry.addend, hasREX: hasREX,
                        word: word)
                }
                comparedUses += 1
                guard uses[0] != nil, uses[0] == uses[1] else {
                    differences.append("\(object.name): \(placed.output)+\(hexadecimal(UInt64(offset))): \(uses)")
                    continue
                }
                let range = max(offset - 3, 0)..<offset + 4
                theirs[placed.output]?.replaceSubrange(range, with: mine[range])
            }
        }
    }

    private mutating func describe(_ index: Int, _ name: String, _ ours: [UInt8], _ theirs: [UInt8]) {
        let place = zip(ours, theirs).enumerated().first { $1.0 != $1.1 }?.offset ?? min(ours.count, theirs.count)
        let start = linked.modules[index].image.sections.first { $0.name == name }?.address ?? 0
        let address = start + UInt64(place)
        let members = division == .oneModule ? objects : [objects[index]]
        let piece = maps[index].sections.last { ($0.address ?? .max) <= address && $0.output == name }
        let object = piece.map { members[$0.object] }
        let section = piece.map { members[$0.object].text(members[$0.object].sections[$0.section].name) } ?? "?"
        let offset = address - (piece?.address ?? start)
        differences.append(
            "\(name) (\(ours.count) bytes, ld \(theirs.count)): \(object?.name ?? "?"): \(section)+\(hexadecimal(offset)): \(ours[place...].prefix(8)), ld \(theirs[place...].prefix(8))"
        )
    }
}
