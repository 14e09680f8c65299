import ELFFormat
import ModlinkInterface
import ObjectModel
import Posix
import SymbolTable
import ToolSupport

/// The whole symbol table, out of the file that the daemon writes.
struct SymbolListing {
    /// A line of the table.
    struct Row: Encodable {
        let address: UInt64
        let size: UInt64
        let type: String
        let name: String
        let module: String
    }

    private let bytes: [UInt8]
    /// In the order of address.
    let rows: [Row]

    /// Reads the bytes of that file.
    init(_ bytes: [UInt8]) throws(Failure) {
        self.bytes = bytes
        do throws(Problem) {
            let symbols = try SymbolFile(bytes, name: DaemonOptions.symbolTableName)
            let set = SymbolSet(owner: "", symbols: symbols.symbols, sections: symbols.sections, range: 0..<UInt64.max)
            rows = set.symbols.entries.indices.map { Self.row(set, $0) }
        } catch {
            throw Failure(.systemFailure, [error])
        }
    }

    private static func row(_ set: SymbolSet, _ index: Int) -> Row {
        let entry = set.symbols.entries[index]
        let section = entry.section.map { set.sections[Int($0)] }
        return Row(
            address: entry.address, size: entry.size, type: letter(entry, section), name: set.name(index),
            module: section.map { SymbolSections.owner(ofSection: $0.name) } ?? "")
    }

    /// The type as nm(1) has it: code, data, constants, weak, one in the process (u); small letters for what is local.
    private static func letter(_ entry: SymbolEntry, _ section: ImageSection?) -> String {
        if entry.binding == .weak { return entry.type == .object ? "V" : "W" }
        if entry.binding == .unique { return "u" }
        var letter = "A"
        if let section {
            letter = section.protection.contains(.execute) ? "T" : section.protection.contains(.write) ? "D" : "R"
        }
        return entry.binding == .local ? letter.lowercased() : letter
    }

    /// A line a symbol, with a line for each of these modules before its symbols.
    func text(modules: [ModuleInformation]) -> String {
        var pending = modules.sorted { $0.address < $1.address }[...]
        var text = ""
        for row in rows {
            while let module = pending.first, UInt64(clamping: module.address) <= row.address {
                text += Self.line(module)
                pending = pending.dropFirst()
            }
            text += Self.line(address: row.address, type: row.type, name: row.name, module: row.module)
        }
        return text + pending.map(Self.line).joined()
    }

    static func line(address: UInt64, type: String, name: String, module: String) -> String {
        "\(String(hexadecimal: address, digits: 16)) \(type) \(name)" + (module.isEmpty ? "\n" : "\t[\(module)]\n")
    }

    /// `0000000010000000 (12k)	[gurka]`, as modutils' ksyms -m prints it.
    private static func line(_ module: ModuleInformation) -> String {
        "\(String(hexadecimal: module.address, digits: 16)) (\((module.size + 1023) / 1024)k)\t[\(module.name)]\n"
    }

    /// Writes the file as it came.
    func write(to path: String) throws(Failure) {
        let bytes = bytes
        try Failure.naming(path) { () throws(SystemError) in
            try File.writeOutput(path, bytes)
        }
    }
}
