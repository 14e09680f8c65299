import CrashReport
import ModlinkInterface
import ObjectModel
import ToolSupport

/// What is kept of crashes, as text.
enum CrashListing {
    /// Prints all crashes, or the report of one.
    static func print(_ kept: KeptCrashes, _ number: Int?, json: Bool) throws(Failure) {
        guard let number else {
            let crashes = kept.list()
            if json { return try ToolOutput.printJSON(crashes) }
            return ToolOutput.print(table(crashes))
        }
        if json {
            let report = DescribeCrashMethod.Reply(crash: try kept.crash(number), report: try kept.report(number))
            return try ToolOutput.printJSON(report)
        }
        ToolOutput.print(try kept.report(number))
    }

    /// A line a crash under a line of titles.
    static func table(_ crashes: [CrashInformation]) -> String {
        var table = TextTable([
            ("NO", .right), ("WHEN", .left), ("MODULE", .left), ("WHAT", .left), ("WHERE", .left),
        ])
        for crash in crashes {
            table.add([
                "\(crash.number)", crash.time.map { CrashReport.text(time: Int64($0)) } ?? "-",
                crash.module.map(safe) ?? "-", safe(crash.what), crash.place.map(safe) ?? "-",
            ])
        }
        return table.text
    }

    /// The files may have been written by anyone who may write there.
    private static func safe(_ text: String) -> String {
        let bytes = Array(text.utf8)
        return printable(bytes, NameRange(offset: 0, count: UInt32(truncatingIfNeeded: bytes.count)))
    }
}
