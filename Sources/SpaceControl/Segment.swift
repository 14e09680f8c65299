import SpaceProtocol

/// One segment of an image: pages of the space with one protection, filled from the image's file and then with zeros.
public struct Segment: Equatable, Sendable {
    /// What a segment's pages allow, as ELF's `p_flags` numbers it. Never writable together with executable.
    public struct Protection: OptionSet, Sendable {
        /// The bits of `p_flags`.
        public let rawValue: UInt32

        /// A protection of those bits of `p_flags`.
        public init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        /// PF_X.
        public static let executable = Protection(rawValue: SPACE_EXECUTABLE.rawValue)
        /// PF_W.
        public static let writable = Protection(rawValue: SPACE_WRITABLE.rawValue)
        /// PF_R.
        public static let readable = Protection(rawValue: SPACE_READABLE.rawValue)
    }

    /// Where it begins in the space: a multiple of the page size, inside the window.
    public var address: UInt64
    /// Where its bytes begin in the file: a multiple of the page size.
    public var fileOffset: UInt64
    /// Bytes of the file; 0 for a segment of zeros.
    public var fileSize: UInt64
    /// Bytes in memory: at least 1 and at least ``fileSize``, and more than that in a writable segment only.
    public var memorySize: UInt64
    /// What its pages allow: one thing at least.
    public var protection: Protection

    /// A segment. The space checks it when it is mapped.
    public init(address: UInt64, fileOffset: UInt64, fileSize: UInt64, memorySize: UInt64, protection: Protection) {
        self.address = address
        self.fileOffset = fileOffset
        self.fileSize = fileSize
        self.memorySize = memorySize
        self.protection = protection
    }

    var packed: space_segment {
        space_segment(
            address: address, file_offset: fileOffset, file_size: fileSize, memory_size: memorySize,
            protection: protection.rawValue, reserved: 0)
    }
}
