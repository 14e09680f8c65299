import Glibc

/// A file's bytes in memory (mmap(2)), until the owner lets go of it.
///
/// What others may still shorten must not be mapped: touching bytes that the file no longer has is SIGBUS. Map files of
/// one's own, and memory files for which ``MemoryFile/isSealed(_:)`` is true.
public struct Mapping: ~Copyable, @unchecked Sendable {
    /// Nil where there are no bytes, which mmap(2) does not map.
    private let base: UnsafeMutableRawPointer?
    /// Bytes.
    public let count: Int
    /// Whether ``mutableBytes`` has the bytes.
    public let isWritable: Bool

    /// Maps the first `size` bytes of a file; those after its end must not be touched.
    ///
    /// - Parameters:
    ///   - writable: to write too; a shared writable mapping needs a descriptor that is open for both (EACCES).
    ///   - shared: writes reach the file (MAP_SHARED), rather than a copy of one's own (MAP_PRIVATE).
    public init(
        _ descriptor: borrowing Descriptor, size: Int, writable: Bool, shared: Bool, name: String? = nil
    ) throws(SystemError) {
        base = try Mapping.map(
            descriptor.number, size: size, writable: writable, shared: shared, name: nameOf(descriptor, name))
        count = size
        isWritable = writable
    }

    private static func map(
        _ number: Int32, size: Int, writable: Bool, shared: Bool, name: String
    ) throws(SystemError) -> UnsafeMutableRawPointer? {
        guard size != 0 else { return nil }
        guard size > 0 else {
            throw SystemError(call: "mmap", subject: "\(name): \(size) bytes", code: EINVAL)
        }
        let protection = PROT_READ | (writable ? PROT_WRITE : 0)
        let place = mmap(nil, size, protection, shared ? MAP_SHARED : MAP_PRIVATE, number, 0)
        guard place != MAP_FAILED else {
            throw SystemError(call: "mmap", subject: name, code: errno)
        }
        return place
    }

    deinit {
        if let base { munmap(base, count) }
    }

    /// All bytes. Where another process has them mapped too, they may change between two looks.
    public var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            let buffer = UnsafeRawBufferPointer(start: base, count: count)
            return _overrideLifetime(RawSpan(_unsafeBytes: buffer), borrowing: self)
        }
    }

    /// All bytes, to change; none where the mapping is not writable.
    public var mutableBytes: MutableRawSpan {
        @_lifetime(&self)
        mutating get {
            let buffer = UnsafeMutableRawBufferPointer(start: base, count: isWritable ? count : 0)
            return _overrideLifetime(MutableRawSpan(_unsafeBytes: buffer), mutating: &self)
        }
    }
}
