import ELFFormat
import Logging
import ModlinkInterface
import ObjectModel
import Posix
import SymbolTable

// The symbol tables where tools that know only files find them. Never older than the last finished load; and yet a load costs
// in proportion to the module, not to the table, since a file is made when somebody opens it (``PromisedFiles``): whoever asks pays.
// He keeps what he has opened; the next load or unload puts another file in its place, if that one was made. Nobody waits for him.

extension ModuleService {
    private static var symbolFilePermissions: UInt32 { 0o600 }

    /// Sees to it that the files show the symbol tables that have changed. On the linker's thread. A space that has ended has no file.
    func publishSymbols() {
        for architecture in Architecture.allCases {
            // Numbers alone: a copy of the table that somebody holds makes the next change of it copy the whole.
            let (generation, published, isThere) = state.withLock { state in
                let generation = state.spaces[architecture].symbols.generation
                let published = state.spaces[architecture].publishedGeneration
                return (generation, published, state.spaces[architecture].host != nil)
            }
            guard generation != published else { continue }
            do throws(SystemError) {
                if isThere || architecture == .native {
                    try promiseSymbols(architecture)
                } else {
                    symbolFiles?.forget(directory.symbols(of: architecture))
                    try File.remove(directory.symbols(of: architecture))
                }
                state.withLock { $0.spaces[architecture].publishedGeneration = generation }
            } catch {
                log.error("the symbol table is not written: \(error)")
            }
        }
    }

    /// Removes what a daemon before has left, or what nobody would fill.
    func removeSymbolFiles() {
        for architecture in Architecture.allCases {
            try? File.remove(directory.symbols(of: architecture))
            symbolFiles?.forget(directory.symbols(of: architecture))
        }
    }

    private func promiseSymbols(_ architecture: Architecture) throws(SystemError) {
        let path = directory.symbols(of: architecture)
        if let symbolFiles {
            do throws(SystemError) {
                let size = state.withLock { SymbolImage.sizeLimit($0.spaces[architecture].symbols) }
                try symbolFiles.promise(path, size: size, permissions: Self.symbolFilePermissions) { [weak self] file in
                    self?.writeSymbols(architecture, to: file)
                }
                return
            } catch {
                // A file system without leases: the file is made now, every time.
                log.debug("\(error)")
            }
        }
        try File.writeAtomically(
            path, symbolFile(architecture).bytes, permissions: Self.symbolFilePermissions)
    }

    /// On a thread of its own: a module's init that does not return keeps no reader waiting.
    private func writeSymbols(_ architecture: Architecture, to file: borrowing Descriptor) {
        let name = directory.symbols(of: architecture)
        do throws(SystemError) {
            try symbolFile(architecture).write { (piece) throws(SystemError) in
                try File.writeAll(file, piece, name: name)
            }
        } catch {
            log.error("the symbol table is not written: \(error)")
        }
    }

    /// What writes the symbol table of a space as it is at this moment.
    ///
    /// - Parameter withLoading: with the modules that are being loaded, whose names nobody can use yet.
    func symbolFile(_ architecture: Architecture, withLoading: Bool = false) -> SymbolFileWriter {
        let (sets, generation) = state.withLock { state in
            let loading = state.loaded.values.filter {
                withLoading && $0.slot == nil && $0.architecture == architecture
            }
            return (
                state.spaces[architecture].symbols.snapshot + loading.map { SymbolSet($0.linked) },
                state.spaces[architecture].symbols.generation
            )
        }
        return SymbolImage.writer(sets, architecture: architecture, generation: generation)
    }
}
