import ModlinkInterface
import Testing

@testable import modstat

@Suite struct ModuleListingTests {
    private static let gurka = ModuleInformation(
        id: 1, name: "gurka", space: "x86-64", state: "running", address: 0x1000_0000, size: 12288, useCount: nil,
        uses: [],
        usedBy: ["sallad", "soppa"], autoclean: false)
    private static let sallad = ModuleInformation(
        id: 12, name: "sallad", space: "i386", state: "unloading", address: 0x1000_3000, size: 1_052_672, useCount: 3,
        uses: [ModuleUse(module: "gurka", symbols: ["slice"])], usedBy: [], autoclean: true)

    private static func table(_ modules: [ModuleInformation], showsSpaces: Bool = false) -> String {
        var listing = ModuleListing()
        listing.add(modules)
        return String(decoding: listing.text(showsSpaces: showsSpaces), as: UTF8.self)
    }

    @Test("without modules there are only titles")
    func empty() {
        #expect(Self.table([]) == "ID  NAME  STATE  REFS  SIZE  ADDRESS  USED BY\n")
        #expect(ModuleListing.classic([]) == "Type    Id  Off Loadaddr Size Info     Rev Module Name\n")
    }

    @Test("references are the modules that use it and what its own counter says")
    func table() {
        #expect(
            Self.table([Self.gurka, Self.sallad]) == """
                ID  NAME    STATE                  REFS     SIZE  ADDRESS     USED BY
                 1  gurka   running                   2    12288  0x10000000  sallad, soppa
                12  sallad  unloading (autoclean)     3  1052672  0x10003000  -

                """)
    }

    @Test("where spaces are shown, they stand after the name")
    func spaces() {
        #expect(
            Self.table([Self.gurka, Self.sallad], showsSpaces: true) == """
                ID  NAME    SPACE   STATE                  REFS     SIZE  ADDRESS     USED BY
                 1  gurka   x86-64  running                   2    12288  0x10000000  sallad, soppa
                12  sallad  i386    unloading (autoclean)     3  1052672  0x10003000  -

                """)
    }

    @Test("classic rows are those of modstat(8): sizes in KiB and addresses hexadecimal")
    func classic() {
        #expect(
            ModuleListing.classic([Self.gurka, Self.sallad]) == """
                Type    Id  Off Loadaddr Size Info     Rev Module Name
                MISC      1   0 10000000 000c 10003000   1 gurka
                MISC     12   0 10003000 0404 10104000   1 sallad

                """)
    }

    private static let call: ModuleInformation = {
        var module = gurka
        (module.dialect, module.type, module.offset, module.info) = ("lkm", "SYSCALL", 210, 0x1000_2000)
        return module
    }()
    private static let driver: ModuleInformation = {
        var module = sallad
        (module.dialect, module.type) = ("module", "driver")
        return module
    }()

    @Test("where a module has a type, types and slots stand before the state")
    func types() {
        #expect(
            Self.table([Self.call, Self.driver, Self.sallad]) == """
                ID  NAME    TYPE     SLOT  STATE                  REFS     SIZE  ADDRESS     USED BY
                 1  gurka   SYSCALL   210  running                   2    12288  0x10000000  sallad, soppa
                12  sallad  driver      -  unloading (autoclean)     3  1052672  0x10003000  -
                12  sallad  -           -  unloading (autoclean)     3  1052672  0x10003000  -

                """)
    }

    @Test("a classic row of an LKM has its type, slot and address of information; other types are MISC there")
    func classicTypes() {
        #expect(
            ModuleListing.classic([Self.call, Self.driver]) == """
                Type    Id  Off Loadaddr Size Info     Rev Module Name
                SYSCALL   1 210 10000000 000c 10002000   1 gurka
                MISC     12   0 10003000 0404 10104000   1 sallad

                """)
        #expect(Self.call.classicType == 0 && Self.driver.classicType == nil && Self.gurka.classicType == nil)
    }

    @Test("fields that do not fit push the others, as printf(3) does")
    func wide() {
        var module = Self.gurka
        module.id = 12345
        module.address = 0x1_0000_0000
        module.size = 1 << 27
        #expect(
            ModuleListing.classic([module]).split(separator: "\n").last
                == "MISC    12345   0 100000000 20000 108000000   1 gurka")
    }

    @Test("a size that is no whole KiB is rounded up", arguments: [(1, "0001"), (1024, "0001"), (1025, "0002")])
    func kibibytes(_ size: Int, _ text: String) {
        var module = Self.gurka
        module.size = size
        #expect(ModuleListing.classic([module]).contains(" 10000000 \(text) "))
    }
}
