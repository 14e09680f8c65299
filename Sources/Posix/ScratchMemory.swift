import Glibc

/// Zeroed memory of this process for one piece of work (mmap(2), MAP_ANONYMOUS).
///
/// Large ones lie on huge pages where the machine has them: hundreds of page faults become one.
public struct ScratchMemory: ~Copyable, @unchecked Sendable {
    private let mapping: UnsafeMutableRawPointer
    private let mappingSize: Int
    private let start: UnsafeMutableRawPointer
    /// Bytes.
    public let count: Int

    private static let hugePageSize = 2 << 20

    /// Takes `size` bytes, one at least. ENOMEM.
    public init(size: Int) throws(SystemError) {
        let size = max(size, 1)
        let isLarge = size >= Self.hugePageSize / 4
        // One huge page more, so that the start can be moved to the beginning of one; untouched pages cost nothing.
        mappingSize = isLarge ? (size + 2 * Self.hugePageSize - 1) / Self.hugePageSize * Self.hugePageSize : size
        guard
            let place = mmap(
                nil, mappingSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
            place != MAP_FAILED
        else { throw SystemError(call: "mmap", subject: "\(size) bytes", code: errno) }
        mapping = place
        count = size
        guard isLarge else {
            start = place
            return
        }
        let address = UInt(bitPattern: place)
        let mask = UInt(Self.hugePageSize - 1)
        start = place + Int(((address + mask) & ~mask) - address)
        // A machine without them gives small ones.
        madvise(start, mappingSize - (start - place), MADV_HUGEPAGE)
    }

    deinit {
        munmap(mapping, mappingSize)
    }

    /// All bytes.
    public var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            _overrideLifetime(
                RawSpan(_unsafeBytes: UnsafeRawBufferPointer(start: start, count: count)), borrowing: self)
        }
    }

    /// All bytes, to change.
    public var mutableBytes: MutableRawSpan {
        @_lifetime(&self)
        mutating get {
            _overrideLifetime(
                MutableRawSpan(_unsafeBytes: UnsafeMutableRawBufferPointer(start: start, count: count)),
                mutating: &self)
        }
    }
}
