import ObjectModel
import Posix

/// An executable that ld has made, as far as comparing takes: its sections by name, and its bytes by address.
struct LinkedFile {
    struct Section {
        let name: String
        let address: UInt64
        let offset: Int
        let size: Int
        let hasContents: Bool
    }

    let bytes: [UInt8]
    /// Those that are loaded, by name.
    private(set) var sections: [String: Section] = [:]

    init(path: String) throws {
        let bytes = try File.read(path: path, limit: 1 << 30)
        self.bytes = bytes
        func number(_ offset: UInt64) -> UInt64 { bytes.span.bytes.integer(at: offset) ?? 0 }
        let headers = number(40)
        // The count and the number of the section of names, 16 bits each.
        let counts = number(56) >> 32
        let names = number(headers + (counts >> 16 & 0xffff) * 64 + 24)
        for index in 1..<max(counts & 0xffff, 1) {
            let header = headers + index * 64
            guard number(header + 8) & 2 != 0 else { continue }
            let start = Int(names + (number(header) & 0xffff_ffff))
            let name = String(decoding: bytes[start...].prefix { $0 != 0 }, as: UTF8.self)
            sections[name] = Section(
                name: name, address: number(header + 16), offset: Int(number(header + 24)),
                size: Int(number(header + 32)), hasContents: number(header) >> 32 != 8)
        }
    }

    /// The bytes of a section; nil when there is none of that name, and none for one of zeroes.
    func contents(_ name: String) -> ArraySlice<UInt8>? {
        guard let section = sections[name] else { return nil }
        return section.hasContents ? bytes[section.offset..<section.offset + section.size] : []
    }

    /// The number of 8 bytes at an address.
    func word(_ address: UInt64) -> UInt64? {
        for section in sections.values
        where section.hasContents && address >= section.address && address - section.address < UInt64(section.size) {
            return bytes.span.bytes.integer(at: UInt64(section.offset) + address - section.address)
        }
        return nil
    }
}
