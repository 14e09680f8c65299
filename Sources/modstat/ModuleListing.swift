import ModlinkInterface
import ToolSupport

/// Modules as text: a line a module under a line of titles, made as the modules come.
struct ModuleListing {
    private var table = TextTable([
        ("ID", .right), ("NAME", .left), ("SPACE", .left), ("TYPE", .left), ("SLOT", .right), ("STATE", .left),
        ("REFS", .right), ("SIZE", .right), ("ADDRESS", .left), ("USED BY", .left),
    ])
    /// The columns of the space, and of type and slot.
    private static let spaceColumn = 2
    private static let typeColumns = [3, 4]
    private var showsTypes = false

    /// Adds modules.
    mutating func add(_ modules: [ModuleInformation]) {
        for module in modules { add(module) }
    }

    private mutating func add(_ module: ModuleInformation) {
        table.add(module.id)
        table.add(module.name)
        table.add(module.space)
        if let type = module.type {
            showsTypes = true
            table.add(type)
        } else {
            table.add("-")
        }
        if let offset = module.offset { table.add(offset) } else { table.add("-") }
        table.add(module.state + (module.dependency ? " (dependency)" : module.autoclean ? " (autoclean)" : ""))
        table.add(module.references)
        table.add(module.size)
        table.add(module.address, radix: 16, prefix: "0x")
        table.add(Self.users(of: module))
    }

    /// The lines. There are columns for types and slots where a module has one.
    ///
    /// - Parameter showsSpaces: whether there is a column that says in which space each module is.
    mutating func text(showsSpaces: Bool = false) -> [UInt8] {
        table.hidden = showsTypes ? [] : Set(Self.typeColumns)
        if !showsSpaces { table.hidden.insert(Self.spaceColumn) }
        return table.utf8
    }

    /// Who uses a module; of one that nobody has initialized yet, who has made it.
    private static func users(of module: ModuleInformation) -> String {
        var users = module.usedBy
        if let owner = module.owner, module.state == "uninitialized" {
            users.append("process \(owner.process) of user \(owner.user)")
        }
        return users.count == 1 ? users[0] : users.isEmpty ? "-" : users.joined(separator: ", ")
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
