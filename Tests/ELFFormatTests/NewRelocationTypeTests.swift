import ELFFormat
import ObjectModel
import Relocation
import TestSupport
import Testing

/// Relocation types that are younger than the system's elf.h (x86-64 psABI, those of APX).
@Suite struct NewRelocationTypeTests {
    @Test(
        "each is known by its number",
        arguments: [
            (43, "R_X86_64_CODE_4_GOTPCRELX"), (44, "R_X86_64_CODE_4_GOTTPOFF"),
            (45, "R_X86_64_CODE_4_GOTPC32_TLSDESC"), (46, "R_X86_64_CODE_5_GOTPCRELX"),
            (47, "R_X86_64_CODE_5_GOTTPOFF"), (48, "R_X86_64_CODE_5_GOTPC32_TLSDESC"),
            (49, "R_X86_64_CODE_6_GOTPCRELX"), (50, "R_X86_64_CODE_6_GOTTPOFF"),
            (51, "R_X86_64_CODE_6_GOTPC32_TLSDESC"),
        ])
    func names(_ number: Int, _ name: String) throws {
        var patched = try PatchedObject()
        let list = patched.contents(".rela.text")
        patched.write(UInt32(number), at: list + 8)
        let object = try ELFObjectReader.read(patched.bytes, name: "gurka.o")
        let section = try #require(object.sections.first { object.text($0.name) == ".text" })
        let kind = try #require(
            X86_64.Kind(rawValue: object.relocations[section.relocations][section.relocations.lowerBound].kind))
        #expect(kind.name == name && kind.width == 4)
    }

    @Test("the next one is refused by its number") func unknown() throws {
        #expect(
            try refusal { $0.write(UInt32(52), at: $0.contents(".rela.text") + 8) }
                == "gurka.o: section '.rela.text' relocation 0: r_info: type 52 is none that an x86-64 object file has")
    }
}
