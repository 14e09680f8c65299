import ELFFormat
import Linking
import ObjectModel
import SymbolTable
import TestSupport

/// Linked modules, with their bytes.
struct Linked {
    var modules: [LinkedModule] = []
    var images: [[UInt8]] = []
    var maps: [LinkMap] = []

    /// The whole file of a module, as it would be mapped.
    func file(_ index: Int = 0) -> [UInt8] {
        ELFImageWriter.file(modules[index].image, contents: images[index])
    }
}

extension LinkedModule {
    func entry(_ name: String) -> SymbolEntry? {
        image.symbols.entries.first { image.symbols.text($0.name) == name }
    }

    func address(_ name: String) -> UInt64? { entry(name)?.address }

    /// The section that an address lies in.
    func section(of name: String) -> ImageSection? { entry(name)?.section.map { image.sections[Int($0)] } }
}

extension Linked {
    /// The little-endian number of 8 bytes at an address.
    func word(_ address: UInt64, in module: Int = 0) -> UInt64? {
        let image = images[module]
        return image.span.bytes.integer(at: address &- modules[module].range.lowerBound)
    }

    /// The number at an address.
    func number<T: FixedWidthInteger & BitwiseCopyable>(
        _ address: UInt64, as type: T.Type, in module: Int = 0
    ) -> T? {
        let image = images[module]
        return image.span.bytes.integer(at: address &- modules[module].range.lowerBound)
    }

    /// The number of 4 bytes at a symbol.
    func int(_ name: String, in module: Int = 0) -> UInt32? {
        guard let address = modules[module].address(name) else { return nil }
        let image = images[module]
        return image.span.bytes.integer(at: address &- modules[module].range.lowerBound)
    }

    func word(_ name: String, in module: Int = 0) -> UInt64? {
        modules[module].address(name).flatMap { word($0, in: module) }
    }

    /// The addresses in an array of functions.
    func functions(_ array: FunctionArray, in module: Int = 0) -> [UInt64] {
        (0..<UInt64(array.count)).compactMap { word(array.address + $0 * 8, in: module) }
    }
}

/// A space to link against.
struct Space {
    static let window: Range<UInt64> = 0x1000_0000..<0x7000_0000
    var table = SymbolTable()
    var settings = LinkSettings(
        architecture: .x86_64, window: Space.window, headerSize: ELFImageWriter.headerSize)

    /// A space whose resident symbols have the addresses given.
    init(_ resident: [String: UInt64] = [:], _ architecture: Architecture = .x86_64) {
        settings.architecture = architecture
        add("", resident.map { ($0, $1, .global) }, 0x40_0000..<0x80_0000)
    }

    @discardableResult
    mutating func add(
        _ owner: String, _ symbols: [(name: String, address: UInt64, binding: SymbolBinding)], _ range: Range<UInt64>
    ) -> Int {
        var list = SymbolList()
        for symbol in symbols {
            list.add(symbol.name, at: symbol.address, binding: symbol.binding)
        }
        return table.insert(SymbolSet(owner: owner, symbols: list, sections: [], range: range))
    }

    /// Links modules and writes them, one after the other from `base` on, or from the start of the window.
    func link(_ sources: [ModuleSource], at base: UInt64? = nil, workers: Workers = .alone) throws -> Linked {
        var linker = try Linker(sources, against: table, settings: settings, workers: workers)
        var next = base ?? settings.window.lowerBound
        var addresses: [UInt64] = []
        for need in linker.sizes {
            next = (next + need.alignment - 1) & ~(need.alignment - 1)
            addresses.append(next)
            next += need.size
        }
        linker.place(at: addresses)
        var linked = Linked()
        for index in sources.indices {
            var image = [UInt8](repeating: 0, count: Int(linker.fileSizes[index]))
            var span = image.mutableSpan
            var raw = span.mutableBytes
            linked.modules.append(try linker.emit(index, into: &raw))
            linked.images.append(image)
            linked.maps.append(linker.map(of: index, in: table))
        }
        return linked
    }

    func link(_ name: String, _ objects: [Object]) throws -> Linked {
        try link([ModuleSource(name: name, objects: objects)])
    }

    /// Links one C text.
    func link(_ text: String, _ options: [String] = ["-O2"]) throws -> Linked {
        try link("gurka", [object(text, options)])
    }

    /// The problems of a link that has to fail, one a line.
    func problems(_ sources: [ModuleSource]) -> String {
        do {
            _ = try link(sources)
            return "linked"
        } catch {
            return "\(error)"
        }
    }

    func problems(_ text: String, _ options: [String] = ["-O2"]) throws -> String {
        problems([ModuleSource(name: "gurka", objects: [try object(text, options)])])
    }
}

/// The object of a C text.
func object(
    _ text: String, _ options: [String] = ["-O2"], name: String = "gurka.o", by compiler: Compiler = .gcc
) throws -> Object {
    try ELFObjectReader.read(try compiler.object(text, options), name: name)
}

/// The object of an assembly text.
func assembled(_ text: String, _ options: [String] = [], name: String = "gurka.o") throws -> Object {
    try ELFObjectReader.read(try Compiler.gcc.object(text, options, language: .assembly), name: name)
}

/// The object of a C++ text.
func cxx(_ text: String, name: String = "gurka.o") throws -> Object {
    try ELFObjectReader.read(try Compiler.gcc.object(text, ["-O0"], language: .cxx), name: name)
}

/// The module of one object.
func source(_ name: String, _ objects: Object...) -> ModuleSource {
    ModuleSource(name: name, objects: objects)
}
