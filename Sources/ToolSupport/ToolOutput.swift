import ModlinkInterface
import ObjectModel
import Posix
import Synchronization

/// What the tools print, and how they end.
public enum ToolOutput {
    /// Whether what modules have printed does not end with a line's end.
    private static let isOpen = Atomic<Bool>(false)

    /// Whether what modules have printed does not end with a line's end.
    public static var isInsideLine: Bool { isOpen.load(ordering: .relaxed) }

    /// Prints what modules have printed, as it is.
    public static func printModules(_ text: String) {
        guard !text.isEmpty else { return }
        write(Array(text.utf8))
        isOpen.store(text.utf8.last != UInt8(ascii: "\n"), ordering: .relaxed)
    }

    /// Ends the line that a module has left open: what the tool itself says begins a new one.
    public static func endLine() {
        if isOpen.exchange(false, ordering: .relaxed) { write([UInt8(ascii: "\n")]) }
    }

    /// Prints to standard output. A reader that has gone ends the program quietly, as it ends `ls | head`.
    public static func print(_ text: String) {
        print(Array(text.utf8))
    }

    /// Prints bytes as they are.
    public static func print(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        endLine()
        write(bytes)
    }

    private static func write(_ bytes: [UInt8]) {
        do throws(SystemError) {
            try Standard.output.write(bytes)
        } catch {
            if error.code == ErrorCode.brokenPipe { CurrentProcess.exit(141) }
            try? Standard.error.write("\(tool): \(error)\n")
            CurrentProcess.exit(ExitStatusCode.failed)
        }
    }

    /// Prints something to be known that keeps nothing from being done: `tool: warning: …`.
    public static func warn(_ text: String) {
        endLine()
        try? Standard.error.write("\(tool): warning: \(printableLines(text))\n")
    }

    /// The name that this program was called by.
    static var tool: Substring { CommandLine.arguments.first?.split(separator: "/").last ?? "modlink" }

    /// Prints `tool: text` to standard error.
    static func complain(_ tool: String, _ text: String) {
        try? Standard.error.write("\(tool): \(text)\n")
    }

    /// Prints each problem as a line `tool: subject: reason` to standard error.
    public static func complain(_ tool: String, _ problems: [Problem]) {
        endLine()
        try? Standard.error.write(problems.map { "\(tool): \(printableLines("\($0)"))\n" }.joined())
    }

    /// Ends the program as one that has failed, with each problem as a line on standard error.
    public static func end(_ tool: String, _ problems: [Problem]) -> Never {
        complain(tool, problems)
        CurrentProcess.exit(ExitStatusCode.failed)
    }

    /// Prints what modules said and why it failed.
    public static func report(_ tool: String, _ failure: Failure) {
        printModules(failure.output)
        complain(tool, failure.problems)
        if !failure.report.isEmpty { try? Standard.error.write(failure.report + "\n") }
    }

    /// Runs a tool's work; ends the program with the failure's status when it fails.
    ///
    /// - Parameter json: whether standard output has JSON alone, also of a failure.
    public static func run(_ tool: String, json: Bool = false, _ work: () throws(Failure) -> Void) {
        do throws(Failure) {
            try work()
        } catch {
            var error = error
            if json {
                printJSON(error)
                error.output = ""
            }
            report(tool, error)
            CurrentProcess.exit(error.kind.exitStatus)
        }
    }
}
