import CallFrames
import CrashReport
import Demangling
import ELFFormat
import ModlinkInterface
import ObjectModel
import Posix
import SymbolTable

/// What lies in the memory of the space: the modules' images, and its own executable. Each file is read when an address in it comes up.
final class LinkedImages {
    private let folder: CrashFolder
    private let convention: RegisterConvention
    private var owners: [Owner] = []
    private var opened: [Int: LinkedImage?] = [:]
    private var objects: [Int: [DebugObject]] = [:]
    /// Whether objects with debug information may be read.
    var readsObjects = true
    /// Whether they were asked for, and might have said more.
    private(set) var missesObjects = false

    /// A module, or the space itself.
    struct Owner {
        let name: String
        let range: Range<UInt64>
        /// Where its image may be.
        let paths: [String]
        /// Where its debug information is: each file a part of it; of the space the first that has some all of it.
        let objects: [String]
        var isSpace: Bool { name.isEmpty }
    }

    private static let imageLimit = 1 << 31

    /// Those of a crash.
    init(_ folder: CrashFolder, _ architecture: Architecture) {
        self.folder = folder
        convention = RegisterConvention(architecture)
        for module in folder.modules.modules ?? [] {
            guard let start = module.start?.value, let size = module.size, size > 0,
                !start.addingReportingOverflow(UInt64(size)).overflow
            else { continue }
            owners.append(
                Owner(
                    name: module.name, range: start..<start + UInt64(size), paths: paths(module.buildID),
                    objects: (module.objects ?? []).compactMap { path("objects", $0) }))
        }
        owners.sort { $0.range.lowerBound < $1.range.lowerBound }
        owners.append(space(folder.modules.space))
    }

    /// The space lies outside of the window of modules: whatever is not theirs may be its.
    private func space(_ space: CrashModules.Space?) -> Owner {
        var files = paths(space?.buildID) + paths("space")
        // What lies where it was started from may be another one by now.
        if let program = space?.executable, Self.buildID(of: program) == space?.buildID { files.append(program) }
        return Owner(
            name: "", range: 0..<UInt64.max, paths: files,
            objects: files + (Self.debugFile(space?.buildID).map { [$0] } ?? []))
    }

