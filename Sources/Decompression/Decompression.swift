import CDecompression

/// A form of compression.
public enum CompressionForm: Sendable, Equatable {
    /// RFC 1950, as sections of ELF files have it.
    case zlib
    /// gzip(1).
    case gzip
    /// xz(1).
    case xz
    /// zstd(1), and sections of ELF files.
    case zstd

    /// The form of a file that begins with these bytes (6 are enough); nil when it is not compressed.
    public init?(file bytes: [UInt8]) {
        if bytes.starts(with: [0x1f, 0x8b]) {
            self = .gzip
        } else if bytes.starts(with: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) {
            self = .xz
        } else if bytes.starts(with: [0x28, 0xb5, 0x2f, 0xfd]) {
            self = .zstd
        } else {
            return nil
        }
    }

    /// What people call it.
    public var name: String {
        switch self {
        case .zlib: "zlib"
        case .gzip: "gzip"
        case .xz: "xz"
        case .zstd: "zstd"
        }
    }

    fileprivate var number: cdecompression_form {
        switch self {
        case .zlib: CDECOMPRESSION_ZLIB
        case .gzip: CDECOMPRESSION_GZIP
        case .xz: CDECOMPRESSION_XZ
        case .zstd: CDECOMPRESSION_ZSTD
        }
    }
}

/// Why compressed bytes cannot be had.
public enum DecompressionError: Error, Equatable, CustomStringConvertible {
    /// The library does not take them.
    case damaged
    /// They end too early.
    case truncated
    /// They hold more than that many bytes.
    case tooLarge(Int)
    /// There is not enough memory, or they want the library to keep more than 256 MiB.
    case memory

    /// The reason, for a message.
    public var description: String {
        switch self {
        case .damaged: "damaged"
        case .truncated: "truncated"
        case .tooLarge(let limit): "more than \(limit) bytes when decompressed"
        case .memory: "needs too much memory to decompress"
        }
    }
}

/// What compressed bytes hold. The time that takes is bounded as the result is.
///
/// - Parameters:
///   - bytes: from outside; nothing is assumed of them.
///   - limit: the most bytes that the result may have: a few bytes can stand for gigabytes.
public func decompressed(
    _ bytes: ArraySlice<UInt8>, _ form: CompressionForm, limit: Int
) throws(DecompressionError) -> [UInt8] {
    let result: Result<[UInt8], DecompressionError> = bytes.withUnsafeBytes { raw in
        guard let reader = cdecompression_begin(form.number, raw.baseAddress, raw.count) else {
            return .failure(.memory)
        }
        defer { cdecompression_end(reader) }
        return read(reader, limit)
    }
    return try result.get()
}

/// How many bytes are asked for at once.
private let partSize = 256 << 10

private func read(_ reader: OpaquePointer, _ limit: Int) -> Result<[UInt8], DecompressionError> {
    var result: [UInt8] = []
    return withUnsafeTemporaryAllocation(byteCount: partSize, alignment: 16) { part in
        while true {
            let count = cdecompression_read(reader, part.baseAddress, part.count)
            switch count {
            case 0: return .success(result)
            case Int(CDECOMPRESSION_TRUNCATED.rawValue): return .failure(.truncated)
            case Int(CDECOMPRESSION_MEMORY.rawValue): return .failure(.memory)
            case ..<0: return .failure(.damaged)
            case (limit - result.count + 1)...: return .failure(.tooLarge(limit))
            default: result.append(contentsOf: part.prefix(count))
            }
        }
    }
}
