/// One thing that is wrong with a file, a link or a request.
public struct Problem: Error, Codable, Sendable, Equatable, CustomStringConvertible {
    /// What has it: a file, a module, a path.
    public var subject: String
    /// Where in it: a section, an offset, a field; empty for the whole.
    public var place: String
    /// What it is, and what helps.
    public var reason: String

    /// Makes a problem of the given texts.
    public init(subject: String, place: String = "", reason: String) {
        self.subject = subject
        self.place = place
        self.reason = reason
    }

    /// One line: `subject: place: reason`.
    public var description: String {
        place.isEmpty ? "\(subject): \(reason)" : "\(subject): \(place): \(reason)"
    }
}
