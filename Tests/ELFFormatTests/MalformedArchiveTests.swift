import ELFFormat
import ObjectModel
import Testing

/// Archives byte by byte.
enum HandMadeArchive {
    static let magic = Array("!<arch>\n".utf8)

    /// A member with its header; `size` is what the header says, when it lies.
    static func member(_ name: String, _ contents: [UInt8], size: String? = nil, end: String = "`\n") -> [UInt8] {
        func field(_ text: String, _ width: Int) -> [UInt8] {
            Array(text.utf8) + [UInt8](repeating: 0x20, count: width - text.utf8.count)
        }
        return field(name, 48) + field(size ?? "\(contents.count)", 10) + Array(end.utf8) + contents
            + [UInt8](repeating: 0x0a, count: contents.count % 2)
    }

    /// The contents of a symbol index.
    static func index(_ offsets: [UInt32], _ names: String, count: UInt32? = nil) -> [UInt8] {
        ([count ?? UInt32(offsets.count)] + offsets).flatMap { number in
            (0..<4).reversed().map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
        } + Array(names.utf8)
    }
}

@Suite struct MalformedArchiveTests {
    /// What is said about an archive of these members; nil when it is read.
    private func refusal(_ members: [UInt8]...) -> String? {
        do throws(Problem) {
            _ = try ArchiveReader.read(HandMadeArchive.magic + members.joined(), name: "l.a")
            return nil
        } catch {
            return error.description
        }
    }

    private func member(_ name: String, _ text: String = "", size: String? = nil, end: String = "`\n") -> [UInt8] {
        HandMadeArchive.member(name, Array(text.utf8), size: size, end: end)
    }

