import ModlinkInterface
import Posix

/// Files that a user names.
enum ObjectFiles {
    /// Opens an object.
    static func open(_ path: String) throws(Failure) -> SharedDescriptor {
        let (file, isRegular) = try Failure.naming(path, .notAnObject) { () throws(SystemError) in
            let file = SharedDescriptor(try File.open(path, .read))
            let status = try File.status(file.descriptor, name: path)
            return (file, !status.isDirectory)
        }
        guard isRegular else { throw Failure(.notAnObject, subject: path, reason: "a directory, not an object") }
        return file
    }

    /// Writes to a path that the user has named.
    static func write(_ bytes: [UInt8], to path: String) throws(Failure) {
        try Failure.naming(path) { () throws(SystemError) in
            try File.writeOutput(path, bytes)
        }
    }
}
