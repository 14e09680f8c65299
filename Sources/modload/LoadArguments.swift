import ArgumentParser
import Linking

/// The files and values of a command line, as modules.
struct LoadArguments {
    /// A module to be.
    struct Module {
        let name: String
        var files: [String]
        var parameters: [String]
    }

    let modules: [Module]

    /// - Parameter name: where there is one, all files are one module of that name.
    init(_ arguments: [String], name: String?) throws {
        var modules: [Module] = []
        for argument in arguments {
            if Self.isParameter(argument) {
                guard !modules.isEmpty else {
                    throw ValidationError("'\(argument)' is a value for a variable, and no file stands before it")
                }
                modules[modules.count - 1].parameters.append(argument)
            } else if name != nil, !modules.isEmpty {
                modules[0].files.append(argument)
            } else {
                modules.append(
                    Module(name: name ?? ModuleSource.name(ofFile: argument), files: [argument], parameters: []))
            }
        }
        guard !modules.isEmpty else { throw ValidationError("name an object to load") }
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
