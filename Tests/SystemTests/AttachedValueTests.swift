import Posix
import TestSupport
import Testing

/// Values directly behind the letters of their options, as getopt(3) takes them and Makefiles of the time write them.
@Suite struct AttachedValueTests {
    @Test("all tools take them") func tools() throws {
        let session = try Session()
        try session.compile(
            "gurka.o", "int start(void *table, int command, int version) { return 0; }", ["-O2"])
        try session.output("modload", "-oout", "-estart", "gurka.o")
        #expect(try session.output("modstat", "-ngurka") == session.output("modstat", "--name", "gurka"))
        #expect(try session.output("modstat", "-i1") == session.output("modstat", "--id=1"))
        try session.output("modunload", "-fngurka")
        try session.output("modload", "-kvestart", "-o", "out", "gurka.o")
        try session.output("modunload", "-i2")
        try session.output("modload", "-nestart", "gurka.o")
        try session.output("ksyms", "-ok")
        try session.output("modload", "-nAk", "-estart", "gurka.o")
    }

    @Test(
        "every letter with a value in a tool's help takes one", arguments: ["modload", "modunload", "modstat", "ksyms"])
    func help(tool: String) throws {
        let session = try Session()
        var count = 0
        for line in try session.output(tool, "--help").split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "," })
            guard let option = words.first, option.count == 2, option.first == "-", line.contains("<") else { continue }
            count += 1
            // What they do with it is another matter.
            let errors = try session.run(tool, "\(option)x=1").errors
            #expect(!errors.contains("Unknown option"), "\(errors)")
        }
        #expect(count > 0)
    }
}
