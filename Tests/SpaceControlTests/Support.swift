import ObjectModel
import Posix
import SpaceControl
import TestSupport

/// A running space, and the end of its console that tests read.
struct TestSpace: ~Copyable {
    var space: Space
    private let console: Descriptor

    init(_ architecture: Architecture = .x86_64) throws {
        let pipe = try DescriptorPair.pipe()
        let reader = pipe.first
        let output = pipe.second
        try reader.setNonblocking(true)
        space = try Space.start(executable: try SpaceProgram.path(architecture), console: output)
        console = reader
    }

    /// What has been printed since the last look.
    func printed() throws -> String {
        do {
            return String(decoding: try File.readSome(console, maximum: 1 << 16), as: UTF8.self)
        } catch let error where error.code == ErrorCode.tryAgain {
            return ""
        }
    }

    /// Calls a function, which has to fail, and returns the error.
    mutating func failure(
        calling function: UInt64, arguments: [UInt64] = [], timeout: Duration? = nil
    ) throws -> SpaceError {
        do throws(SpaceError) {
            let result = try space.call(function, arguments, timeout: timeout)
            throw SpaceError.protocolViolation(.call, "returned \(result)")
        } catch {
            return error
        }
    }

    /// Maps the image, and returns the addresses of its symbols.
    mutating func load(_ image: Image) throws -> Symbols {
        try space.map(image: image.file.descriptor, segments: image.segments)
        return image.symbols
    }
}

/// The description of what the body throws, or "no error".
func message(_ body: () throws(SpaceError) -> Void) -> String {
    do throws(SpaceError) {
        try body()
        return "no error"
    } catch {
        return error.description
    }
}

/// Addresses by name.
struct Symbols: Sendable {
    let addresses: [String: UInt64]

    /// A missing name is address 1, which nothing that is tested has.
    subscript(name: String) -> UInt64 { addresses[name] ?? 1 }

    /// What nm(1) says of a file.
    init(of path: String) throws {
        var addresses: [String: UInt64] = [:]
        for line in try Tool.output("nm", [path]).split(separator: "\n") {
            let fields = line.split(separator: " ")
            if fields.count == 3, let address = UInt64(fields[0], radix: 16) {
                addresses[String(fields[2])] = address
            }
        }
        self.addresses = addresses
    }
}

extension SpaceEvents {
    /// The next event; nil when the space has ended, or what came is none.
    func next() -> SpaceEvent? {
        guard case .event(let event) = nextMessage() else { return nil }
        return event
    }
}
