import TestSupport

/// Links of large inputs: against the system's linkers, and against a tenth of themselves, for costs are to be linear.
extension Benchmarks {
    private static let scalingRounds = 7

    static func scaling(_ programs: Programs, _ work: String) throws -> String {
        guard let ld = Tool.find("ld"), let mold = Tool.find("mold") else {
            throw BenchmarkFailure(description: "ld and mold: not installed; Scripts/bench installs them")
        }
        var report = ""
        for series in [
            ("10,000 functions, 100,000 relocations", "functions-10000"),
            ("4,000 sections", "sections-4000"),
        ] {
            let small = try objects(programs, series.0, work + "/\(series.1).o", ld, work)
            // The names of Scripts/bench: ten times as many.
            let large = try objects(programs, "  ten times as many", work + "/\(series.1)0.o", ld, work)
            report += small.space.line + small.linker.line + large.space.line + large.linker.line
            report += Measurement.ratio("  space : ld", large.space, large.linker, wanted: 0.1)
            report += Measurement.ratio(
                "  ten times : once (linear: 10)", large.space, small.space, wanted: 12)
        }
        let archive = work + "/libcrypto.a"
        let crypto = try compare(
            programs, "libcrypto.a, whole, as one module", ["--whole-archive", archive],
            "  mold -shared", mold, ["--whole-archive", archive], work, rounds: rounds)
        return report + crypto.space.line + crypto.linker.line
            + Measurement.ratio("  space : mold", crypto.space, crypto.linker, wanted: 0.3)
    }

    private static func objects(
        _ programs: Programs, _ name: String, _ object: String, _ ld: String, _ work: String
    ) throws -> (space: Measurement, linker: Measurement) {
        try compare(programs, name, [object], "  ld -shared", ld, [object], work)
    }

    private static func compare(
        _ programs: Programs, _ name: String, _ files: [String], _ otherName: String, _ linker: String,
        _ linkerFiles: [String], _ work: String, rounds: Int = scalingRounds
    ) throws -> (space: Measurement, linker: Measurement) {
        var space = Measurement(name)
        var other = Measurement(otherName)
        for _ in 0..<rounds {
            space.add(
                phases(try programs.output(programs.own("modload"), ["-v", "--name", "large"] + files)))
            _ = try programs.time(programs.own("modunload"), ["large"])
            other.add(
                try programs.time(linker, ["-shared", "-Bsymbolic"] + linkerFiles + ["-o", work + "/large.so"]))
        }
        return (space, other)
    }
}
