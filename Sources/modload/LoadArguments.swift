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
    ///   - wholeArchives: whether archives are taken with all their members; then one can be a module without an object.
    ///   - isArchive: tells archives from objects.
    init(
        _ arguments: [String], name: String?, wholeArchives: Bool = false,
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
        self.modules = modules
    }

    /// `NAME=VALUE` where NAME is one in C; a file's path that looks like it is written with `./`.
    static func isParameter(_ argument: String) -> Bool {
        guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex else { return false }
        let name = argument[..<equals]
        return !("0"..."9").contains(name[name.startIndex])
            && name.utf8.allSatisfy {
                $0 == UInt8(ascii: "_") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20)
            }
    }
}
