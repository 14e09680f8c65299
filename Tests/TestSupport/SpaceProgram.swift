import ObjectModel
import Posix

/// The program that is a space.
public enum SpaceProgram {
    /// Where that of a machine is: MODLINK_SPACE, or beside the program that runs the tests; both with the machine's name behind for
    /// other machines than x86-64.
    public static func path(_ architecture: Architecture = .x86_64) throws -> String {
        let suffix = architecture == .x86_64 ? "" : "-" + architecture.name
        if let path = Environment.value("MODLINK_SPACE") { return path + suffix }
        let program = try CurrentProcess.executable()
        let path = program.split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/modspace" + suffix
        guard (try? File.status(path: path)) != nil else {
            throw ToolFailure(
                description: "\(path): missing; run Scripts/build-space on its directory, or set MODLINK_SPACE")
        }
        return path
    }
}
