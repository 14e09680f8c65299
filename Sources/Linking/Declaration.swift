import ObjectModel
import Relocation

// What an object says of itself with MODULE() (NetBSD module(9)): its section `link_set_modules` has one pointer, to a structure of
// the object, with pointers in turn. All of them are relocations: nothing has an address yet.
//
// ```
// typedef struct modinfo {
//     u_int mi_version; modclass_t mi_class; int (*mi_modcmd)(modcmd_t, void *); const char *mi_name, *mi_required;
// } modinfo_t;
// ```

/// What a module says of itself with MODULE().
public struct ModuleDeclaration: Sendable, Equatable {
    /// Its name.
    public var name: String
    /// What it is, as `modclass_t` numbers it: `className`.
    public var moduleClass: UInt32
    /// The modules that have to be there first, in the order in which they are named.
    public var required: [String]

    /// `__NetBSD_Version__` of the headers that modules include.
    public static let version: UInt32 = 500_000_000

    /// Makes the declaration of a module.
    public init(name: String, moduleClass: UInt32, required: [String]) {
        self.name = name
        self.moduleClass = moduleClass
        self.required = required
    }

    /// The name of its class, as NetBSD's modstat(8) prints it.
    public var className: String {
        let names = ["any", "misc", "vfs", "driver", "exec", "secmodel", "bufq"]
        return Int(moduleClass) < names.count ? names[Int(moduleClass)] : "\(moduleClass)"
    }
}

/// A declaration, and where the function is that it names: relative to a symbol of an object.
struct FoundDeclaration {
    let declaration: ModuleDeclaration
    let object: Int
    let command: RelocationEntry
}

extension ModuleSource {
    /// The modules that MODULE() says have to be there first. None where it is not in order: linking tells.
    public var requiredModules: [String] {
        (try? findDeclaration())?.declaration.required ?? []
    }

    /// What MODULE() calls the module, if it has one.
    public var declaredName: String? {
        (try? findDeclaration())?.declaration.name
    }

    /// Its MODULE(), if it has one.
    func findDeclaration() throws(Problem) -> FoundDeclaration? {
        var place: (object: Int, section: Int)?
        var count: UInt64 = 0
        for index in objects.indices where objects[index].describesModule {
            let object = objects[index]
            for (number, section) in object.sections.enumerated()
            where object.isDeclaration(section) {
                let words = section.size / object.architecture.pointerSize
                if place == nil, words > 0 { place = (index, number) }
                count = count.addingReportingOverflow(words).partialValue
            }
        }
        guard let place else { return nil }
        let object = objects[place.object]
        guard count == 1 else {
            throw Problem(
                subject: object.name, place: "section 'link_set_modules'",
                reason: "names \(count) modules: MODULE() stands once in a module")
        }
        return try object.declaration(in: place.section, index: place.object, anyVersion: keepsDuplicatesPrivate)
    }
}

extension Object {
    /// Whether a section points to what MODULE() says.
    func isDeclaration(_ section: Section) -> Bool {
        section.isAllocated && section.name.count == 16 && nameBegins(bytes, section.name, with: "link_set_modules")
    }

    /// Reads the structure that the first word of a section points to.
    ///
    /// - Parameter anyVersion: whether it may be of another release (`modload -f`).
    fileprivate func declaration(in section: Int, index: Int, anyVersion: Bool) throws(Problem) -> FoundDeclaration {
        func problem(_ reason: String) -> Problem {
            Problem(subject: name, place: "section 'link_set_modules'", reason: reason)
        }
        guard let start = target(of: section, 0) else { throw problem("does not point to a structure of the object") }
        let word = architecture.pointerSize
        guard let version = number(start.section, start.offset), let kind = number(start.section, start.offset + 4)
        else {
            throw problem("points to what is no structure with a version and a class")
        }
        // The kernels' rule: versions of one release go together.
        let distance = max(version, ModuleDeclaration.version) - min(version, ModuleDeclaration.version)
        guard distance < 10000 || anyVersion else {
            throw problem(
                "made for version \(version) of NetBSD's interface, not \(ModuleDeclaration.version): compile it with the headers of modlink, or load it as it is with -f (EPROGMISMATCH)"
            )
        }
        guard let command = pointer(of: start.section, start.offset + 8) else { throw problem("names no function") }
        guard let name = string(start.section, start.offset + 8 + word), !name.isEmpty else {
            throw problem("names no module")
        }
        let place = start.offset + 8 + 2 * word
        var required: [String] = []
        if pointer(of: start.section, place) != nil {
            guard let names = string(start.section, place) else {
                throw problem("the names of required modules are no text of the object")
            }
            for name in names.split(separator: ",") where !required.contains(String(name)) {
                required.append(String(name))
            }
        }
        guard !required.contains(name) else { throw problem("module '\(name)' requires itself (EDEADLK)") }
        return FoundDeclaration(
            declaration: ModuleDeclaration(name: name, moduleClass: kind, required: required), object: index,
            command: command)
    }

    /// The relocation that makes a place a pointer.
    private func pointer(of section: Int, _ offset: UInt64) -> RelocationEntry? {
        let kind =
            switch architecture {
            case .x86_64: X86_64.Kind.absolute64.rawValue
            case .i386: I386.Kind.absolute32.rawValue
            }
        return relocations[sections[section].relocations].first { $0.offset == offset && $0.kind == kind }
    }

    /// The place in a section of this object that a pointer points to.
    private func target(of section: Int, _ offset: UInt64) -> (section: Int, offset: UInt64)? {
        guard let pointer = pointer(of: section, offset), case .section(let other) = symbols[Int(pointer.symbol)].place
        else {
            return nil
        }
        let place = symbols[Int(pointer.symbol)].value &+ UInt64(bitPattern: pointer.addend)
        return place < sections[Int(other)].size ? (Int(other), place) : nil
    }

    /// The number of 4 bytes at a place.
    func number(_ section: Int, _ offset: UInt64) -> UInt32? {
        guard let rest = contents(section, offset), rest.count >= 4 else { return nil }
        return rest.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The text that a pointer at a place points to, as people may read it.
    func string(_ section: Int, _ offset: UInt64) -> String? {
        guard let start = target(of: section, offset), let rest = contents(start.section, start.offset),
            let end = rest.firstIndex(of: 0)
        else { return nil }
        return text(NameRange(offset: UInt32(rest.startIndex), count: UInt32(end - rest.startIndex)))
    }

    /// The bytes of a section from an offset on.
    private func contents(_ section: Int, _ offset: UInt64) -> ArraySlice<UInt8>? {
        let facts = sections[section]
        guard facts.kind == .contents, offset < facts.size else { return nil }
        return bytes[facts.contentsOffset + Int(offset)..<facts.contentsOffset + Int(facts.size)]
    }
}
