import ObjectModel

extension LinkedModule {
    /// A module that somebody else links: memory of one kind, which begins with its use counter, a C `long`. What it has to be
    /// called by and which symbols it has comes with its code.
    public init(flat name: String, at range: Range<UInt64>, architecture: Architecture) {
        let protection: Protection = [.read, .write, .execute]
        let size = range.upperBound - range.lowerBound
        let section = ImageSection(
            name: ".flat", kind: .zeroFill, protection: protection, address: range.lowerBound, fileOffset: 0,
            size: size,
            alignment: architecture.pageSize)
        self.init(
            name: name,
            image: Image(
                architecture: architecture, segments: [], sections: [section], symbols: SymbolList(), entry: 0,
                loadedSize: 0, buildID: []),
            entryPoint: .none, constructors: .empty, destructors: .empty, indirectFunctions: [], frames: nil,
            useCount: range.lowerBound, writes: [], range: range, references: [], peers: [:], threadStorage: nil)
    }
}
