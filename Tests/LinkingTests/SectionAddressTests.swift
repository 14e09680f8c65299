import ELFFormat
import Linking
import ObjectModel
import Testing

/// Where sections of objects are, for those who read the objects beside the image.
@Suite struct SectionAddressTests {
    /// The addresses of the sections of each object, by name.
    private func addresses(_ objects: [Object]) throws -> [[String: UInt64]] {
        let space = Space()
        var linker = try Linker(
            [ModuleSource(name: "gurka", objects: objects)], against: space.table, settings: space.settings)
        linker.place(at: [0x2000_0000])
        return zip(objects, linker.sectionAddresses(0)).map { object, places in
            #expect(places.count == object.sections.count)
            let named = zip(object.sections, places).compactMap { section, place in
                place.map { (object.text(section.name), $0) }
            }
            return Dictionary(named) { first, _ in first }
        }
    }

    @Test("each section that is part of the image has the address of its symbols, and others have none")
    func sections() throws {
        let texts = [
            ".text\n.globl a\na: ret\n.data\n.globl b\nb: .quad 1\n.section .debug_info\n.long 1\n",
            ".text\n.globl c\nc: ret\n.bss\n.globl d\nd: .skip 8\n",
        ]
        let objects = try texts.map { try assembled($0) }
        let places = try addresses(objects)
        let module = try Space().link([ModuleSource(name: "gurka", objects: objects)], at: 0x2000_0000).modules[0]
        #expect(places[0][".text"] == module.address("a") && places[0][".data"] == module.address("b"))
        #expect(places[1][".text"] == module.address("c") && places[1][".bss"] == module.address("d"))
        #expect(places[0][".debug_info"] == nil && places[0][".symtab"] == nil)
    }

    @Test("a copy of a group that another displaces is where that one is if it is as long, and else nowhere")
    func displaced() throws {
        let group = { (body: String) in
            ".section .text.twice,\"axG\",@progbits,twice,comdat\n.weak twice\ntwice: \(body)\n"
        }
        let places = try addresses([
            try assembled(group("nop\nret")), try assembled(group("ret\nnop")), try assembled(group("ret")),
        ])
        let kept = try #require(places[0][".text.twice"])
        #expect(places[1][".text.twice"] == kept)
        #expect(places[2][".text.twice"] == nil)
    }
}
