import ObjectModel

/// All problems of one link.
public struct LinkFailure: Error, Sendable, CustomStringConvertible {
    /// The problems, in the order of the objects; one at least.
    public let problems: [Problem]

    /// Makes the failure of the given problems.
    public init(_ problems: [Problem]) {
        self.problems = problems
    }

    /// How the reason begins when nobody defines what an object refers to.
    private static let undefined = "undefined symbol '"

    /// The reason that says that nobody defines a name.
    static func undefinedReason(_ name: String) -> String { "\(undefined)\(name)'" }

    /// The name that nobody defines, where a problem is about that.
    public static func undefinedName(in problem: Problem) -> String? {
        guard problem.reason.hasPrefix(undefined) else { return nil }
        return String(problem.reason.dropFirst(undefined.count).prefix { $0 != "'" })
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
    private(set) var problems: [Problem] = []
    private var omitted = 0

    var isEmpty: Bool { problems.isEmpty }

    mutating func add(_ subject: String, _ place: String, _ reason: String) {
        guard problems.count < Self.limit else {
            omitted += 1
            return
        }
        problems.append(Problem(subject: subject, place: place, reason: reason))
    }

    /// Adds those of another list behind its own.
    mutating func add(_ other: ProblemList) {
        let room = Self.limit - problems.count
        problems += other.problems.prefix(room)
        omitted += other.omitted + max(0, other.problems.count - room)
    }

    /// Ends the link when there are problems.
    func check() throws(LinkFailure) {
        guard !problems.isEmpty else { return }
        guard omitted > 0, let last = problems.last else { throw LinkFailure(problems) }
        throw LinkFailure(
            problems + [
                Problem(subject: last.subject, reason: "\(omitted) more problems of this link are not listed")
            ])
    }
}
