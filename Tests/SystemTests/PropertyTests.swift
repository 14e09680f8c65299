import Posix
import TestSupport
import Testing

/// Properties of modules of MODULE(), and the property lists of prop/proplib.h.
@Suite struct PropertyTests {
    @Test(
        "a module of MODULE() gets what it does not declare in a dictionary, which it may keep; for each compiler and machine",
        arguments: Examples.variants)
    func dictionary(variant: Examples.Variant) throws {
        let session = try Session()
        try session.compileExample("module/properties.c", variant)
        let shown = """
            big: unsigned 18446744073709551615
            flag: bool true
            mode: number 420
            name: string 'gurka och sallad'
            negative: number -5
            off: bool false

            """
        try expect(
            session.run(
                "modload", "properties.o", "name=gurka och sallad", "declared=7", "flag=true", "negative=-5",
                "off=false",
                "mode=0644", "big=0xffffffffffffffff"),
            .done("declared 7, properties:\n" + shown + "Module loaded as ID 1\n"))
        // The loader's own dictionary has gone long ago.
        try expect(session.run("modunload", "properties"), .done(shown))
    }

    @Test("without properties there is no dictionary") func none() throws {
        let session = try Session()
        try session.compileExample("module/properties.c")
        try expect(
            session.run("modload", "properties.o", "declared=2"),
            .done("declared 2, no properties\nModule loaded as ID 1\n"))
    }

    @Test("types can be given, with the value or as an option; the last value of a name counts") func types() throws {
        let session = try Session()
        try session.compileExample("module/properties.c")
        try expect(
            session.run(
                "modload", "-b", "a=yes", "-i", "b=0x10", "--string", "c=5", "properties.o", "d:string=true",
                "e:boolean=1",
                "d:integer=3"),
            .done(
                "declared 1, properties:\na: bool true\nb: number 16\nc: string '5'\nd: number 3\ne: bool true\nModule loaded as ID 1\n"
            ))
        try expect(
            session.run("modload", "--name", "other", "-i", "a=x", "properties.o"),
            .failed(
                1,
                "modload: other: parameter 'a': the value 'x' is no integer: a number from -9223372036854775808 to 18446744073709551615\n"
            ))
        try expect(
            session.run("modload", "--name", "other", "properties.o", "declared:integer=5"),
            .failed(
                1,
                "modload: other: parameter 'declared': declared by the module, so it has a type; give the value alone\n"
            ))
    }

    @Test("a module that never looks into a dictionary refuses what is no variable of it") func refused() throws {
        let session = try Session()
        try session.compileExample("module/hello.c")
        try expect(
            session.run("modload", "hello.o", "slices=5"),
            .failed(1, "modload: hello: parameter 'slices': the module has no variable of that name\n"))
        try expect(
            session.run("modload", "hello.o", "slices:integer=5"),
            .failed(
                1,
                "modload: hello: parameter 'slices': types are for properties, which modules take that have a MODULE() and call functions of prop/proplib.h\n"
            ))
    }

    @Test("the functions of property lists do what NetBSD's do", arguments: Examples.variants)
    func functions(variant: Examples.Variant) throws {
        let session = try Session()
        try session.compileExample("module/proplib.c", variant)
        try expect(session.run("modload", "proplib.o"), .done("Module loaded as ID 1\n"))
    }

    @Test("they use no memory that is not theirs, and leave none behind") func memory() throws {
        let directory = try ScratchDirectory()
        let sources = Examples.path.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/Sources"
        let own = try File.list(sources + "/modspace").filter { $0.hasPrefix("propert") && $0.hasSuffix(".c") }
        #expect(own.count == 3)
        try Tool.output(
            "gcc",
            ["-g", "-fsanitize=address,undefined", "-D_FILE_OFFSET_BITS=64", "-DPROGRAM"]
                + ["/ModuleHeaders/include", "/SpaceProtocol/include", "/modspace"].map { "-I" + sources + $0 }
                + ["\(Examples.path)/module/proplib.c"] + own.map { "\(sources)/modspace/\($0)" }
                + ["-o", directory.path + "/proplib"])
        #expect(try Tool.output("env", [directory.path + "/proplib"]) == "")
    }
}
