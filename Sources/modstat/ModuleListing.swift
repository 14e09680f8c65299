import ModlinkInterface
import ToolSupport

/// Modules as text.
enum ModuleListing {
    /// A line a module under a line of titles. There are columns for types and slots where a module has one.
    ///
    /// - Parameter showsSpaces: whether there is a column that says in which space each module is.
    static func table(_ modules: [ModuleInformation], showsSpaces: Bool = false) -> String {
        let space: [(title: String, alignment: TextTable.Alignment)] = showsSpaces ? [("SPACE", .left)] : []
        let showsTypes = modules.contains { $0.type != nil }
        let types: [(title: String, alignment: TextTable.Alignment)] =
            showsTypes ? [("TYPE", .left), ("SLOT", .right)] : []
        var table = TextTable(
            [("ID", .right), ("NAME", .left)] + space + types + [
                ("STATE", .left), ("REFS", .right), ("SIZE", .right), ("ADDRESS", .left), ("USED BY", .left),
            ])
        for module in modules {
            table.add(
                ["\(module.id)", module.name] + (showsSpaces ? [module.space] : [])
                    + (showsTypes ? [module.type ?? "-", module.offset.map(String.init) ?? "-"] : []) + [
                        module.state + (module.dependency ? " (dependency)" : module.autoclean ? " (autoclean)" : ""),
                        "\(module.references)",
                        "\(module.size)", "0x" + String(module.address, radix: 16),
                        users(of: module),
                    ])
        }
        return table.text
    }

    /// Who uses a module; of one that nobody has initialized yet, who has made it.
    private static func users(of module: ModuleInformation) -> String {
        var users = module.usedBy
        if let owner = module.owner, module.state == "uninitialized" {
            users.append("process \(owner.process) of user \(owner.user)")
        }
        return users.isEmpty ? "-" : users.joined(separator: ", ")
    }

    /// The lines of NetBSD's modstat(8): `%-7s %3d %3ld %0*lx %04lx %0*lx %3ld %s`, sizes in KiB. What is no LKM is of the type MISC,
    /// at offset 0, and Info is where its image ends, since it has no information structure.
    static func classic(_ modules: [ModuleInformation]) -> String {
        var lines = "Type    Id  Off Loadaddr Size Info     Rev Module Name\n"
        for module in modules {
            let fields = [
                (module.classicType == nil ? "MISC" : module.type ?? "MISC").filled(to: 7),
                "\(module.id)".indented(to: 3), "\(module.offset ?? 0)".indented(to: 3),
                String(hexadecimal: module.address, digits: 8),
                String(hexadecimal: (module.size + 1023) / 1024, digits: 4),
                String(hexadecimal: module.info ?? module.address + module.size, digits: 8), "1".indented(to: 3),
                module.name,
            ]
            lines += fields.joined(separator: " ") + "\n"
        }
        return lines
    }
}
