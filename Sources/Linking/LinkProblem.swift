import ObjectModel

/// One thing that stands in the way of a link.
public struct LinkProblem: Sendable, Equatable, CustomStringConvertible {
    /// The object, or the module, that has it.
    public let subject: String
    /// Where in the object: a section, an offset, a function; empty for the object as a whole.
    public let place: String
    /// What is wrong, and what helps.
    public let reason: String

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

/// All problems of one link.
public struct LinkFailure: Error, Sendable, CustomStringConvertible {
    /// The problems, in the order of the objects; one at least.
    public let problems: [LinkProblem]

    /// Makes the failure of the given problems.
    public init(_ problems: [LinkProblem]) {
        self.problems = problems
    }

    /// One line a problem.
    public var description: String {
        problems.map(\.description).joined(separator: "\n")
    }
}

/// Collects the problems of a link. What one mistake repeats ten thousand times is counted, not listed.
struct ProblemList {
    /// More lines than this help nobody.
    private static let limit = 200
    private(set) var problems: [LinkProblem] = []
    private var omitted = 0

    var isEmpty: Bool { problems.isEmpty }

    mutating func add(_ subject: String, _ place: String, _ reason: String) {
        guard problems.count < Self.limit else {
            omitted += 1
            return
        }
        problems.append(LinkProblem(subject: subject, place: place, reason: reason))
    }

    /// Ends the link when there are problems.
    func check() throws(LinkFailure) {
        guard !problems.isEmpty else { return }
        guard omitted > 0, let last = problems.last else { throw LinkFailure(problems) }
        throw LinkFailure(
            problems + [
                LinkProblem(subject: last.subject, reason: "\(omitted) more problems of this link are not listed")
            ])
    }
}
