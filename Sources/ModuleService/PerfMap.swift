import Linking
import ModuleTable
import ObjectModel
import Posix
import SymbolTable

// Modules of create_module are in memory of no file, so perf(1) cannot find their names in one. It looks for names of such memory in
// /tmp/perf-PID.map: a line `START SIZE NAME` for each function, numbers in hexadecimal (linux, tools/perf/Documentation/
// jit-interface.txt). The folder is everybody's: the file is made anew each time, and is never one that was there.

extension ModuleService {
    private static func perfMap(of process: Int32) -> String { "/tmp/perf-\(process).map" }

    /// Writes the names of the native space's flat modules that run, or removes the file where there are none. On the linker's thread.
    func writePerfMap() {
        let (process, sets) = state.withLock { state -> (Int32?, [SymbolSet]) in
            let sets = state.modules(in: .native).compactMap { module -> SymbolSet? in
                guard let loaded = state.loaded[module.id], loaded.flat != nil, let slot = loaded.slot else {
                    return nil
                }
                return state.spaces[.native].symbols.owner(slot)
            }
            return (state.spaces[.native].host?.information.process, sets)
        }
        guard let process else { return }
        removePerfMap(of: process)
        let text = sets.map(Self.perfLines).joined()
        guard !text.isEmpty else { return }
        let path = Self.perfMap(of: process)
        do throws(SystemError) {
            let file = try File.open(path, .write, create: File.CreateMode(permissions: 0o600, exclusive: true))
            try File.writeAll(file, Array(text.utf8), name: path)
        } catch {
            log.debug("perf finds no names of modules of create_module: \(error)")
        }
    }

    /// Removes the file of a space that has ended.
    func removePerfMap(of process: Int32) {
        try? File.remove(Self.perfMap(of: process))
    }

    /// Symbols of such modules have no sizes: each goes to the next, the last to the end of the module.
    static func perfLines(_ set: SymbolSet) -> String {
        let entries = set.symbols.entries.indices.filter { set.range.contains(set.symbols.entries[$0].address) }
        var lines = ""
        for (place, index) in entries.enumerated() {
            let start = set.symbols.entries[index].address
            let following = entries[(place + 1)...].lazy.map { set.symbols.entries[$0].address }
            let end = following.first { $0 > start } ?? set.range.upperBound
            lines += "\(String(start, radix: 16)) \(String(end - start, radix: 16)) \(set.name(index)) [\(set.owner)]\n"
        }
        return lines
    }
}
