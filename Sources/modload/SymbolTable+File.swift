import ELFFormat
import ObjectModel
import SymbolTable

extension SymbolTable {
    /// The symbols of a file as owners: those that the names of its sections tell apart (`gurka.text`), and the rest as the
    /// space itself. When the file lists what it offers, only that is exported.
    init(_ file: SymbolFile) {
        self.init()
        let owners = file.sections.map { SymbolSections.owner(ofSection: $0.name) }
        var lists: [String: [SymbolEntry]] = [:]
        for entry in file.symbols.entries {
            var entry = entry
            let owner = entry.section.map { owners[Int($0)] } ?? ""
            if let resident = file.resident, owner.isEmpty {
                let isOffered = resident.contains(Array(file.symbols.names[entry.name.indices]))
                entry.binding = !isOffered ? .local : entry.binding == .local ? .global : entry.binding
            }
            lists[owner, default: []].append(entry)
        }
        for (owner, entries) in lists.sorted(by: { $0.key < $1.key }) {
            var symbols = file.symbols
            symbols.entries = entries
            let own = file.sections.indices.filter { owners[$0] == owner && file.sections[$0].size > 0 }
            let start = own.map { file.sections[$0].address }.min() ?? 0
            let end = own.map { file.sections[$0].address &+ file.sections[$0].size }.max() ?? start
            _ = insert(
                SymbolSet(owner: owner, symbols: symbols, sections: file.sections, range: start..<max(start, end)))
        }
    }
}
