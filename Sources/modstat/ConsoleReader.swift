import ModlinkInterface
import Posix
import ToolSupport

/// Prints the console of a space: what modules have printed, and what the daemon says about them.
enum ConsoleReader {
    static func print(_ directory: RuntimeDirectory, follows: Bool) throws(Failure) {
        let path = directory.console
        var file = try open(path)
        while true {
            try copy(file.descriptor, path)
            guard follows else { return }
            // Watched before the last look, so nothing that comes in between is missed.
            let watch = try Failure.naming(path) { () throws(SystemError) in try FileWatch(path: path) }
            try copy(file.descriptor, path)
            _ = try Failure.naming(path) { () throws(SystemError) in try watch.wait() }
            // A console that has grown too long begins anew: the rest of the old one first.
            try copy(file.descriptor, path)
            if try isReplaced(file.descriptor, path) { file = try open(path) }
        }
    }

    private static func open(_ path: String) throws(Failure) -> SharedDescriptor {
        try Failure.naming(path, .unavailable) { () throws(SystemError) in SharedDescriptor(try File.open(path, .read))
        }
    }

    private static func copy(_ file: borrowing Descriptor, _ path: String) throws(Failure) {
        while true {
            let bytes = try Failure.naming(path) { () throws(SystemError) in
                try File.readSome(file, maximum: 65536, name: path)
            }
            if bytes.isEmpty { return }
            ToolOutput.print(bytes)
        }
    }

    private static func isReplaced(_ file: borrowing Descriptor, _ path: String) throws(Failure) -> Bool {
        let own = try Failure.naming(path) { () throws(SystemError) in try File.status(file, name: path) }
        guard let named = try? File.status(path: path) else { return false }
        return named.inode != own.inode || named.device != own.device
    }
}
