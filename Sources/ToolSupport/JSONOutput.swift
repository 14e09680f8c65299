import FoundationEssentials
import ModlinkInterface

extension ToolOutput {
    /// Prints a value as JSON, indented, with its fields in alphabetical order.
    public static func printJSON(_ value: some Encodable) throws(Failure) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else {
            throw Failure(.systemFailure, subject: "--json", reason: "the values cannot be written as JSON")
        }
        print(String(decoding: data, as: UTF8.self) + "\n")
    }
}
