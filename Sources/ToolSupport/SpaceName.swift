import ArgumentParser
import ObjectModel

// A space is given by its name, which is that of its machine (`--space i386`).
extension Architecture: ExpressibleByArgument {
    /// The machine of that name.
    public init?(argument: String) {
        self.init(name: argument)
    }

    /// The names that help and complaints show.
    public static var allValueStrings: [String] { allCases.map(\.name) }

    /// None: the names say it all, and stand behind the help text of the option.
    public static var allValueDescriptions: [String: String] { [:] }

    /// The name that help shows.
    public var defaultValueDescription: String { name }
}