    private static func buildID(of program: String) -> String? {
        guard let file = try? PartialFile(path: program, headSize: BuildIDReader.headSize) else { return nil }
        return BuildIDReader.buildID(file.head)?.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Where packages put what they have stripped off a program (GDB manual, "Debugging Information in Separate Files").
    static func debugFile(_ buildID: String?) -> String? {
        guard let buildID, buildID.utf8.count > 2,
            buildID.utf8.allSatisfy({ (0x30..<0x3a).contains($0) || (0x61..<0x67).contains($0) })
        else { return nil }
        return "/usr/lib/debug/.build-id/\(buildID.prefix(2))/\(buildID.dropFirst(2)).debug"
    }

    private func paths(_ buildID: String?) -> [String] {
        buildID.flatMap { path("images", $0) }.map { [$0] } ?? []
    }

    /// A file of the folder; nil when the name would lead out of it.
    private func path(_ place: String, _ name: String) -> String? {
        name.isEmpty || name.contains("/") || name.contains("\0") || name.hasPrefix(".")
            ? nil : "\(folder.path)/\(place)/\(name)"
    }

    private func owner(of address: UInt64) -> Int? {
        var low = 0
        var high = owners.count - 1
        while low < high {
            let middle = (low + high) / 2
            if owners[middle].range.lowerBound <= address { low = middle + 1 } else { high = middle }
        }
        if low > 0, owners[low - 1].range.contains(address) { return low - 1 }
        return owners.count - 1
    }

    private func image(_ owner: Int) -> LinkedImage? {
        if let image = opened[owner] { return image }
        var image: LinkedImage?
        for path in owners[owner].paths where image == nil {
            guard let bytes = try? File.read(path: path, limit: Self.imageLimit),
                let file = try? SymbolFile(bytes, name: owners[owner].name)
            else { continue }
            image = LinkedImage(owners[owner], path, bytes, file, convention)
        }
        opened[owner] = .some(image)
        return image
    }

    /// Where an address is; nil when it is in nothing that is known.
    func place(_ address: UInt64) -> CrashReport.Place? {
        guard let owner = owner(of: address) else { return nil }
        if let place = image(owner)?.place(address) { return place }
        guard !owners[owner].name.isEmpty else { return nil }
        return CrashReport.Place(
            module: owners[owner].name, symbol: "", offset: address - owners[owner].range.lowerBound)
    }

    /// Whether an address is in code; nil when the image is not there to say so.
    func isCode(_ address: UInt64) -> Bool? {
        guard let owner = owner(of: address), let image = image(owner) else { return nil }
        return image.isCode(address)
    }

    /// A byte of what is in memory as it is in the file.
    func byte(at address: UInt64) -> UInt8? {
        owner(of: address).flatMap(image)?.constant(address)
    }

    /// Where the function begins that has an instruction.
    func start(ofFunctionAt instruction: UInt64) -> UInt64? {
        guard let owner = owner(of: instruction) else { return nil }
        return image(owner)?.place(instruction).flatMap { $0.symbol.isEmpty ? nil : instruction &- $0.offset }
    }

    /// How to find the caller's registers at an instruction.
    func rules(at instruction: UInt64) -> FrameRules? {
        guard let owner = owner(of: instruction) else { return nil }
        if let rules = image(owner)?.frames?.rules(at: instruction) { return rules }
        return owners[owner].isSpace ? nil : object(at: instruction)?.frames?.rules(at: instruction)
    }

    /// The object with debug information that an instruction comes from.
    func object(at instruction: UInt64) -> DebugObject? {
        guard let owner = owner(of: instruction), !owners[owner].objects.isEmpty else { return nil }
        guard readsObjects else {
            missesObjects = true
            return nil
        }
        if objects[owner] == nil { objects[owner] = debugObjects(owners[owner]) }
        return objects[owner]?.first { $0.contains(instruction) }
    }

    private func debugObjects(_ owner: Owner) -> [DebugObject] {
        guard owner.isSpace else { return owner.objects.compactMap { DebugObject(path: $0, convention) } }
        for path in owner.objects {
            if let object = DebugObject(executable: path) { return [object] }
        }
        return []
    }
}

/// One linked file.
private final class LinkedImage {
    private let bytes: [UInt8]
    private let symbols: SymbolSet
    let frames: CallFrameTable?

    init(
        _ owner: LinkedImages.Owner, _ path: String, _ bytes: [UInt8], _ file: SymbolFile,
        _ convention: RegisterConvention
    ) {
        self.bytes = bytes
        symbols = SymbolSet(owner: owner.name, symbols: file.symbols, sections: file.sections, range: owner.range)
        frames = CallFrameTable(image: path, convention)
    }

    func place(_ address: UInt64) -> CrashReport.Place? {
        if let index = symbols.symbol(at: address) {
            let entry = symbols.symbols.entries[index]
            return CrashReport.Place(
                module: symbols.owner, symbol: name(index), offset: address - entry.address, size: entry.size)
        }
        guard let section = symbols.sections.first(where: { $0.contains(address) }) else { return nil }
        return CrashReport.Place(
            module: symbols.owner, symbol: section.name, offset: address - section.address, size: section.size)
    }

    private func name(_ index: Int) -> String {
        let range = symbols.symbols.entries[index].name
        return demangled(symbols.symbols.names[range.indices]).map { String(decoding: $0, as: UTF8.self) }
            ?? symbols.name(index)
    }

    func isCode(_ address: UInt64) -> Bool {
        symbols.sections.contains { $0.protection.contains(.execute) && $0.contains(address) }
    }

    func constant(_ address: UInt64) -> UInt8? {
        let section = symbols.sections.first {
            !$0.protection.contains(.write) && $0.kind != .zeroFill && $0.contains(address)
        }
        guard let section, let index = Int(exactly: section.fileOffset &+ (address - section.address)) else {
            return nil
        }
        return bytes.indices.contains(index) ? bytes[index] : nil
    }
}
