import FoundationEssentials
import ModlinkInterface

extension ToolOutput {
    /// Prints a value as JSON, indented, with its fields in alphabetical order.
    public static func printJSON(_ value: some Encodable) throws(Failure) {
        print(try json(value))
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
