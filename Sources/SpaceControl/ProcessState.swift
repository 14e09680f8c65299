import SpaceProtocol

/// What an image's code has left when it is unmapped.
public struct ImageRemains: Sendable {
    /// The descriptors that it had opened and that were open; see ``Space/descriptors(ofImage:)``.
    public let descriptors: OpenDescriptors
    /// What its calls had changed of the process, and is as before now.
    public let restored: ProcessState

    init(_ reply: space_reply) {
        descriptors = OpenDescriptors(reply)
        restored = ProcessState(rawValue: UInt32(reply.bytes.0))
    }
}

/// What a module may change of a space's process, which it shares with all other modules (`enum space_state`).
public struct ProcessState: OptionSet, Sendable {
    /// `1 << enum space_state` of each part.
    public let rawValue: UInt32

    /// The parts that these bits stand for; others are none.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    private init(_ part: space_state) { rawValue = 1 << part.rawValue }

    /// chdir(2).
    public static let workingDirectory = ProcessState(SPACE_STATE_DIRECTORY)
    /// umask(2).
    public static let fileModeMask = ProcessState(SPACE_STATE_MASK)
    /// setrlimit(2).
    public static let limits = ProcessState(SPACE_STATE_LIMITS)
    /// setenv(3).
    public static let environment = ProcessState(SPACE_STATE_ENVIRONMENT)
    /// setlocale(3).
    public static let locale = ProcessState(SPACE_STATE_LOCALE)

    private static let names: [(ProcessState, String)] = [
        (.workingDirectory, "working directory"), (.fileModeMask, "umask"), (.limits, "resource limits"),
        (.environment, "environment"), (.locale, "locale"),
    ]

    /// The parts, in the words of their manual pages: `working directory`, `umask`.
    public var parts: [String] {
        Self.names.filter { contains($0.0) }.map(\.1)
    }
}
