import Posix
import TestSupport

/// Ten thousand small modules, each of which uses a symbol of the one before: what one costs must not depend on how many there are.
extension Benchmarks {
    private static let chainLength = 10_000
    /// How many are looked at, at either end.
    private static let chainSample = 100
    private static let chainRounds = 31

    static func chain(_ programs: Programs, _ work: String) throws -> String {
        var none = Measurement("modstat of nothing")
        var all = Measurement("modstat of 10,000 modules")
        for _ in 0..<chainRounds { none.add(try programs.time(programs.own("modstat"))) }
        var report = try loadChain(programs, work)
        for _ in 0..<chainRounds { all.add(try programs.time(programs.own("modstat"))) }
        report +=
            none.line + all.line + Measurement.ratio("  modstat of 10,000 : of none", all, none, wanted: 10)
        report += try unloadChain(programs)
        let left = try programs.output(programs.own("modstat"), []).split(separator: "\n").count - 1
        guard left == 0 else { throw BenchmarkFailure(description: "\(left) modules of the chain are left") }
        return report
    }

    private static func loadChain(_ programs: Programs, _ work: String) throws -> String {
        let series = try ChainObjects(
            first: try File.read(path: work + "/chain-first.o", limit: 1 << 20),
            next: try File.read(path: work + "/chain-next.o", limit: 1 << 20))
        var whole = (first: Measurement("modload, the first 100"), last: Measurement("modload, the last 100"))
        var daemon = (
            first: Measurement("  in the daemon, the first 100"), last: Measurement("  in the daemon, the last 100")
        )
        let object = work + "/chain.o"
        for number in 0..<chainLength {
            try File.writeAtomically(object, series.object(number), permissions: 0o600)
            let start = Clock.nanoseconds()
            let text = try programs.output(
                programs.own("modload"), ["-v", "--name", ChainObjects.name(number), object])
            let time = Double(Clock.nanoseconds() - start) / 1000
            if number < chainSample {
                whole.first.add(time)
                daemon.first.add(phases(text, all: true))
            } else if number >= chainLength - chainSample {
                whole.last.add(time)
                daemon.last.add(phases(text, all: true))
            }
        }
        return whole.first.line + whole.last.line
            + Measurement.ratio("  last : first", whole.last, whole.first, wanted: 1.5)
            + daemon.first.line + daemon.last.line
            + Measurement.ratio("  last : first", daemon.last, daemon.first, wanted: 1.5)
    }

    /// The newest one by one, then most of them by `modunload -r`, then the oldest one by one.
    private static func unloadChain(_ programs: Programs) throws -> String {
        var many = Measurement("modunload, with 10,000 loaded")
        var few = Measurement("modunload, with 100 loaded")
        var rest = Measurement("modunload -r of 9,800, for each")
        for number in (chainLength - chainSample..<chainLength).reversed() {
            many.add(try programs.time(programs.own("modunload"), [ChainObjects.name(number)]))
        }
        let time = try programs.time(programs.own("modunload"), ["-r", ChainObjects.name(chainSample)])
        rest.add(time / Double(chainLength - 2 * chainSample))
        for number in (0..<chainSample).reversed() {
            few.add(try programs.time(programs.own("modunload"), [ChainObjects.name(number)]))
        }
        return many.line + few.line + Measurement.ratio("  many : few", many, few, wanted: 1.5) + rest.line
    }
}
