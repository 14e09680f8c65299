import ModlinkInterface
import ObjectModel
import Posix
import SymbolTable

/// What get_kernel_syms of modules(2) gives: the exported symbols of the native space as `struct kernel_sym` (LP64): an address, and
/// 60 bytes of name that end in a NUL, filled up to 72 bytes.
struct KernelSymbols {
    /// The entries, newest module first.
    private(set) var bytes: [UInt8] = []
    /// How many there are.
    private(set) var count = 0

    static let entrySize = 72
    /// SYM_MAX_NAME: bytes of a name, with its NUL.
    static let nameLimit = 60

    /// Adds what describes a module: `#` and its name. A name that does not fit is cut: its symbols would seem to be those of the
    /// module before.
    mutating func add(module name: String, at address: UInt64) {
        add(Array(("#" + name).utf8.prefix(Self.nameLimit - 1))[...], address)
    }

    /// Adds the symbols that modules may refer to. A name that does not fit is left out: cut, it would be another symbol's. So are
    /// variables of each thread, which have no address.
    mutating func add(_ symbols: SymbolList) {
        bytes.reserveCapacity(bytes.count + symbols.entries.count * Self.entrySize)
        let names = symbols.names
        for entry in symbols.entries where Self.isListed(entry) { add(names[entry.name.indices], entry.address) }
    }

    /// Whether a symbol has an entry.
    static func isListed(_ entry: SymbolEntry) -> Bool {
        entry.isExported && entry.type != .threadLocal && entry.name.count > 0 && entry.name.count < nameLimit
    }

    private mutating func add(_ name: ArraySlice<UInt8>, _ address: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: address >> UInt64(shift)))
        }
        bytes += name
        bytes += repeatElement(0, count: Self.entrySize - 8 - name.count)
        count += 1
    }
}

extension ModuleService {
    /// The symbols as they are now, in a file.
    func kernelSymbols() throws(Failure) -> (entries: Int, file: SharedDescriptor) {
        let symbols = state.withLock { $0.kernelSymbols }
        let file = try Failure.naming("get_kernel_syms") { () throws(SystemError) in
            let file = try MemoryFile.create(name: "kernel_syms")
            try File.writeAll(file, symbols.bytes, name: "kernel_syms")
            return SharedDescriptor(file)
        }
        return (symbols.count, file)
    }
}

extension ModuleService.State {
    /// The address that stands for the space itself: where its program begins.
    var residentAddress: UInt64? {
        spaces[.native].symbols.snapshot.first { $0.owner.isEmpty }?.range.lowerBound
    }

    fileprivate var kernelSymbols: KernelSymbols {
        var symbols = KernelSymbols()
        let table = spaces[.native].symbols
        for module in modules(in: .native).reversed() {
            guard module.state != .uninitialized, module.state != .loading, let slot = loaded[module.id]?.slot,
                let set = table.owner(slot)
            else { continue }
            symbols.add(module: module.name, at: module.range.lowerBound)
            symbols.add(set.symbols)
        }
        if let resident = table.snapshot.first(where: { $0.owner.isEmpty }) {
            symbols.add(module: "", at: resident.range.lowerBound)
            symbols.add(resident.symbols)
        }
        return symbols
    }
}
