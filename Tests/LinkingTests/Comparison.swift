import ELFFormat
import Linking
import ObjectModel
import TestSupport

/// The sections of a module beside those that ld makes of the same objects at the same addresses.
struct Comparison {
    let linked: Linked
    private let directory: ScratchDirectory

    init(
        _ objects: [[UInt8]], _ options: [String], _ resident: [String: UInt64] = [:],
        _ architecture: Architecture = .x86_64
    ) throws {
        linked = try Space(resident, architecture).link(
            "a", try objects.enumerated().map { try ELFObjectReader.read($1, name: "object\($0).o") })
        directory = try ScratchDirectory()
        let paths = try objects.enumerated().map { try directory.write("object\($0).o", $1) }
        // Between pieces ld would put instructions that do nothing.
        var script = "ENTRY(_start)\nSECTIONS {\n"
        let image = linked.modules[0].image
        if architecture == .i386 {
            // Offsets from the table are part of the code; where ld has its own words in it, nothing else lies.
            let table = image.sections.first { $0.name == ".got" }?.address ?? linked.modules[0].range.lowerBound
            script += ".got.plt 0x\(String(table, radix: 16)) : { *(.got.plt) }\n"
        }
        for section in image.sections where section.name != ".got" && section.name != ".eh_frame_hdr" {
            let commons = section.name == ".bss" ? " *(COMMON)" : ""
            script +=
                "\(section.name) 0x\(String(section.address, radix: 16)) : { *(\(section.name) \(section.name).*)\(commons) } =0x00000000\n"
        }
        script += "/DISCARD/ : { *(.note.*) *(.comment) *(.eh_frame) }\n}\n"
        try directory.write("script", Array(script.utf8))
        try Tool.output(
            "ld",
            ["-m", architecture == .i386 ? "elf_i386" : "elf_x86_64"] + options
                + resident.map { "--defsym=\($0.key)=\($0.value)" } + [
                    "--no-check-sections", "-T", directory.path + "/script", "-o", directory.path + "/linked",
                ]
                + paths)
    }

    /// The bytes of a section, ours and ld's.
    func section(_ name: String) throws -> (ours: [UInt8], theirs: [UInt8])? {
        guard let section = linked.modules[0].image.sections.first(where: { $0.name == name }) else { return nil }
        let start = Int(section.fileOffset)
        try Tool.output(
            "objcopy",
            ["-O", "binary", "--only-section=\(name)", directory.path + "/linked", directory.path + "/section"])
        return (Array(linked.images[0][start..<start + Int(section.size)]), try directory.read("section"))
    }
}
