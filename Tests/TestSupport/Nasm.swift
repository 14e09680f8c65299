/// The assembler that still writes a.out.
public enum Nasm {
    /// What it writes; the raw value is its name for it.
    public enum Format: String, CaseIterable, Sendable {
        /// Linux's a.out.
        case linux = "aout"
        /// NetBSD's a.out.
        case netBSD = "aoutb"
        /// ELF for i386.
        case elf = "elf32"
    }

    /// Both kinds of a.out.
    public static let aOut: [Format] = [.linux, .netBSD]

    /// The bytes of the relocatable object of a source text in which C names stand as in ELF: a.out gets its underscores.
    public static func object(_ source: String, _ format: Format) throws -> [UInt8] {
        let directory = try ScratchDirectory()
        try directory.write("source.asm", Array("bits 32\n\(source)\n".utf8))
        try Tool.output(
            "nasm",
            (format == .elf ? [] : ["--gprefix", "_"]) + [
                "-w-all", "-f", format.rawValue, "-o", directory.path + "/object.o", directory.path + "/source.asm",
            ])
        return try directory.read("object.o")
    }
}
