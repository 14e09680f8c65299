import Varlink

/// What is kept of a crash (`type Crash`).
public struct CrashInformation: Codable, Sendable, Equatable {
    /// Its number; they count up, from 1 for a new runtime directory.
    public var number: Int
    /// When it was: seconds since 1970, UTC; nil when that is not known.
    public var time: Int?
    /// The name of the space's machine.
    public var space: String?
    /// The module at fault, when there was one.
    public var module: String?
    /// What happened: `SIGSEGV at 0x10 (not mapped)`.
    public var what: String
    /// Where: `gurka:slice+0x1d/0x40 (gurka.c:12)`.
    public var place: String?
    /// The crash's folder, an absolute path.
    public var folder: String

    /// Makes the information of the given parts.
    public init(
        number: Int, time: Int? = nil, space: String? = nil, module: String? = nil, what: String,
        place: String? = nil, folder: String
    ) {
        self.number = number
        self.time = time
        self.space = space
        self.module = module
        self.what = what
        self.place = place
        self.folder = folder
    }
}

/// `org.modlink.ListCrashes`.
public enum ListCrashesMethod: Method {
    /// The qualified name.
    public static let name = "org.modlink.ListCrashes"
    /// None.
    public typealias Parameters = Empty

    /// All crashes that are kept.
    public struct Reply: Codable, Sendable, Equatable {
        /// The crashes in the order of their numbers.
        public var crashes: [CrashInformation]

        /// Makes a reply of these crashes.
        public init(crashes: [CrashInformation]) { self.crashes = crashes }
    }
}

/// `org.modlink.DescribeCrash`.
public enum DescribeCrashMethod: Method {
    /// The qualified name.
    public static let name = "org.modlink.DescribeCrash"

    /// Which.
    public struct Parameters: Codable, Sendable, Equatable {
        /// Its number.
        public var number: Int

        /// Makes the parameters of a call.
        public init(number: Int) { self.number = number }
    }

    /// What is known of it.
    public struct Reply: Codable, Sendable, Equatable {
        /// What is kept of it.
        public var crash: CrashInformation
        /// The report, in lines.
        public var report: String

        /// Makes a reply of the given parts.
        public init(crash: CrashInformation, report: String) {
            self.crash = crash
            self.report = report
        }
    }
}
