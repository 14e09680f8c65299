import ModlinkInterface
import ModuleIndex
import ObjectModel
import Posix

/// The folders that modules are found in.
public enum ModuleFolders {
    /// The variable that names them, with colons between them.
    public static let variable = "MODLINK_PATH"

    /// The folders that the environment names, absolute; nil when it names none and the installed ones are meant. A variable that is
    /// set and empty means no folder.
    public static func named() throws(Failure) -> [String]? {
        guard let text = Environment.value(variable) else { return nil }
        return try folders(in: text) { () throws(Failure) in
            try Failure.naming(variable, .usage) { () throws(SystemError) in try CurrentProcess.directory() }
        }
    }

    /// The folders of a text with colons between them.
    ///
    /// - Parameter directory: gives the one that relative ones start from.
    static func folders(in text: String, directory: () throws(Failure) -> String) throws(Failure) -> [String] {
        var folders: [String] = []
        for part in text.split(separator: ":") {
            let path = part.hasPrefix("/") ? String(part) : try directory() + "/" + part
            let folder = normal(path)
            if !folders.contains(folder) { folders.append(folder) }
        }
        return folders
    }

    /// The folders of this process: those that its environment names, else the installed ones.
    public static func own() throws(Failure) -> [String] {
        if let named = try named() { return named }
        return installed(
            user: User.effective, executable: (try? CurrentProcess.executable()) ?? "", variable: Environment.value)
    }

    /// Where modules are installed: for users other than root their own folder of the XDG Base Directory Specification, then
    /// `lib/modlink/modules` of the prefix that the program is installed under.
    static func installed(user: UInt32, executable: String, variable: (String) -> String?) -> [String] {
        var folders: [String] = []
        if user != 0 {
            if let data = variable("XDG_DATA_HOME"), data.hasPrefix("/") {
                folders.append(normal(data + "/modlink/modules"))
            } else if let home = variable("HOME"), home.hasPrefix("/") {
                folders.append(normal(home + "/.local/share/modlink/modules"))
            }
        }
        var prefix = executable.split(separator: "/").dropLast()
        // PREFIX/sbin/modlinkd, or PREFIX/libexec/modlink/modlinkd.
        if prefix.suffix(2) == ["libexec", "modlink"] { prefix = prefix.dropLast() }
        folders.append("/" + (prefix.dropLast() + ["lib", "modlink", "modules"]).joined(separator: "/"))
        return folders
    }

    /// Without needless slashes and dots.
    private static func normal(_ path: String) -> String {
        "/" + path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    }

    /// The modules' files in a folder and those below it, by paths relative to it; none where it cannot be read.
    public static func files(in folder: String) -> [String] {
        (try? FolderTree(folder))?.files ?? []
    }

    /// The path of a module's file: the first in the folders and those below them. `-` and `_` mean the same (modprobe(8)).
    public static func find(_ module: String, in folders: [String]) throws(Failure) -> String {
        let key = ModuleFile.key(module)
        var places: [String] = []
        for folder in folders {
            let files: [String]
            do throws(SystemError) {
                files = try FolderTree(folder).files
            } catch {
                places.append("\(folder) (\(error.code == ErrorCode.noSuchFile ? "missing" : errorName(error.code)))")
                continue
            }
            places.append(folder)
            let found = files.filter { ModuleFile.key(ModuleFile.module($0)) == key }
            if let name = found.first(where: { ModuleFile.module($0) == module }) ?? found.first {
                return folder + "/" + name
            }
        }
        let reason =
            folders.isEmpty
            ? "no such file, and \(variable) names no folder"
            : "no such file, nor a module in \(places.joined(separator: ", "))"
        throw Failure(.noSuchModule, subject: module, reason: "\(reason) (ENOENT)")
    }
}
