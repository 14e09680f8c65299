import ObjectModel

// A space is named as its machine is: there is one a machine.
extension Architecture {
    /// The machine whose space is there from the start, and is meant where none is named.
    public static let native = Architecture.x86_64

    /// The machine of a space's name.
    ///
    /// - Parameter name: as ``Architecture/name`` has it; nil means the native one.
    public init(space name: String?) throws(Failure) {
        guard let name else {
            self = .native
            return
        }
        guard let named = Architecture(name: name) else {
            let names = Architecture.allCases.map(\.name).joined(separator: " and ")
            throw Failure(.noSuchSpace, subject: name, reason: "no such space: there are \(names)")
        }
        self = named
    }
}
