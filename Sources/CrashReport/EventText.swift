import ObjectModel

// What happened, in words.

extension CrashReport.Event {
    /// What happened, without where: `SIGSEGV at 0x10, which is not mapped`.
    public var text: String {
        switch kind {
        case .fault: isStackOverflow ? "stack overflow: " + signalText : signalText
        case .hung: "hung: a call took longer than it may"
        case .exit: "exit(\(code)) was called"
        case .execute: "execve was called"
        case .died: signal == 0 ? "the space died" : "the space died: " + signalText
        }
    }

    private var signalText: String {
        let name = Self.names[signal] ?? "signal \(signal)"
        // A signal that somebody has sent (sigaction(2), si_code) has no address and no cause.
        guard code > 0 else { return name }
        let cause = Self.causes[signal].flatMap { $0.indices.contains(code - 1) ? $0[code - 1] : nil }
        guard [Self.segmentation, Self.bus].contains(signal) else { return name + (cause.map { " (\($0))" } ?? "") }
        // What the processor refuses before it looks for a page has no address either.
        guard code != Self.fromKernel, let address else { return name + " (an address that no memory has)" }
        return name + " at " + hexadecimal(address) + (cause.map { " (\($0))" } ?? "")
    }

    private static let segmentation = 11
    private static let bus = 7
    private static let fromKernel = 0x80

    private static let names = [
        1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE",
        9: "SIGKILL", 10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM",
        16: "SIGSTKFLT", 24: "SIGXCPU", 25: "SIGXFSZ", 26: "SIGVTALRM", 27: "SIGPROF", 29: "SIGIO", 30: "SIGPWR",
        31: "SIGSYS",
    ]

    /// By signal, in the order of si_code from 1 on (sigaction(2)).
    private static let causes = [
        4: [
            "illegal opcode", "illegal operand", "illegal addressing mode", "illegal trap", "privileged opcode",
            "privileged register", "coprocessor error", "internal stack error",
        ],
        5: ["breakpoint", "trace trap", "branch trap", "hardware breakpoint"],
        7: ["misaligned", "no such physical address", "error of the object"],
        8: [
            "integer division by zero", "integer overflow", "floating-point division by zero",
            "floating-point overflow", "floating-point underflow", "floating-point inexact result",
            "invalid floating-point operation", "subscript out of range",
        ],
        11: ["not mapped", "not permitted there", "bounds check", "protection key"],
    ]
}

extension CrashReport {
    /// Where it happened, on one line: `gurka:slice+0x1d/0x40 (gurka.c:12)`. In code of the space's own, also which module's code
    /// called that. Nil when nothing is known.
    public var place: String? {
        guard let frames = threads.first?.frames, let first = frames.first else { return nil }
        let place = first.line
        guard first.place?.module == "", let caller = frames.first(where: { $0.place?.module.isEmpty == false })
        else { return place }
        // The function that the space has for it is of no interest.
        if [.exit, .execute].contains(event.kind) { return caller.line }
        return place + ", called from " + caller.line
    }
}

extension CrashReport {
    /// What the first line of a report says.
    public struct Summary: Sendable, Equatable {
        /// What happened.
        public var what: String
        /// Where; nil when the report does not say it.
        public var place: String?

        /// Reads the first line of a report; nil when it is none.
        public init?(firstLine line: String) {
            guard line.hasPrefix(Self.start) else { return nil }
            let text = Array(line.utf8.dropFirst(Self.start.utf8.count))
            let separator = Array(Self.separator.utf8)
            // What happened is told in words of our own, which do not contain it; names of modules and files may.
            let position = text.indices.first { text[$0...].starts(with: separator) }
            what = String(decoding: text[..<(position ?? text.count)], as: UTF8.self)
            place = position.map { String(decoding: text[($0 + separator.count)...], as: UTF8.self) }
        }

        static let start = "Oops: "
        static let separator = " in "
    }
}
