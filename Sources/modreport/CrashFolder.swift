import CrashReport
import ELFFormat
import ModlinkInterface
import ObjectModel
import Posix

/// A crash's folder as it is read: what of it is there.
struct CrashFolder {
    let path: String
    let fault: CrashFault
    let modules: CrashModules
    let core: CoreMemory?
    /// What is missing, and why.
    private(set) var notes: [String] = []

    private static let recordLimit = 64 << 20

    /// Reads a folder.
    init(path: String) {
        self.path = path
        var notes: [String] = []
        fault = Self.read(path, "fault.json", &notes) ?? CrashFault()
        modules = Self.read(path, "modules.json", &notes) ?? CrashModules()
        core = Self.core(path, fault.coreProblem, &notes)
        self.notes = notes + (core?.file.problems.map(\.description) ?? [])
    }

    private static func read<Value: Decodable>(_ path: String, _ name: String, _ notes: inout [String]) -> Value? {
        do throws(SystemError) {
            let bytes = try File.read(path: path + "/" + name, limit: recordLimit)
            if let value = CrashJSON.decode(Value.self, bytes) { return value }
            notes.append("\(name): not what a daemon writes")
        } catch {
            notes.append("\(name): \(error.reason)")
        }
        return nil
    }

    private static func core(_ path: String, _ problem: String?, _ notes: inout [String]) -> CoreMemory? {
        let file: PartialFile
        do throws(SystemError) {
            file = try PartialFile(path: path + "/core", name: "core")
        } catch {
            notes.append("core: \(problem ?? error.reason)")
            return nil
        }
        do throws(Problem) {
            return CoreMemory(try CoreFile(file))
        } catch {
            notes.append(error.description)
            return nil
        }
    }

    /// The number of the crash, which is the folder's name.
    var number: Int? { path.split(separator: "/").last.flatMap { Int($0) } }
}
