import ObjectModel
import Posix

/// A daemon that did not end by itself: its process number and the images of its modules are still there, and it is not. A daemon that ends
/// takes them away, and the next one that starts does.
public struct KilledDaemon: Sendable, Equatable, CustomStringConvertible {
    /// Its process number.
    public let process: Int32
    /// The names of the modules that were loaded.
    public let modules: [String]

    /// What is left in a runtime directory by a daemon that was killed; nil when nothing is.
    public init?(_ directory: RuntimeDirectory) {
        guard let bytes = try? File.read(path: directory.process, limit: 64),
            let process = Int32(String(decoding: bytes.filter { $0 != UInt8(ascii: "\n") }, as: UTF8.self)),
            // It still runs, and only its socket has gone.
            !(ProcessFiles.isRunning(process) && ProcessFiles.programName(of: process) == "modlinkd")
        else { return nil }
        self.process = process
        modules = ((try? File.list(directory.images)) ?? []).filter { !$0.hasPrefix(".") }
    }

    /// `modlinkd 4711 was killed; lost with it: gurka, tomat`.
    public var description: String {
        let names = modules.map(Self.safe).joined(separator: ", ")
        return "modlinkd \(process) was killed" + (names.isEmpty ? "" : "; lost with it: \(names)")
    }

    /// The folder may have been written by anyone who may write there.
    private static func safe(_ name: String) -> String {
        let bytes = Array(name.utf8)
        return printable(bytes, NameRange(offset: 0, count: UInt32(truncatingIfNeeded: bytes.count)))
    }
}
