import FoundationEssentials
import ModlinkInterface
import TestSupport
import Testing

/// modstat.
@Suite struct ListingTests {
    private func twoModules() throws -> Session {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile("sallad.o", Sources.sallad)
        try session.output("modload", "gurka.o", "sallad.o")
        return session
    }

    private let table = """
        ID  NAME    STATE    REFS   SIZE  ADDRESS     USED BY
         1  gurka   running     1  12288  0x10000000  sallad
         2  sallad  running     0   8192  0x10003000  -

        """

    @Test("the default columns are ID NAME STATE REFS SIZE ADDRESS USED BY")
    func columns() throws {
        try expect(twoModules().run("modstat"), .done(table))
    }

    @Test(
        "one module is chosen by number, by -n, and by name", arguments: [["-i", "2"], ["-n", "sallad"], ["sallad"]])
    func one(arguments: [String]) throws {
        let session = try twoModules()
        try expect(
            session.run("modstat", arguments),
            .done(
                """
                ID  NAME    STATE    REFS  SIZE  ADDRESS     USED BY
                 2  sallad  running     0  8192  0x10003000  -

                """))
    }

    @Test("one that is not there is an error", arguments: [["-i", "3"], ["-n", "module 3"], ["module 3"]])
    func missing(arguments: [String]) throws {
        let session = try twoModules()
        try expect(session.run("modstat", arguments), .failed(1, "modstat: module 3: no such module (ENOENT)\n"))
        #expect(try session.run("modstat", arguments + ["--json"]).status == .exited(1))
    }

    @Test("--classic prints the rows of NetBSD's modstat")
    func classic() throws {
        let session = try twoModules()
        try expect(
            session.run("modstat", "--classic"),
            .done(
                """
                Type    Id  Off Loadaddr Size Info     Rev Module Name
                MISC      1   0 10000000 000c 10003000   1 gurka
                MISC      2   0 10003000 0008 10005000   1 sallad

                """))
        try expect(
            session.run("modstat", "--classic", "-n", "gurka"),
            .done(
                """
                Type    Id  Off Loadaddr Size Info     Rev Module Name
                MISC      1   0 10000000 000c 10003000   1 gurka

                """))
    }

    @Test("--json prints what the interface's type Module says")
    func json() throws {
        let session = try twoModules()
        let text = try session.output("modstat", "--json")
        let modules = try JSONDecoder().decode([ModuleInformation].self, from: Data(text.utf8))
        #expect(
            modules == [
                ModuleInformation(
                    id: 1, name: "gurka", space: "x86-64", state: "running", address: 0x1000_0000, size: 12288,
                    useCount: nil, uses: [],
                    usedBy: ["sallad"], autoclean: false, dialect: "linux"),
                ModuleInformation(
                    id: 2, name: "sallad", space: "x86-64", state: "running", address: 0x1000_3000, size: 8192,
                    useCount: nil,
                    uses: [ModuleUse(module: "gurka", symbols: ["gurka_count", "slice"])], usedBy: [],
                    autoclean: false, dialect: "linux"),
            ])
        let one = try session.output("modstat", "--json", "gurka")
        #expect(try JSONDecoder().decode([ModuleInformation].self, from: Data(one.utf8)) == [modules[0]])
        try session.output("modunload", "gurka", "sallad")
        #expect(
            try JSONDecoder().decode(
                [ModuleInformation].self, from: Data(try session.output("modstat", "--json").utf8)) == [])
    }

    @Test("--json tells which symbols a module takes from another that was there before")
    func jsonReferences() throws {
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.compile("sallad.o", Sources.sallad)
        try session.output("modload", "gurka.o")
        try session.output("modload", "sallad.o")
        let text = try session.output("modstat", "--json", "sallad")
        let modules = try JSONDecoder().decode([ModuleInformation].self, from: Data(text.utf8))
        #expect(modules.first?.uses == [ModuleUse(module: "gurka", symbols: ["gurka_count", "slice"])])
    }

    @Test("the console is there without a daemon, and a runtime directory without one is told")
    func console() throws {
        let session = try twoModules()
        try session.output("modlinkd", "--stop")
        let text = Session.bare(try session.output("modstat", "--console").utf8)
        #expect(text.hasPrefix("gurka: hello\nsallad: 27 3\nmodlinkd: gurka loaded as 1 at 0x10000000\n"), "\(text)")
        let fresh = try Session()
        try expect(
            fresh.run("modstat", "--console"),
            .failed(69, "modstat: \(fresh.runtime)/console: open: no such file or directory (ENOENT)\n"))
    }
}
