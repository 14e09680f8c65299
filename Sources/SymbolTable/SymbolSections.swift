/// The names of the sections in a symbol table as a file: the owner's name and what its memory is for, `gurka.text`; for the
/// space's own symbols `.text`.
public enum SymbolSections {
    /// For code, for constants, for variables.
    public static let suffixes = [".text", ".rodata", ".data"]

    /// Whose symbols belong to a section of that name; empty for the space itself.
    public static func owner(ofSection name: String) -> String {
        for suffix in suffixes where name.hasSuffix(suffix) { return String(name.dropLast(suffix.count)) }
        return ""
    }
}
