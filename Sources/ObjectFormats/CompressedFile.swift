import Decompression
import ObjectModel

/// Files that are compressed as a whole, as distributions ship modules of kernels: `gurka.ko.xz`.
public enum CompressedFile {
    /// How many bytes a file may have when it is decompressed: as many as one that is read as it is.
    public static let sizeLimit = 1 << 30

    /// Whether a file that begins with these bytes (6 are enough) is compressed in a form that is read.
    public static func isCompressed(_ head: [UInt8]) -> Bool { CompressionForm(file: head) != nil }

    /// The bytes that a file holds: its own, or what is compressed in them.
    ///
    /// - Parameter name: what messages call the file.
    public static func contents(
        _ bytes: [UInt8], name: String, limit: Int = sizeLimit
    ) throws(Problem) -> [UInt8] {
        guard let form = CompressionForm(file: bytes) else {
            if let other = otherForm(bytes) { throw Problem(subject: name, reason: other) }
            return bytes
        }
        let contents: [UInt8]
        do throws(DecompressionError) {
            contents = try decompressed(bytes[...], form, limit: limit)
        } catch {
            throw Problem(subject: name, reason: "compressed with \(form.name): \(error)")
        }
        guard !isCompressed(contents) else { throw Problem(subject: name, reason: "compressed more than once") }
        return contents
    }

    /// What a file is that is compressed in another form.
    private static func otherForm(_ bytes: [UInt8]) -> String? {
        let forms: [(head: [UInt8], name: String, cure: String)] = [
            (Array("BZh".utf8), "bzip2", "bunzip2"), ([0x04, 0x22, 0x4d, 0x18], "lz4", "unlz4"),
            (Array("LZIP".utf8), "lzip", "lzip -d"), ([0x1f, 0x9d], "compress", "uncompress"),
            ([0x5d, 0x00, 0x00], "lzma", "unlzma"),
        ]
        guard let form = forms.first(where: { bytes.starts(with: $0.head) }) else { return nil }
        return "compressed with \(form.name), which is not read; decompress it with '\(form.cure)'"
    }
}
