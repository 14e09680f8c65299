import ObjectModel

/// Whose conventions an a.out file follows; they differ in the first word and in what symbols can say.
enum AOutFlavor: Sendable {
    /// The first word is big-endian on every machine: flags 6 bits, machine 10, magic 16 (NetBSD a.out(5)).
    case netBSD
    /// The first word is little-endian: flags 8 bits, machine 8, magic 16 (Linux, a.out.h).
    case linux
}

/// The first word of a file, as either convention has it.
struct AOutIdentification: Equatable {
    let flavor: AOutFlavor
    let magic: UInt16
    let machine: UInt16
    let flags: UInt8

    /// Relocatable: text, data and bss follow each other without padding, and text is writable too.
    static let relocatable: UInt16 = 0o407
    private static let magics: [UInt16: String] = [
        relocatable: "OMAGIC", 0o410: "NMAGIC", 0o413: "ZMAGIC", 0o314: "QMAGIC",
    ]

    /// What a file's first word says, or nil when it is no a.out file's.
    init?(_ raw: RawSpan) {
        guard let big: UInt32 = raw.integer(at: 0, order: .big) else { return nil }
        let little = big.byteSwapped
        // In files of the other byte order the magic number's place holds a machine, which is none of these.
        if Self.magics[UInt16(truncatingIfNeeded: big)] != nil {
            flavor = .netBSD
            magic = UInt16(truncatingIfNeeded: big)
            machine = UInt16(big >> 16 & 0x3ff)
            flags = UInt8(big >> 26)
        } else if Self.magics[UInt16(truncatingIfNeeded: little)] != nil {
            flavor = .linux
            magic = UInt16(truncatingIfNeeded: little)
            machine = UInt16(little >> 16 & 0xff)
            flags = UInt8(little >> 24)
        } else {
            return nil
        }
    }

    /// Why the file is not taken, with the field at fault; nil when it is.
    var refusal: (place: String, reason: String)? {
        let own: UInt16 = flavor == .netBSD ? 134 : 100
        guard machine == own else {
            return ("a_midmag", "an a.out file of machine \(machine)\(machineName); take an object for i386")
        }
        guard magic == Self.relocatable else {
            let name = Self.magics[magic] ?? ""
            return ("a_midmag", "\(name), an executable, not a relocatable object; modules are made with 'cc -c'")
        }
        // EX_DYNAMIC; EX_PIC (0x10) says that code was compiled to run anywhere, which relocations tell by themselves.
        guard flavor == .linux || flags & 0x20 == 0 else {
            return ("a_midmag", "linked dynamically, not a relocatable object; modules are made with 'cc -c'")
        }
        return nil
    }

    /// The name of the machine in parentheses, where it is known (NetBSD sys/aout_mids.h; Linux a.out.h).
    private var machineName: String {
        let name: String? =
            switch (flavor, machine) {
            case (_, 0): "none named"
            case (_, 1): "68010"
            case (_, 2): "68020"
            case (_, 3): "sparc"
            case (.netBSD, 135), (.netBSD, 136): "m68k"
            case (.netBSD, 137): "ns32k"
            case (.netBSD, 138): "sparc"
            case (.netBSD, 139), (.netBSD, 142), (.linux, 151), (.linux, 152): "mips"
            case (.netBSD, 140), (.netBSD, 150): "vax"
            case (.netBSD, 141): "alpha"
            case (.netBSD, 143): "arm"
            case (.netBSD, 149): "powerpc"
            case (.linux, 134): "i386 of FreeBSD and 386BSD"
            default: nil
            }
        return name.map { " (\($0))" } ?? ""
    }
}

/// The header of an a.out object, with every size checked against the file.
///
/// ```
/// header  text  data  relocations of text  of data  symbols  string table (begins with its own length)
/// 32      a_text a_data a_trsize           a_drsize a_syms   4 bytes at least
/// ```
///
/// All fields but the first are little-endian words of 4 bytes.
struct AOutHeader {
    let flavor: AOutFlavor
    /// Sizes of the segments, in bytes. In the addresses inside the object they follow each other from 0.
    let text: UInt64
    let data: UInt64
    let bss: UInt64
    /// Where in the file things lie.
    let textRelocations: Range<UInt64>
    let dataRelocations: Range<UInt64>
    let symbols: Range<UInt64>
    /// The string table, its length word included; empty in a file without symbols.
    let strings: Range<Int>

    static let size: UInt64 = 32
    static let relocationSize: UInt64 = 8
    static let symbolSize: UInt64 = 12

    init(_ raw: RawSpan, file: String) throws(Problem) {
        guard let identification = AOutIdentification(raw) else {
            throw Problem(subject: file, reason: "not an a.out file")
        }
        if let refusal = identification.refusal {
            throw Problem(subject: file, place: refusal.place, reason: refusal.reason)
        }
        flavor = identification.flavor
        guard UInt64(raw.byteCount) >= Self.size else {
            throw Problem(subject: file, reason: "truncated: \(raw.byteCount) bytes, shorter than an a.out header")
        }
        // The file has been found to be longer than its header.
        func field(_ offset: UInt64) -> UInt64 { UInt64(raw.integer(at: offset, as: UInt32.self) ?? 0) }
        guard field(20) == 0 else {
            throw Problem(
                subject: file, place: "a_entry",
                reason:
                    "\(hexadecimal(field(20))): an executable, not a relocatable object; modules are made with 'cc -c'")
        }
        var position = Self.size
        // Each size is below 2^32, so the sum of all is far from 2^64.
        func part(_ name: String, _ offset: UInt64, multipleOf unit: UInt64 = 1) throws(Problem) -> Range<UInt64> {
            let size = field(offset)
            guard size % unit == 0 else {
                throw Problem(
                    subject: file, place: name, reason: "\(size): no whole number of entries of \(unit) bytes")
            }
            let start = position
            position += size
            guard position <= UInt64(raw.byteCount) else {
                throw Problem(
                    subject: file, place: name,
                    reason:
                        "\(size) bytes at \(hexadecimal(start)) are beyond the end of the file (\(raw.byteCount) bytes): truncated?"
                )
            }
            return start..<position
        }
        text = UInt64(try part("a_text", 4).count)
        data = UInt64(try part("a_data", 8).count)
        bss = field(12)
        textRelocations = try part("a_trsize", 24, multipleOf: Self.relocationSize)
        dataRelocations = try part("a_drsize", 28, multipleOf: Self.relocationSize)
        symbols = try part("a_syms", 16, multipleOf: Self.symbolSize)
        guard text + data + bss <= 1 << 32 else {
            throw Problem(
                subject: file, place: "a_bss",
                reason: "\(bss): with text and data \(text + data + bss) bytes, more than addresses of 32 bits have")
        }
        strings = symbols.isEmpty ? 0..<0 : try Self.strings(raw, at: position, file)
    }

    private static func strings(_ raw: RawSpan, at start: UInt64, _ file: String) throws(Problem) -> Range<Int> {
        func fail(_ reason: String) -> Problem { Problem(subject: file, place: "string table", reason: reason) }
        guard let length: UInt32 = raw.integer(at: start) else {
            throw fail("the file ends at \(raw.byteCount) bytes, before its length: truncated?")
        }
        guard length >= 4 else { throw fail("length \(length): less than the 4 bytes of the length itself") }
        guard raw.contains(offset: start, count: UInt64(length)) else {
            throw fail(
                "length \(length) at \(hexadecimal(start)) is beyond the end of the file (\(raw.byteCount) bytes): truncated?"
            )
        }
        return Int(start)..<Int(start) + Int(length)
    }
}
