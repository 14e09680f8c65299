import ObjectModel

// What a classic module is called: its MOD_MISC() or other macro of NetBSD's sys/lkm.h has defined a static structure `_module`, which begins
//
// ```
// struct lkm_any { MODTYPE lkm_type; const char *lkm_name; ... };
// ```

extension ModuleSource {
    /// Calls the module by what it says itself in MOD_MISC() and its like, if it does: NetBSD's modstat(8) and modunload(8) know it by that. Its
    /// file's name is kept as another.
    public mutating func takeClassicName() {
        guard let name = classicName, name != self.name else { return }
        fileName = self.name
        self.name = name
    }

    /// The name in its MOD_MISC() or the like; nil where there is none, where that cannot be a module's name, and where the module is of
    /// another kind.
    public var classicName: String? {
        guard entryName != "init_module" else { return nil }
        for object in objects[..<(firstMember ?? objects.count)] {
            guard let name = object.classicName else { continue }
            return entryName != nil || object.hasClassicEntry ? name : nil
        }
        return nil
    }
}

extension Object {
    /// The longest name, MAXLKMNAME without the zero byte.
    private static var longestName: Int { 31 }
    /// How many types there are: LM_DRV is the last.
    private static var typeCount: UInt32 { 8 }

    fileprivate var classicName: String? {
        for symbol in symbols where symbol.name.count == 7 && nameBegins(bytes, symbol.name, with: "_module") {
            guard case .section(let section) = symbol.place, symbol.binding == .local,
                let type = number(Int(section), symbol.value), type < Self.typeCount,
                let name = string(Int(section), symbol.value &+ architecture.pointerSize)
            else { continue }
            return Self.isUsable(name) ? name : nil
        }
        return nil
    }

    /// Whether modload(8) finds an entry in it without being told. One of Linux or of MODULE() goes before.
    fileprivate var hasClassicEntry: Bool {
        guard !symbols.contains(where: { $0.name.count == 11 && nameBegins(bytes, $0.name, with: "init_module") })
        else { return false }
        guard !sections.contains(where: isDeclaration) else { return false }
        return symbols.contains { symbol in
            symbol.name.count == 7 && nameBegins(bytes, symbol.name, with: "xxxinit")
                || nameEnds(bytes, symbol.name, with: "_lkmentry")
        }
    }

    /// Letters, digits and a few more: it becomes the name of a file.
    private static func isUsable(_ name: String) -> Bool {
        guard let first = name.utf8.first, first != UInt8(ascii: "."), first != UInt8(ascii: "-"),
            name.utf8.count <= longestName
        else { return false }
        return name.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || "_-+.".utf8.contains(byte)
        }
    }
}
