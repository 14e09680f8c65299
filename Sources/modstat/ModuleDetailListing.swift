import CrashReport
import ModlinkInterface
import ToolSupport

/// All that is known of a module, as text.
enum ModuleDetailListing {
    /// A line with its name, and below it a line for each thing: what it is in a column, and its value.
    static func text(_ described: DescribeMethod.Reply) -> String {
        let (module, details) = (described.module, described.details)
        var text = "\(module.name): ID \(module.id), \(module.state) in \(module.space)\n"
        func add(_ name: String, _ value: String) { text += "  \(name.filled(to: 12))  \(value)\n" }
        for file in details.files { add("file", file) }
        if let time = details.loaded { add("loaded", CrashReport.text(time: Int64(time))) }
        add("address", "0x\(String(module.address, radix: 16)), \(module.size) bytes")
        if let dialect = module.dialect { add("dialect", dialect + (module.type.map { ", \($0)" } ?? "")) }
        for field in details.information { add(field.name, field.value) }
        for parameter in details.parameters {
            let value = parameter.value.map { " = \($0)" } ?? ""
            add(
                "parameter",
                "\(parameter.name)\(value) (\(parameter.type))" + (parameter.description.map { ": \($0)" } ?? ""))
        }
        add("build ID", details.buildID)
        for section in details.sections {
            add("section", "\(section.access) 0x\(String(section.address, radix: 16)) \(section.size) \(section.name)")
        }
        if !details.exports.isEmpty { add("exports", details.exports.joined(separator: ", ")) }
        for use in module.uses {
            add("uses", use.module + (use.symbols.isEmpty ? "" : ": \(use.symbols.joined(separator: ", "))"))
        }
        for thread in details.threads { add("thread", "\(thread.number) in \(thread.place)") }
        for descriptor in details.descriptors { add("descriptor", "\(descriptor.number) \(descriptor.file)") }
        if !details.holds.isEmpty { add("held", Hold.reason(details.holds)) }
        return text
    }
}

/// A module as lists have it, with `details`.
struct DetailedModule: Encodable {
    private let described: DescribeMethod.Reply

    init(_ described: DescribeMethod.Reply) {
        self.described = described
    }

    private enum Key: String, CodingKey {
        case details
    }

    func encode(to encoder: any Encoder) throws {
        try described.module.encode(to: encoder)
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(described.details, forKey: .details)
    }
}
