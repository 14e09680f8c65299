import Testing

@testable import ToolSupport

@Suite struct ShortOptionsTests {
    private static let letters = ShortOptions("dve:o:")

    @Test(
        "a value stands directly behind its letter, or is the next argument",
        arguments: [
            (["-estart", "x.o"], ["-e", "start", "x.o"]),
            (["-e", "start", "x.o"], ["-e", "start", "x.o"]),
            (["-dv"], ["-d", "-v"]),
            (["-dvestart", "-oout"], ["-d", "-v", "-e", "start", "-o", "out"]),
            (["-dve", "start"], ["-d", "-v", "-e", "start"]),
            (["-o/a-b=c"], ["-o", "/a-b=c"]),
            // A value is not looked into, however it came.
            (["-eov"], ["-e", "ov"]),
            (["-e", "-dv"], ["-e", "-dv"]),
            (["-e", "--", "-dv"], ["-e", "--", "-d", "-v"]),
        ])
    func values(given: [String], separated: [String]) {
        #expect(Self.letters.separated(given) == separated)
    }

    @Test(
        "all else is left as it is",
        arguments: [
            ["--entry", "start", "--entry=start"], ["-x"], ["-dx"], ["-help"], ["-"], [""], ["x.o", "a=-dv"],
            ["--", "-dv", "-estart"],
        ])
    func others(arguments: [String]) {
        #expect(Self.letters.separated(arguments) == arguments)
    }
}
