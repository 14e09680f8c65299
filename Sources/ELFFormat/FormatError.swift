import ObjectModel

/// Why a file is not acceptable.
public struct FormatError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file.
    public let file: String
    /// Where in it: a section, a symbol, a field; empty for the file as a whole.
    public let place: String
    /// What is wrong there.
    public let reason: String

    /// Makes an error of the given texts.
    public init(file: String, place: String = "", reason: String) {
        self.file = file
        self.place = place
        self.reason = reason
    }

    /// One line: `file: place: reason`.
    public var description: String {
        place.isEmpty ? "\(file): \(reason)" : "\(file): \(place): \(reason)"
    }
}
