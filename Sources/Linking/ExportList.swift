import ObjectModel

// What a module exports when it says so itself: a section `__ksymtab` (or `__ksymtab_gpl`, or the `___ksymtab+NAME` of Linux before it
// is linked) has the addresses of functions and variables. Which ones, its relocations tell: a text beside each has the name, but that is
// in a section of its own and local. The section of no bytes is a list too: of nothing.

extension Draft {
    /// Keeps to the module what is not in its list, if it has one. Members of archives have no say.
    mutating func applyExportList() {
        var listed: [Int]?
        for (number, object) in objects.prefix(source.firstMember ?? objects.count).enumerated()
        where surveys[number].traits.contains(.exportList) {
            for section in object.sections where section.isAllocated && Self.isExportList(section, of: object) {
                if listed == nil { listed = [] }
                guard !Self.isKernelModule(section, of: object) else { continue }
                for relocation in object.relocations[section.relocations] {
                    let symbol = Int(relocation.symbol)
                    guard object.symbols[symbol].binding != .local else { continue }
                    let own = Int(definitionIndices[number, symbol])
                    let found =
                        own >= 0
                        ? own
                        : definitions.find(
                            object.bytes, object.symbols[symbol].name, hash: hashes[number, symbol])
                    if let found { listed?.append(found) }
                }
            }
        }
        guard let listed else { return }
        for index in definitions.indices { definitions[index].isPrivate = true }
        for index in listed { definitions[index].isPrivate = false }
    }

    /// Whether a section tells that a kernel's build has made the module (Linux 2.6 and later, `struct module __this_module`): what such
    /// a module does not list it does not export.
    private static func isKernelModule(_ section: Section, of object: Object) -> Bool {
        section.name.count == 25 && nameBegins(object.bytes, section.name, with: ".gnu.linkonce.this_module")
    }

    static func isExportList(_ section: Section, of object: Object) -> Bool {
        if isKernelModule(section, of: object) { return true }
        guard nameBegins(object.bytes, section.name, with: "__") else { return false }
        if nameBegins(object.bytes, section.name, with: "___ksymtab") { return true }
        return nameBegins(object.bytes, section.name, with: "__ksymtab")
            && !nameBegins(object.bytes, section.name, with: "__ksymtab_strings")
    }
}
