import ELFFormat
import ModlinkInterface
import ObjectModel
import Posix
import SpaceControl
import SymbolTable

extension ModuleService {
    /// The symbols of a space, out of its own executable. What it offers is exported, everything else is there for people.
    func residentSymbols(_ space: SpaceHost) throws(Failure) -> SymbolSet {
        var file: SymbolFile
        do {
            let bytes = try File.read(path: space.executable, limit: 1 << 30)
            file = try SymbolFile(bytes, name: space.executable)
        } catch {
            throw Failure(.systemFailure, subject: "space", reason: "\(error)")
        }
        let resident = file.resident ?? []
        var kept: [SymbolEntry] = []
        var indirect: [Int] = []
        for entry in file.symbols.entries {
            var entry = entry
            let isOffered = resident.contains(Array(file.symbols.names[entry.name.indices]))
            // Hidden in the executable, and offered all the same: the unwinder's names are.
            if entry.binding == .local && !isOffered || !isOffered {
                entry.binding = .local
            } else if entry.binding == .local {
                entry.binding = .global
            }
            if entry.type == .indirectFunction {
                guard isOffered else { continue }
                indirect.append(kept.count)
            }
            kept.append(entry)
        }
        do throws(SpaceError) {
            try resolve(indirect, in: &kept, space)
        } catch {
            throw Failure(.systemFailure, subject: "space", reason: error.reason)
        }
        file.symbols.entries = kept
        let used = file.sections.filter { $0.size > 0 }
        let start = used.map(\.address).min() ?? 0
        let end = used.map { $0.address + $0.size }.max() ?? start
        return SymbolSet(owner: "", symbols: file.symbols, sections: file.sections, range: start..<end)
    }

    /// Asks the space for the functions that indirect ones choose on this machine: memcpy for this processor.
    private func resolve(_ indirect: [Int], in entries: inout [SymbolEntry], _ space: SpaceHost) throws(SpaceError) {
        let addresses = try space.resolve(indirect.map { entries[$0].address })
        for (index, address) in zip(indirect, addresses) {
            entries[index].address = address
            entries[index].type = .function
            entries[index].size = 0
        }
    }
}
