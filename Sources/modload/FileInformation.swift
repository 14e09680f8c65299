import Linking
import ModlinkInterface
import ModulePath
import ObjectFormats
import ObjectModel
import Posix
import ToolSupport

/// What a file says of itself as a module, as modinfo(8) has it: read from the file alone.
struct FileInformation: Encodable {
    /// One thing that it says.
    struct Field: Encodable, Equatable {
        let name: String
        let value: String
    }

    /// The fields, in the order in which they are printed; some may be there several times.
    private(set) var fields: [Field] = []

    // MARK: Reading

    /// What files, or modules of the module path, say: one value for each object; several for an archive.
    static func all(_ arguments: [String]) throws(Failure) -> [FileInformation] {
        var all: [FileInformation] = []
        for argument in arguments {
            let path =
                ObjectFiles.isModuleName(argument)
                ? try ModuleFolders.find(argument, in: try ModuleFolders.own()) : argument
            let file = try ObjectFiles.open(path)
            let bytes = try Failure.naming(path, .notAnObject) { () throws(SystemError) in
                try File.readAll(file.descriptor, name: path, limit: ObjectFiles.sizeLimit)
            }
            do throws(Problem) {
                switch try LinkerInput(bytes, name: path) {
                case .object(let object):
                    all.append(FileInformation(object, format: format(of: object.fileBytes)))
                case .archive(let archive):
                    for member in archive.members.indices {
                        let object = try ObjectReader.member(member, of: archive)
                        all.append(
                            FileInformation(object, format: "\(format(of: object.fileBytes)), in an archive"))
                    }
                }
            } catch {
                throw Failure(.notAnObject, [error])
            }
        }
        return all
    }

    private static func format(of bytes: some Collection<UInt8>) -> String {
        bytes.starts(with: [0x7f, UInt8(ascii: "E"), UInt8(ascii: "L"), UInt8(ascii: "F")]) ? "ELF" : "a.out"
    }

    private init(_ object: Object, format: String) {
        add("filename", object.name)
        add("format", format)
        add("machine", object.architecture.name)
        let lines = object.informationLines().map { (object.text($0.key), object.text($0.value)) }
        let parameters = DeclaredParameter.all(of: [object])
        for (key, value) in lines where !Self.isOfParameter(key) { add(key, value) }
        let source = ModuleSource(name: ModuleSource.name(ofFile: object.name), objects: [object])
        if let name = source.declaredName, !lines.contains(where: { $0.0 == "name" }) { add("name", name) }
        if !source.requiredModules.isEmpty { add("requires", source.requiredModules.joined(separator: ",")) }
        if let identifier = Self.buildID(of: object) { add("build-id", identifier) }
        add("entry", Self.entry(of: object, source))
        for parameter in parameters {
            add("parm", "\(parameter.name):\(parameter.description ?? "") (\(parameter.type))")
        }
    }

    private mutating func add(_ name: String, _ value: String) {
        fields.append(Field(name: name, value: value))
    }

    private static func isOfParameter(_ key: String) -> Bool {
        ["parm", "parmtype"].contains(key) || key.hasPrefix("parm_")
    }

    /// What would be called.
    private static func entry(of object: Object, _ source: ModuleSource) -> String {
        if let name = source.declaredName { return "MODULE(\(name))" }
        let wanted = ["init_module", "cleanup_module", "xxxinit", "main"]
        var found = Set<String>()
        var classic: String?
        for symbol in object.symbols where symbol.place != .undefined && symbol.binding != .local {
            let name = object.text(symbol.name)
            if wanted.contains(name) { found.insert(name) }
            if name.hasSuffix("_lkmentry") { classic = name }
        }
        if found.contains("init_module") {
            return found.contains("cleanup_module") ? "init_module, cleanup_module" : "init_module"
        }
        if found.contains("xxxinit") { return "xxxinit" }
        if let classic { return classic }
        let arrays = [".init_array", ".fini_array", ".ctors", ".dtors"]
        let constructs = object.sections.contains { section in
            arrays.contains { object.text(section.name) == $0 || object.text(section.name).hasPrefix($0 + ".") }
        }
        if constructs { return "constructors and destructors" }
        return found.contains("main") ? "none; main is not called" : "none"
    }

    /// The build ID that a note in the object has (`NT_GNU_BUILD_ID`): only what has been linked once has one.
    private static func buildID(of object: Object) -> String? {
        guard
            let section = object.sections.first(where: { object.hasContents($0, named: ".note.gnu.build-id") }),
            section.size > 16, section.size <= 16 + 64
        else { return nil }
        let start = section.contentsOffset
        return object.bytes[(start + 16)..<(start + Int(section.size))].map { String(hexadecimal: $0, digits: 2) }
            .joined()
    }

    // MARK: Printing

    /// A line a field, `NAME:` and the value in a column; or, of one field, its values alone.
    static func text(_ all: [FileInformation], field: String?) -> String {
        all.map { information in
            information.fields.map { line in
                guard let field else { return "\((line.name + ":").filled(to: 15)) \(line.value)\n" }
                return line.name == field ? line.value + "\n" : ""
            }.joined()
        }.joined()
    }

    /// As JSON: an object with the names of the fields, each with all its values.
    func encode(to encoder: any Encoder) throws {
        let values = Dictionary(grouping: fields, by: \.name).mapValues { $0.map(\.value) }
        try values.encode(to: encoder)
    }
}
