import ObjectModel
import Posix
import SpaceControl
import Testing

/// A running space, and the end of its console that tests read.
struct TestSpace: ~Copyable {
    var space: Space
    private let console: Descriptor

    init(_ architecture: Architecture = .x86_64) throws {
        let pipe = try DescriptorPair.pipe()
        let reader = pipe.first
        let output = pipe.second
        try reader.setNonblocking(true)
        space = try Space.start(executable: try modspacePath(architecture), console: output)
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

    /// Maps the image, and returns the addresses of its symbols.
    mutating func load(_ image: Image) throws -> Symbols {
        try space.map(image: image.file.descriptor, segments: image.segments)
        return image.symbols
    }
}

/// Where modspace is: MODLINK_SPACE, or beside the program that runs the tests.
func modspacePath(_ architecture: Architecture = .x86_64) throws -> String {
    let suffix = architecture == .x86_64 ? "" : "-" + architecture.name
    if let path = Environment.value("MODLINK_SPACE") { return path + suffix }
    let program = try CurrentProcess.executable()
    let path = program.split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/modspace" + suffix
    _ = try #require(
        try? File.status(path: path), "\(path): missing; run Scripts/build-space on its directory, or set MODLINK_SPACE"
    )
    return path
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
        for line in try output(of: "nm", [path]).split(separator: "\n") {
            let fields = line.split(separator: " ")
            if fields.count == 3, let address = UInt64(fields[0], radix: 16) {
                addresses[String(fields[2])] = address
            }
        }
        self.addresses = addresses
    }
}

/// What a tool writes to its standard output until it ends successfully.
func output(of tool: String, _ arguments: [String]) throws -> String {
    let pipe = try DescriptorPair.pipe()
    let reader = pipe.first
    let writer = pipe.second
    let child = try ChildProcess.spawn(
        executable: "/usr/bin/env", arguments: [tool] + arguments, descriptors: [(source: writer.number, target: 1)])
    try writer.close()
    let bytes = try File.readAll(reader, limit: 1 << 24)
    let status = try child.wait()
    try #require(status == .exited(0), "\(tool) \(arguments.joined(separator: " ")): \(status)")
    return String(decoding: bytes, as: UTF8.self)
}

/// An empty directory for the body, removed afterwards with all in it.
func withTemporaryDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
    let directory = try output(of: "mktemp", ["-d"]).filter { $0 != "\n" }
    defer { _ = try? output(of: "rm", ["-rf", directory]) }
    return try body(directory)
}
