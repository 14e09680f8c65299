import ObjectModel

extension Draft {
    /// Finds out what the module wants to be called, and keeps those names to the module.
    ///
    /// Also kept are names that each program and each module of Linux has one of: several of them lie in one space.
    ///
    /// An entry that was named is one of the classic kind. Else MODULE() is looked for (NetBSD module(9)), `init_module` (Linux
    /// modules(2)), `xxxinit`, and the object's file name with `_lkmentry` (NetBSD modload(8)).
    mutating func chooseEntry(_ problems: inout ProblemList) {
        for name in Self.ownNames {
            if let index = definitions.find(name) { definitions[index].isPrivate = true }
        }
        if let name = source.entryName, name != "init_module" {
            guard let index = function(name) else {
                problems.add(source.name, "entry '\(name)'", "no function of that name in the module")
                return
            }
            setClassic(name, index)
        } else if source.entryName == nil, chooseDeclaration(&problems) {
            return
        } else if let initialize = function("init_module") {
            entry = .linux(initialize: initialize, cleanup: function("cleanup_module"))
        } else if source.entryName != nil {
            problems.add(source.name, "entry 'init_module'", "no function of that name in the module")
        } else if let index = function("xxxinit") {
            setClassic("xxxinit", index)
        } else if definesClassicEntry {
            for stem in [source.name] + objects.map({ Self.stem($0.name) }) {
                let name = stem + "_lkmentry"
                for name in [name, name.replacingHyphens] {
                    guard let index = function(name) else { continue }
                    setClassic(name, index)
                    return
                }
            }
            refuseEntryOfOtherFile(&problems)
        }
    }

    private static let ownNames = [
        "init_module", "cleanup_module", "xxxinit", "mod_use_count_", "__this_module", "__dso_handle", "_init", "_fini",
    ]

    /// A module whose file has been renamed would be loaded, and its entry never be called.
    private func refuseEntryOfOtherFile(_ problems: inout ProblemList) {
        for (object, survey) in zip(objects, surveys) where survey.traits.contains(.classicEntry) {
            for symbol in survey.definitions {
                let name = object.symbols[Int(symbol.symbol)].name
                guard nameEnds(object.bytes, name, with: "_lkmentry"), function(object.text(name)) != nil else {
                    continue
                }
                problems.add(
                    source.name, "entry '\(source.name.replacingHyphens)_lkmentry'",
                    "no function of that name, but \(object.text(name)): a file of another name is meant; name it with -e \(object.text(name))"
                )
                return
            }
        }
    }

    /// Looks for MODULE(); such a module has a use count whether it counts itself or not, so that others can hold it.
    private mutating func chooseDeclaration(_ problems: inout ProblemList) -> Bool {
        guard surveys.contains(where: { $0.traits.contains(.declaration) }) else { return false }
        do throws(Problem) {
            guard let found = try source.findDeclaration() else { return false }
            declaration = found
            entry = .module
        } catch {
            problems.add(error.subject, error.place, error.reason)
        }
        return true
    }

    /// Whether any name ends as an entry named after a file does: of a library's thousand members hardly ever one.
    private var definesClassicEntry: Bool {
        surveys.contains { $0.traits.contains(.classicEntry) }
    }

    private mutating func setClassic(_ name: String, _ index: Int) {
        definitions[index].isPrivate = true
        entry = .classic(name: name, definition: index)
        let output = outputs.output(named: ".bss", rank: .zeroes)
        if let offset = outputs.append(256, alignment: 16, to: output) {
            classicTable = Placement(output: UInt32(output), offset: offset)
        }
    }

    /// A definition that is in code.
    private func function(_ name: String) -> Int? {
        guard let index = definitions.find(name) else { return nil }
        let object = objects[definitions[index].object]
        guard case .section(let section) = object.symbols[definitions[index].symbol].place,
            object.sections[Int(section)].protection.contains(.execute)
        else { return nil }
        return index
    }

    /// A file's name without folders, and without `.o`, `.ko` or `.a` and that of a compressed one; of `libgurka.a(slice.o)` that of the member.
    static func stem(_ path: String) -> String {
        var path = path[...]
        if path.last == ")", let open = path.lastIndex(of: "(") { path = path[path.index(after: open)...].dropLast() }
        let name = withoutCompression(path.split(separator: "/").last ?? path)
        guard let ending = [".o", ".a", ".ko"].first(where: { name.hasSuffix($0) }) else { return String(name) }
        return String(name.dropLast(ending.count))
    }

    /// The address of the function that MODULE() names.
    private var commandAddress: UInt64? {
        guard let found = declaration else { return nil }
        let symbol = objects[found.object].symbols[Int(found.command.symbol)]
        let address =
            address(object: found.object, symbol: Int(found.command.symbol))
            ?? definitions.find(objects[found.object].text(symbol.name)).map(address(definition:))
        return address.map { $0 &+ UInt64(bitPattern: found.command.addend) }
    }

    /// The entry with its addresses.
    var entryPoint: EntryPoint {
        switch entry {
        case .none: .none
        case .module: commandAddress.map { .module(command: $0) } ?? .none
        case .linux(let initialize, let cleanup):
            .linux(initialize: address(definition: initialize), cleanup: cleanup.map(address(definition:)))
        case .classic(let name, let definition):
            .classic(name: name, entry: address(definition: definition), table: classicTable.map(address) ?? 0)
        }
    }

    /// The address of the module's use counter.
    var useCountAddress: UInt64? {
        if let useCount { return address(useCount) }
        return definitions.find("mod_use_count_").map(address(definition:))
    }
}

extension String {
    /// Whether it is a name in C: only then can `__start_NAME` be written there.
    var isIdentifier: Bool {
        guard let first = utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return false }
        return utf8.allSatisfy {
            $0 == UInt8(ascii: "_") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20)
        }
    }

    fileprivate var replacingHyphens: String {
        String(map { $0 == "-" ? "_" : $0 })
    }
}
