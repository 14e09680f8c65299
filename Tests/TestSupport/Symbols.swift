import ObjectModel

extension SymbolList {
    /// Adds a symbol, of no section unless one is given.
    public mutating func add(
        _ name: String, at address: UInt64, size: UInt64 = 0, section: UInt16? = nil,
        binding: SymbolBinding = .global, type: SymbolType = .function
    ) {
        let bytes = Array(name.utf8)
        guard let name = intern(bytes, NameRange(offset: 0, count: UInt32(bytes.count))) else { return }
        entries.append(
            SymbolEntry(address: address, size: size, name: name, section: section, binding: binding, type: type))
    }
}
