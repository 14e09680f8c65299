import ModlinkInterface
import ToolSupport

/// Modules as text.
enum ModuleListing {
    /// A line a module under a line of titles.
    static func table(_ modules: [ModuleInformation]) -> String {
        var table = TextTable([
            ("ID", .right), ("NAME", .left), ("STATE", .left), ("REFS", .right), ("SIZE", .right), ("ADDRESS", .left),
            ("USED BY", .left),
        ])
        for module in modules {
            table.add([
                "\(module.id)", module.name, module.state + (module.autoclean ? " (autoclean)" : ""),
                "\(module.references)", "\(module.size)", "0x" + String(module.address, radix: 16),
                module.usedBy.isEmpty ? "-" : module.usedBy.joined(separator: ", "),
            ])
        }
        return table.text
    }

    /// The lines of NetBSD's modstat(8): `%-7s %3d %3ld %0*lx %04lx %0*lx %3ld %s`, sizes in KiB. All modules are of the type
    /// MISC, at offset 0; Info is where their image ends, since none has an information structure.
    static func classic(_ modules: [ModuleInformation]) -> String {
        var lines = "Type    Id  Off Loadaddr Size Info     Rev Module Name\n"
        for module in modules {
            let fields = [
                "MISC".padded(to: -7), "\(module.id)".padded(to: 3), "0".padded(to: 3), hexadecimal(module.address, 8),
                hexadecimal((module.size + 1023) / 1024, 4), hexadecimal(module.address + module.size, 8),
                "1".padded(to: 3), module.name,
            ]
            lines += fields.joined(separator: " ") + "\n"
        }
        return lines
    }

    private static func hexadecimal(_ value: Int, _ width: Int) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

extension String {
    /// Filled with spaces on the left; on the right for a negative width, as printf(3) does.
    fileprivate func padded(to width: Int) -> String {
        let padding = String(repeating: " ", count: max(0, abs(width) - count))
        return width < 0 ? self + padding : padding + self
    }
}