    @Test("a header that is cut off")
    func header() {
        let whole = member("x/")
        #expect(whole.count == 60 && refusal(whole) == nil)
        for count in [1, 59] {
            #expect(
                refusal(Array(whole.prefix(count)))
                    == "l.a: member at 0x8: truncated: \(count) bytes, shorter than a member's header")
        }
    }

    @Test("a header that does not end as one")
    func end() {
        let reason = "ar_fmag: a member's header does not end here: does the size of the one before lie?"
        #expect(refusal(member("x/", end: "`x")) == "l.a: member at 0x8: \(reason)")
        #expect(refusal(member("x/", "abcd", size: "2"), member("y/")) == "l.a: member at 0x46: \(reason)")
    }

    @Test("a size that is no number, or beyond the archive")
    func size() {
        #expect(refusal(member("x/", "abcd", size: "4")) == nil)
        #expect(
            refusal(member("x/", "abcd", size: "5"))
                == "l.a: member 'x/': ar_size: 5 bytes are beyond the end of the archive (72 bytes): truncated?")
        for text in ["", "-1", "0x4", "4 4", "4\u{1b}"] {
            let shown = text == "4\u{1b}" ? "4\\x1b" : text
            #expect(refusal(member("x/", "abcd", size: text)) == "l.a: member 'x/': ar_size: '\(shown)' is no number")
        }
        #expect(
            refusal(member("x/", size: "9999999999"))
                == "l.a: member 'x/': ar_size: 9999999999 bytes are beyond the end of the archive (68 bytes): truncated?"
        )
    }

    @Test("a long name that is nowhere")
    func longName() {
        let table = member("//", "ab/\nc")
        #expect(refusal(table, member("/0")) == nil)
        #expect(refusal(member("/0")) == "l.a: member '/0': ar_name: no table of long names stands before it")
        #expect(refusal(table, member("/4")) == "l.a: member '/4': ar_name: a long name without end")
        #expect(refusal(table, member("/5")) == "l.a: member '/5': ar_name: beyond the table of long names (5 bytes)")
        let huge = "/99999999999999"
        #expect(
            refusal(table, member(huge))
                == "l.a: member '\(huge)': ar_name: beyond the table of long names (5 bytes)")
        #expect(refusal(table, member("/0x")) == "l.a: member '/0x': ar_name: beyond the table of long names (5 bytes)")
        #expect(refusal(table, table) == "l.a: member '//': a second table of long names")
        #expect(refusal(table, member("/0:8")) == "l.a: member '/0:8': ar_name: no place in another archive")
    }

    @Test("a name before the contents that is longer than they are")
    func bsdName() {
        #expect(refusal(member("#1/4", "abcd")) == nil)
        #expect(refusal(member("#1/5", "abcd")) == "l.a: member '#1/5': ar_name: a name of 5 bytes in a member of 4")
        #expect(refusal(member("#1/", "abcd")) == "l.a: member '#1/': ar_name: '' is no number")
        #expect(refusal(member("#1/a", "abcd")) == "l.a: member '#1/a': ar_name: 'a' is no number")
    }

    @Test("an archive in an archive", arguments: ["!<arch>\n", "!<thin>\n"])
    func nested(_ magic: String) {
        #expect(
            refusal(member("in.a/", magic))
                == "l.a(in.a): an archive in an archive; take it out with 'ar x' and name it by itself")
        #expect(refusal(member("in.a/", String(magic.dropLast()))) == nil)
    }

    @Test("an index that lies")
    func index() {
        func refusal(_ index: [UInt8]) -> String? {
            self.refusal(HandMadeArchive.member("/", index), member("x/"))
        }
        // 8 of magic, 60 of header, 12 of index: the member is at 80.
        #expect(refusal(HandMadeArchive.index([80], "abc\0")) == nil)
        #expect(
            refusal(HandMadeArchive.index([81], "abc\0"))
                == "l.a: symbol index: entry 0: no member at 0x51; 'ranlib' makes it anew")
        #expect(
            refusal(HandMadeArchive.index([8], "abc\0"))
                == "l.a: symbol index: entry 0: no member at 0x8; 'ranlib' makes it anew")
        #expect(
            refusal(HandMadeArchive.index([80], "abcd")) == "l.a: symbol index: entry 0: its name is beyond the index")
        #expect(
            refusal(HandMadeArchive.index([84, 84], "abc\0"))
                == "l.a: symbol index: entry 1: its name is beyond the index")
        #expect(refusal(HandMadeArchive.index([], "", count: 0)) == nil)
        #expect(refusal([0, 0, 0]) == "l.a: symbol index: 3 bytes, shorter than the number of its entries")
        for count: UInt32 in [2, .max] {
            #expect(
                refusal(HandMadeArchive.index([80], "abc", count: count))
                    == "l.a: symbol index: \(count) entries do not fit 11 bytes")
        }
        #expect(
            self.refusal(member("x/"), HandMadeArchive.member("/", HandMadeArchive.index([], "")))
                == "l.a: member '/': a symbol index that is not the first")
    }

    @Test("an index of wide numbers")
    func wideIndex() {
        // The member is at 8 + 60 + 18.
        func wide(_ count: UInt8, _ offset: UInt8) -> [UInt8] {
            let zeroes = [UInt8](repeating: 0, count: 7)
            return HandMadeArchive.member("/SYM64/", zeroes + [count] + zeroes + [offset] + Array("a\0".utf8))
        }
        #expect(refusal(wide(1, 86), member("x/")) == nil)
        #expect(
            refusal(wide(1, 87), member("x/"))
                == "l.a: symbol index: entry 0: no member at 0x57; 'ranlib' makes it anew")
        #expect(refusal(wide(2, 86), member("x/")) == "l.a: symbol index: 2 entries do not fit 18 bytes")
    }

    @Test("an object that is malformed is told with archive and member, where there is no index")
    func object() {
        #expect(
            refusal(member("x.o/", "\u{7f}ELF"))
                == "l.a(x.o): truncated: 4 bytes, shorter than an ELF header")
        #expect(refusal(member("x.o/", "\u{7f}EL")) == nil)
    }

    @Test("whatever byte of an archive is changed, it is read or refused")
    func mutations() throws {
        var bytes = HandMadeArchive.magic
        bytes += HandMadeArchive.member("/", HandMadeArchive.index([148], "abc\0"))
        bytes += member("//", "long/\n!!")
        let start = bytes.count
        bytes += member("/0", "abc") + member("#1/2", "zz!") + member("y/", "abcd")
        var refused = 0
        for position in bytes.indices {
            for value in [0, 0x0a, 0x20, 0x2f, 0x30, 0x39, 0x7f, 0xff] as [UInt8] {
                var changed = bytes
                changed[position] = value
                do throws(Problem) {
                    let archive = try ArchiveReader.read(changed, name: "l.a")
                    for index in archive.members.indices {
                        #expect(
                            changed.indices.contains(archive.members[index].contents)
                                || archive.members[index].contents.isEmpty)
                        _ = archive.memberName(index)
                    }
                } catch {
                    refused += 1
                }
                _ = try? ThinArchive(Array("!<thin>\n".utf8) + changed.dropFirst(8), name: "l.a")
            }
        }
        #expect(start == 148 && refused > 100)
    }
}
