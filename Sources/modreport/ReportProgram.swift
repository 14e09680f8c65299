import CrashReport
import Posix

/// Prints the report of a crash: `modreport FOLDER`.
///
/// The daemon starts it, so that what nobody has checked, debug information above all, is not read by the daemon. Should it crash or take
/// too long all the same, it prints what it knew by then.
@main
struct ReportProgram {
    /// What remains of the seconds that the daemon waits is for the printing.
    private static let seconds: UInt64 = 2

    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        guard arguments.count == 1, let path = arguments.first, !path.hasPrefix("-") else {
            try? Standard.error.write("usage: modreport FOLDER\n")
            CurrentProcess.exit(64)
        }
        do throws(SystemError) {
            guard try File.status(path: path).isDirectory else {
                throw SystemError(call: "open", subject: path, code: ErrorCode.notADirectory)
            }
            try LastWords.prepare(seconds: UInt32(seconds + 1))
            try Standard.output.write(text(path))
        } catch {
            try? Standard.error.write("modreport: \(error)\n")
            CurrentProcess.exit(1)
        }
    }

    /// The report of a folder.
    static func text(_ path: String) -> String {
        var builder = ReportBuilder(CrashFolder(path: path), deadline: Clock.nanoseconds() + seconds * 1_000_000_000)
        LastWords.set(builder.report.text(without: "calls and names"))
        builder.addNames()
        LastWords.set(builder.report.text(without: "calls"))
        builder.addCalls()
        LastWords.set(builder.report.text(without: "source lines"))
        builder.addCallsOfDebugInformation()
        builder.addLines()
        return builder.report.text
    }
}

extension CrashReport {
    /// The text of a report that stays unfinished.
    fileprivate func text(without missing: String) -> String {
        var report = self
        report.notes.append("\(missing): not to be found out; the files of the crash are damaged")
        return report.text
    }
}
