import ArgumentParser
import Linking

/// The files and values of a command line, as modules.
struct LoadArguments {
    /// A module to be.
    struct Module {
        let name: String
        var files: [String] = []
        var parameters: [String] = []
        /// Whether one of its files is an object, not an archive.
        var hasObject = false
    }

    let modules: [Module]

    /// - Parameters:
    ///   - name: where there is one, all files are one module of that name.
    ///   - properties: values with types for the module, which is one then.
    ///   - wholeArchives: whether archives are taken with all their members; then one can be a module without an object.
    ///   - isArchive: tells archives from objects.
    init(
        _ arguments: [String], name: String?, properties: [String] = [], wholeArchives: Bool = false,
        isArchive: (String) -> Bool = ObjectFiles.isArchive
    ) throws {
        var modules: [Module] = []
        for argument in arguments {
            if Self.isParameter(argument) {
                guard !modules.isEmpty else {
                    throw ValidationError("'\(argument)' is a value for a variable, and no file stands before it")
                }
                modules[modules.count - 1].parameters.append(argument)
                continue
            }
            let isObject = !isArchive(argument)
            // One name makes one module; and an archive belongs to the object before it.
            let joins = name != nil || !isObject && modules.last?.hasObject == true
            if modules.isEmpty || !joins {
                modules.append(Module(name: name ?? ModuleSource.name(ofFile: argument)))
            }
            modules[modules.count - 1].files.append(argument)
            if isObject { modules[modules.count - 1].hasObject = true }
        }
        guard !modules.isEmpty else { throw ValidationError("name an object to load") }
        if !wholeArchives, let module = modules.first(where: { !$0.hasObject }) {
            throw ValidationError(
                "'\(module.files[0])' is an archive, and no object before it needs anything of it; give one, or --whole-archive"
            )
        }
        if !properties.isEmpty {
            guard modules.count == 1 else {
                throw ValidationError(
                    "-b, -i and --string are for one module; of several, write NAME:TYPE=VALUE behind its file")
            }
            modules[0].parameters += properties
        }
        self.modules = modules
    }

    /// A value `NAME=VALUE` of a property with its type.
    static func property(_ text: String, _ type: PropertyType) throws -> String {
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
            throw ValidationError("'\(text)' is no property: write NAME=VALUE")
        }
        return text[..<equals] + ":\(type.rawValue)" + text[equals...]
    }

    /// `NAME=VALUE` or `NAME:TYPE=VALUE` where NAME is one in C; a file's path that looks like it is written with `./`.
    static func isParameter(_ argument: String) -> Bool {
        guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex,
            Parameter(text: argument) != nil
        else { return false }
        let name = argument[..<equals].prefix { $0 != ":" }
        return !("0"..."9").contains(name[name.startIndex])
            && name.utf8.allSatisfy {
                $0 == UInt8(ascii: "_") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20)
            }
    }
}
