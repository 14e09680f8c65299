/// A name that every linker defines where an object refers to it and none defines it (`PROVIDE` in ld's default script), beside the bounds
/// of sections (`__start_NAME`, `__stop_NAME`). Each module has its own.
public enum MadeName: String, CaseIterable, Sendable {
    /// The module's image, for who registers something with the C++ library.
    case handle = "__dso_handle"
    /// The image's first byte, where its ELF header is.
    case executableStart = "__executable_start"
    case header = "__ehdr_start"
    /// The global offset table.
    case table = "_GLOBAL_OFFSET_TABLE_"
    /// What offsets of thread-local variables are counted from.
    case threadBase = "_TLS_MODULE_BASE_"
    /// The first values of thread-local variables.
    case threadData = "__tdata_start"
    /// The table of the functions that can be unwound (lld and mold).
    case frameHeader = "__GNU_EH_FRAME_HDR"
    /// The end of the code.
    case textEnd = "etext"
    case textEnd1 = "_etext"
    case textEnd2 = "__etext"
    /// The end of variables with first values, where zeroes begin.
    case dataEnd = "edata"
    case dataEnd1 = "_edata"
    case zeroesStart = "__bss_start"
    /// The end of everything.
    case end
    case end1 = "_end"
    /// Arrays of constructors and destructors.
    case preinitializersStart = "__preinit_array_start"
    case preinitializersEnd = "__preinit_array_end"
    case initializersStart = "__init_array_start"
    case initializersEnd = "__init_array_end"
    case finalizersStart = "__fini_array_start"
    case finalizersEnd = "__fini_array_end"
    /// Relocations of indirect functions that a static program does itself: here the space is asked, so that there are none.
    case indirectStart = "__rela_iplt_start"
    case indirectEnd = "__rela_iplt_end"
    case shortIndirectStart = "__rel_iplt_start"
    case shortIndirectEnd = "__rel_iplt_end"

    private static let index: NameIndex = {
        var index = NameIndex(minimumCapacity: allCases.count)
        for (number, made) in allCases.enumerated() { index.insertReserved(hash(made), UInt64(number)) }
        return index
    }()

    private static let names: [[UInt8]] = allCases.map { Array($0.rawValue.utf8) }

    private static func hash(_ made: MadeName) -> UInt64 {
        let bytes = Array(made.rawValue.utf8)
        return nameHash(bytes, NameRange(offset: 0, count: UInt32(truncatingIfNeeded: bytes.count)))
    }

    /// Which of all cases a name is, by its number.
    ///
    /// - Parameter hash: of the name.
    public static func number(_ bytes: [UInt8], _ name: NameRange, hash: UInt64) -> Int? {
        // They begin with `_` or `e`: most names need not be looked for.
        guard name.count > 2 else { return nil }
        let first = bytes[Int(name.offset)]
        guard first == UInt8(ascii: "_") || first == UInt8(ascii: "e") else { return nil }
        var probe = index.probe(hash)
        while let payload = index.next(&probe) {
            let known = names[Int(payload)]
            if sameBytes(known, known.indices, bytes, name.indices) { return Int(payload) }
        }
        return nil
    }
}
