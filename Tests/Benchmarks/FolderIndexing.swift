import Posix
import TestSupport

/// The index of a folder of 5,000 objects: made, against nm(1) over the same files, and read again.
extension Benchmarks {
    private static let folderRounds = 7

    static func folders(_ programs: Programs, _ work: String) throws -> String {
        guard let nm = Tool.find("nm") else { throw BenchmarkFailure(description: "nm: not installed") }
        let folder = work + "/modules"
        let objects = try File.list(folder).map { "\(folder)/\($0)" }
        var made = Measurement("index of \(objects.count) objects, made")
        var read = Measurement("  read")
        var names = Measurement("  nm")
        for _ in 0..<folderRounds {
            names.add(try programs.time(nm, objects))
            for name in (try? File.list(work + "/run/index")) ?? [] { try File.remove(work + "/run/index/" + name) }
            made.add(try dependencies(programs, work))
            read.add(try dependencies(programs, work))
        }
        return names.line + made.line + read.line + Measurement.ratio("  made : nm", made, names, wanted: 3)
    }

    /// What a new daemon takes to find out which module is needed, and to read that one.
    private static func dependencies(_ programs: Programs, _ work: String) throws -> Double {
        _ = try programs.time(programs.own("modlinkd"), ["--stop"])
        let text = try programs.output(programs.own("modload"), ["-v", work + "/needy.o"])
        _ = try programs.time(programs.own("modunload"), ["needy", "module-02500"])
        let line = text.split(separator: "\n").first { $0.contains("depend ") }
        guard let figure = line?.split(separator: " ").dropFirst().first.flatMap({ Double($0) }) else {
            throw BenchmarkFailure(description: "modload -v says nothing of dependencies: \(text)")
        }
        return figure
    }
}
