import Posix
import TestSupport

/// Measures what issues set goals for, and prints medians and ratios of one run. Nothing fails when a goal is missed: machines are
/// shared and noisy, so a person looks.
@main
struct Benchmarks {
    static let rounds = 31

    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst()
        guard arguments.count == 2, let folder = arguments.first, let work = arguments.last else {
            throw BenchmarkFailure(description: "usage: benchmarks PROGRAMS WORK; Scripts/bench runs it")
        }
        let programs = try Programs(folder: folder, runtimeDirectory: work + "/run", modulePath: work + "/modules")
        defer { _ = try? programs.time(programs.own("modlinkd"), ["--stop"]) }
        _ = try programs.time(programs.own("modstat"))
        var report =
            "                                           median   minimum   maximum   µs, \(rounds) rounds (7 of links against ld)\n"
        let idle = try memory("idle daemon, resident", work)
        report += try link(programs, work)
        report += try scaling(programs, work)
        report += try tools(programs, work)
        report += try symbols(programs, work)
        report += try crashes(programs, work)
        report += try chain(programs, work)
        report += idle
        // What large links have used is kept for the next for ten seconds.
        var nothing: [PollEntry] = []
        _ = try Poll.wait(&nothing, timeout: 12_000)
        report += try memory("12 s after all of this, with nothing loaded", work)
        // Ends the daemon.
        report += try folders(programs, work)
        try Standard.output.write(report)
    }

    /// Linking SQLite into the space, from its bytes read to its init called, against a library that is linked and opened.
    private static func link(_ programs: Programs, _ work: String) throws -> String {
        let object = work + "/sqlite3.o"
        let library = work + "/sqlite3.so"
        var space = Measurement("SQLite into the space")
        var announced = Measurement("  announced to debugger and symbol table")
        var linked = Measurement("  its link")
        var linker = Measurement("SQLite by ld -shared, dlopen")
        var mold = Measurement("SQLite by mold -shared, dlopen")
        guard let ld = Tool.find("ld"), let moldPath = Tool.find("mold") else {
            throw BenchmarkFailure(description: "ld and mold: not installed; Scripts/bench installs them")
        }
        for _ in 0..<rounds {
            let text = try programs.output(programs.own("modload"), ["-v", object])
            space.add(phases(text))
            announced.add(phases(text, of: ["announce", "publish"]))
            linked.add(phases(text, of: ["resolve", "relocate"]))
            _ = try programs.time(programs.own("modunload"), ["sqlite3"])
            linker.add(try shared(programs, ld, object, library, work))
            mold.add(try shared(programs, moldPath, object, library, work))
        }
        return space.line + announced.line + linked.line
            + Measurement.ratio("  announced : link", announced, linked, wanted: 0.1) + linker.line + mold.line
            + Measurement.ratio("  space : ld", space, linker, wanted: 0.15)
            + Measurement.ratio("  space : mold", space, mold, wanted: 0.4)
    }

    private static func shared(
        _ programs: Programs, _ linker: String, _ object: String, _ library: String, _ work: String
    ) throws -> Double {
        // Debian's archive is not position-independent throughout; -Bsymbolic is what lets both link it.
        let link = try programs.time(linker, ["-shared", "-Bsymbolic", object, "-o", library])
        let open = try programs.output(work + "/dlopen", [library])
        return link + (Double(open.filter(\.isNumber)) ?? 0)
    }

    /// The phases of `modload -v` between the bytes and init: all but the reading, and what comes after.
    ///
    /// - Parameter all: these as well.
    static func phases(_ text: String, all: Bool = false) -> Double {
        phases(text, of: all ? nil : ["parse", "resolve", "relocate", "map"])
    }

    /// The sum of some phases of `modload -v`; nil: of all.
    private static func phases(_ text: String, of wanted: [String]?) -> Double {
        var sum = 0.0
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count >= 2, wanted?.contains(String(words[0])) ?? true else { continue }
            sum += Double(words[1]) ?? 0
        }
        return sum
    }

    /// The tools from process start to end, against the least that a process takes.
    private static func tools(_ programs: Programs, _ work: String) throws -> String {
        var nothing = Measurement("/bin/true")
        var list = Measurement("modstat")
        var load = Measurement("modload gurka.o")
        for _ in 0..<rounds * 3 {
            nothing.add(try programs.time("/bin/true"))
            list.add(try programs.time(programs.own("modstat")))
            load.add(try programs.time(programs.own("modload"), [work + "/gurka.o"]))
            _ = try programs.time(programs.own("modunload"), ["gurka"])
        }
        return nothing.line + list.line + load.line
            + Measurement.ratio("  modstat : true", list, nothing, wanted: 12)
            + Measurement.ratio("  modload : true", load, nothing, wanted: 25)
    }

    /// The resident memory of the daemon when nothing is loaded.
    private static func memory(_ name: String, _ work: String) throws -> String {
        let process = String(decoding: try File.read(path: work + "/run/pid", limit: 64), as: UTF8.self)
        let status = try File.read(path: "/proc/\(process.filter(\.isNumber))/status", limit: 1 << 16)
        let line = String(decoding: status, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("VmRSS") }
        let kilobytes = Int(line?.filter(\.isNumber) ?? "") ?? 0
        return name + String(repeating: " ", count: max(1, 44 - name.count)) + Measurement.pad("\(kilobytes)", 10)
            + " kB"
            + "   wanted: under 25000" + (kilobytes < 25000 ? "\n" : "   MISSED\n")
    }
}
