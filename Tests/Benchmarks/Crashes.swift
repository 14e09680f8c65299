import Posix

/// How long it takes until a crash has been explained.
extension Benchmarks {
    private static let crashRounds = 15
    private static let wantedMicroseconds = 300_000.0

    /// A tool that causes a fault, from its start to its end: the load, the fault, the core file, the report on the terminal. The space has 100 MB
    /// of memory in use, none of it zero.
    static func crashes(_ programs: Programs, _ work: String) throws -> String {
        var plain = Measurement("a fault, core and report")
        var large = Measurement("the same with 100 MB in the space")
        for _ in 0..<crashRounds { plain.add(try crash(programs, work)) }
        _ = try programs.time(programs.own("modload"), [work + "/room.o"])
        for _ in 0..<crashRounds { large.add(try crash(programs, work)) }
        _ = try programs.time(programs.own("modunload"), ["room"])
        let newest = try File.list(work + "/run/crash").compactMap { Int($0) }.max() ?? 0
        let size = try File.status(path: work + "/run/crash/\(newest)/core").size
        let report = try File.status(path: work + "/run/crash/\(newest)/report").size
        guard size >= 100 << 20, report > 0 else {
            throw BenchmarkFailure(description: "crash \(newest): a core of \(size) bytes, a report of \(report)")
        }
        return plain.line + large.line
            + (large.median <= wantedMicroseconds
                ? "  wanted: at most 300000\n" : "  wanted: at most 300000   MISSED\n")
    }

    private static func crash(_ programs: Programs, _ work: String) throws -> Double {
        try programs.time(programs.own("modload"), [work + "/crash.o"], exits: 1)
    }
}
