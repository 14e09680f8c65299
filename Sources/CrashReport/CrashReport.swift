import ObjectModel

/// What is known of the moment at which a space's modules went wrong: all that a report says, and nothing of how it says it.
///
/// Whatever is not known is nil or empty; there is a report of what is left all the same.
public struct CrashReport: Sendable, Equatable {
    /// The number of the crash among those of its runtime directory.
    public var number: Int?
    /// The machine of the space.
    public var architecture: Architecture
    /// What happened.
    public var event: Event
    /// When: seconds since 1970, UTC.
    public var time: Int64?
    /// The space's process number.
    public var space: Int?
    /// On whose behalf module code ran; nil for a thread that a module made.
    public var request: Request?
    /// What the module's code was run for: `initialize`, `cleanup`, `constructor`, `call`, `device` and so on.
    public var activity: String?
    /// The registers of the thread to which it happened, by the machine's own names in small letters.
    public var registers: [Register] = []
    /// The code around the instruction to which it happened.
    public var code: Code?
    /// All threads; the one to which it happened stands first.
    public var threads: [ThreadTrace] = []
    /// The modules that were loaded, in the order in which they came.
    public var modules: [Module] = []
    /// The module that went last.
    public var lastUnloaded: String?
    /// What is missing in this report, and why.
    public var notes: [String] = []

    /// Makes a report in which only the event is known.
    public init(architecture: Architecture, event: Event) {
        self.architecture = architecture
        self.event = event
    }
}

extension CrashReport {
    /// What happened.
    public struct Event: Sendable, Equatable {
        /// Of which kind it was.
        public enum Kind: String, Sendable {
            /// A signal that ends a process.
            case fault
            /// A call took longer than it may.
            case hung
            /// A module ended the space's process.
            case exit
            /// A module wanted to put another program into the place of the space.
            case execute
            /// The space's process died.
            case died
        }

        /// Of which kind it was.
        public var kind: Kind
        /// The signal's number on Linux (signal(7)); 0 where there was none.
        public var signal: Int
        /// `si_code` of sigaction(2); of an exit its status.
        public var code: Int
        /// The address that was touched; of SIGSEGV and SIGBUS.
        public var address: UInt64?
        /// What is at that address, where something is.
        public var addressPlace: Place?
        /// What was there before: `slice+0x12 in gurka, unloaded 3 s ago`.
        public var addressPast: String?
        /// Whether the stack had no room left.
        public var isStackOverflow = false

        /// Makes an event of the given parts.
        public init(_ kind: Kind, signal: Int = 0, code: Int = 0, address: UInt64? = nil) {
            self.kind = kind
            self.signal = signal
            self.code = code
            self.address = address
        }
    }

    /// A request of a client.
    public struct Request: Sendable, Equatable {
        /// The method's name, without that of the interface: `Load`.
        public var method: String
        /// The module that it was about.
        public var module: String?
        /// The client's program.
        public var program: String?
        /// The client's process number.
        public var process: Int?
        /// The client's user.
        public var user: Int?

        /// Makes a request of the given parts.
        public init(
            method: String, module: String? = nil, program: String? = nil, process: Int? = nil, user: Int? = nil
        ) {
            self.method = method
            self.module = module
            self.program = program
            self.process = process
            self.user = user
        }
    }

    /// A register and what was in it.
    public struct Register: Sendable, Equatable {
        /// Its name in small letters: `rax`.
        public var name: String
        /// What was in it; nil when that is not known.
        public var value: UInt64?

        /// Makes a register of that name with that value.
        public init(_ name: String, _ value: UInt64?) {
            self.name = name
            self.value = value
        }
    }

    /// Some bytes of code.
    public struct Code: Sendable, Equatable {
        /// The bytes; nil where memory could not be read.
        public var bytes: [UInt8?]
        /// Which of them is the first of the instruction to which it happened.
        public var marked: Int

