import Posix

/// Why nothing could be measured.
struct BenchmarkFailure: Error, CustomStringConvertible {
    let description: String
}

/// Figures of one thing that was measured several times, in microseconds.
struct Measurement {
    let name: String
    private(set) var figures: [Double] = []

    init(_ name: String) {
        self.name = name
    }

    mutating func add(_ microseconds: Double) {
        figures.append(microseconds)
    }

    var median: Double {
        let sorted = figures.sorted()
        guard !sorted.isEmpty else { return 0 }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// `name   median   minimum   maximum`.
    var line: String {
        let cells = [median, figures.min() ?? 0, figures.max() ?? 0].map { Self.pad("\(Int($0))", 10) }
        return name + String(repeating: " ", count: max(1, 44 - name.count)) + cells.joined() + "\n"
    }

    static func pad(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    /// A ratio of two medians against what it is wanted to be at most.
    static func ratio(_ text: String, _ left: Measurement, _ right: Measurement, wanted: Double) -> String {
        let value = right.median > 0 ? left.median / right.median : 0
        let rounded = (value * 1000).rounded() / 1000
        return text + String(repeating: " ", count: max(1, 44 - text.count)) + pad("\(rounded)", 10)
            + "   wanted: at most \(wanted)" + (value <= wanted ? "\n" : "   MISSED\n")
    }
}

/// Programs, run and timed from their start to their end.
struct Programs {
    let folder: String
    let environment: [String]
    private let sink: SharedDescriptor

    init(folder: String, runtimeDirectory: String, modulePath: String) throws {
        self.folder = folder
        environment =
            Environment.all().filter { !$0.hasPrefix("MODLINK_") } + [
                "MODLINK_RUNTIME_DIR=\(runtimeDirectory)", "MODLINK_PATH=\(modulePath)",
            ]
        sink = SharedDescriptor(try File.open("/dev/null", .readWrite))
    }

    /// How long a program takes, in microseconds.
    ///
    /// - Parameter wanted: its exit status.
    func time(_ executable: String, _ arguments: [String] = [], exits wanted: Int32 = 0) throws -> Double {
        let start = Clock.nanoseconds()
        let child = try ChildProcess.spawn(
            executable: executable, arguments: arguments, environment: environment,
            descriptors: [(sink.number, 0), (sink.number, 1), (sink.number, 2)])
        let status = try child.wait()
        let end = Clock.nanoseconds()
        guard status == .exited(wanted) else {
            throw BenchmarkFailure(description: "\(executable) \(arguments.joined(separator: " ")): \(status)")
        }
        return Double(end - start) / 1000
    }

    /// What a program prints.
    func output(_ executable: String, _ arguments: [String]) throws -> String {
        let pipe = try DescriptorPair.pipe()
        let child = try ChildProcess.spawn(
            executable: executable, arguments: arguments, environment: environment,
            descriptors: [(sink.number, 0), (pipe.second.number, 1), (sink.number, 2)])
        let reading = try pipe.first.duplicate()
        _ = consume pipe
        let text = String(decoding: try File.readAll(reading, limit: 1 << 20), as: UTF8.self)
        guard try child.wait() == .exited(0) else { throw BenchmarkFailure(description: "\(executable) failed") }
        return text
    }

    func own(_ name: String) -> String { folder + "/" + name }
}
