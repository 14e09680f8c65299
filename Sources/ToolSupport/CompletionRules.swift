import ModlinkInterface
import ObjectModel
import Posix

/// What may stand in a place of the command line.
public enum CompletionSource: Sendable {
    /// Objects and archives, and folders on the way to them.
    case objects
    /// Files of every kind.
    case files
    /// Modules that are loaded, by name.
    case modules
    /// Modules that are loaded, by number.
    case moduleNumbers
    /// These words.
    case words([String])
    /// What a function makes of the words before.
    case made(@Sendable (_ words: [String]) -> [CompletionCandidate])

    /// The names of the spaces.
    public static let spaces = CompletionSource.words(Architecture.allCases.map(\.name))

    /// The endings of objects and archives.
    static let objectEndings = [".o", ".ko", ".a"].flatMap { ending in
        [ending] + (ending == ".a" ? [] : [".gz", ".xz", ".zst"].map { ending + $0 })
    }
}

/// A word that completes what has been typed.
public struct CompletionCandidate: Sendable, Equatable {
    /// The word. One that ends with `=` goes on behind it.
    public let word: String
    /// What it is, for shells that show it.
    public let text: String

    /// Makes a candidate of a word and what it is.
    public init(_ word: String, _ text: String = "") {
        self.word = word
        self.text = text
    }
}

/// What completes the arguments of a tool and the values of its options.
public struct CompletionRules: Sendable {
    /// What its arguments may be.
    let arguments: [CompletionSource]
    /// What the values of its options may be, by the option's name with its dashes. An option that is not here takes a value that only
    /// its user knows.
    let options: [String: [CompletionSource]]

    /// Makes rules of the sources for arguments and for values of options.
    public init(arguments: [CompletionSource] = [], options: [String: [CompletionSource]] = [:]) {
        self.arguments = arguments
        self.options = options
    }
}

/// Which files the shell is to offer.
enum CompletionFiles: Equatable {
    case none
    case any
    /// Those with these endings, and folders.
    case ending([String])

    /// As the scripts read it.
    var text: String {
        switch self {
        case .none: ""
        case .any: "any"
        case .ending(let endings): endings.joined(separator: " ")
        }
    }
}

extension CompletionSource {
    /// The words for a place.
    ///
    /// - Parameter words: what stands before it.
    func candidates(after words: [String]) -> [CompletionCandidate] {
        switch self {
        case .objects, .files: []
        case .modules: Self.loaded.map { CompletionCandidate($0.name, "ID \($0.id)") }
        case .moduleNumbers: Self.loaded.map { CompletionCandidate("\($0.id)", $0.name) }
        case .words(let words): words.map { CompletionCandidate($0) }
        case .made(let make): make(words)
        }
    }

    /// The modules that are loaded, if a daemon runs. None is started: not by us, nor by systemd because we have connected.
    private static var loaded: [ModuleInformation] {
        let directory = RuntimeDirectory.standard()
        guard let text = try? File.read(path: directory.process, limit: 64),
            let process = Int32(String(decoding: text, as: UTF8.self).filter { !$0.isWhitespace }),
            (try? File.status(path: "/proc/\(process)")) != nil
        else { return [] }
        do {
            var client = try DaemonConnection.open(directory, starts: false)
            return try client.call(ListMethod.self, ListMethod.Parameters(brief: true)).reply.modules
        } catch {
            return []
        }
    }
}