        /// Makes code of the given parts.
        public init(bytes: [UInt8?], marked: Int) {
            self.bytes = bytes
            self.marked = marked
        }
    }

    /// A module that was loaded.
    public struct Module: Sendable, Equatable {
        /// Its name.
        public var name: String
        /// Whether it is the one that it happened to, or has been marked so before.
        public var isFaulty: Bool

        /// Makes a module of the given parts.
        public init(_ name: String, isFaulty: Bool = false) {
            self.name = name
            self.isFaulty = isFaulty
        }
    }

    /// Where an address is.
    public struct Place: Sendable, Equatable {
        /// The module; empty for the space's own code.
        public var module: String
        /// The name of the function or variable; empty when the owner alone is known.
        public var symbol: String
        /// How far after the symbol's start, or the module's when there is no symbol, in bytes.
        public var offset: UInt64
        /// The symbol's size in bytes; 0 when it has none.
        public var size: UInt64

        /// Makes a place of the given parts.
        public init(module: String, symbol: String, offset: UInt64, size: UInt64 = 0) {
            self.module = module
            self.symbol = symbol
            self.offset = offset
            self.size = size
        }
    }

    /// A line of source text.
    public struct SourceLine: Sendable, Equatable {
        /// The file, as the compiler was given it; absolute when it is not below the folder of the compilation.
        public var file: String
        /// The line's number, from 1.
        public var line: Int

        /// Makes the line of that number.
        public init(_ file: String, _ line: Int) {
            self.file = file
            self.line = line
        }
    }

    /// A function whose code is in another's because the compiler has put it there.
    public struct InlinedFunction: Sendable, Equatable {
        /// Its name.
        public var name: String
        /// Where in it.
        public var source: SourceLine?

        /// Makes an inlined function of the given parts.
        public init(_ name: String, _ source: SourceLine?) {
            self.name = name
            self.source = source
        }
    }

    /// One call that had not returned.
    public struct Frame: Sendable, Equatable {
        /// The instruction that was to be executed next; of all frames but the innermost, where a call returns to.
        public var address: UInt64
        /// Where that is; nil when it is in no code that is known.
        public var place: Place?
        /// What was there before: `slice+0x12 in gurka, unloaded 3 s ago`.
        public var past: String?
        /// The functions that are part of this one there, the innermost first.
        public var inlined: [InlinedFunction] = []
        /// Where in the function itself.
        public var source: SourceLine?
        /// Whether it was only found on the stack, and may be left from a call that is over.
        public var isGuess = false
        /// Whether a signal's handler was called from there, and not by a call instruction.
        public var isInterrupted = false

        /// Makes the frame of an address.
        public init(_ address: UInt64) {
            self.address = address
        }

        /// An address within the instruction that this is about: the address itself, or one in the call before it.
        public func instruction(isFirst: Bool) -> UInt64 {
            isFirst || isInterrupted || address == 0 ? address : address - 1
        }
    }

    /// The calls of a thread, the innermost first.
    public struct ThreadTrace: Sendable, Equatable {
        /// The thread's number (gettid(2)).
        public var thread: Int
        /// Its calls; of very many the innermost and the outermost.
        public var frames: [Frame]
        /// How many calls are left out, and after which of `frames`.
        public var omitted: Omission?
        /// Whether it begins where the thread began; else nothing is known of what comes before.
        public var isComplete: Bool

        /// Makes the trace of a thread.
        public init(thread: Int, frames: [Frame], omitted: Omission? = nil, isComplete: Bool = true) {
            self.thread = thread
            self.frames = frames
            self.omitted = omitted
            self.isComplete = isComplete
        }
    }

    /// Frames that are left out.
    public struct Omission: Sendable, Equatable {
        /// After how many frames.
        public var position: Int
        /// How many.
        public var count: Int

        /// Makes an omission of the given parts.
        public init(position: Int, count: Int) {
            self.position = position
            self.count = count
        }
    }
}
