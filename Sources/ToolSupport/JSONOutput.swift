import FoundationEssentials
import ModlinkInterface
import ObjectModel

extension ToolOutput {
    /// Prints a value as JSON, indented, with its fields in alphabetical order.
    public static func printJSON(_ value: some Encodable) throws(Failure) {
        print(try json(value))
    }

    /// Prints a failure as JSON, to standard output: its kind, its problems, and what modules printed.
    static func printJSON(_ failure: Failure) {
        guard
            let text = try? json(
                FailureReport(error: failure.kind.rawValue, problems: failure.problems, output: failure.output))
        else { return }
        print(text)
    }

    private struct FailureReport: Encodable {
        let error: String
        let problems: [Problem]
        let output: String
    }

    static func json(_ value: some Encodable) throws(Failure) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else {
            throw Failure(.systemFailure, subject: "--json", reason: "the values cannot be written as JSON")
        }
        return String(decoding: data, as: UTF8.self) + "\n"
    }
}
