/// A machine that code is made for, as one object, one image and one space have exactly one of.
public enum Architecture: UInt8, Sendable, Equatable, CaseIterable {
    /// AMD64: 64-bit, little-endian (psABI "x86-64").
    case x86_64
    /// Intel 386 and later in 32-bit mode: little-endian (psABI "Intel386").
    case i386

    /// The name that users and messages know it by.
    public var name: String {
        switch self {
        case .x86_64: "x86-64"
        case .i386: "i386"
        }
    }

    /// The machine that has that name.
    public init?(name: String) {
        guard let named = Architecture.allCases.first(where: { $0.name == name }) else { return nil }
        self = named
    }

    /// The size of a page of memory, in bytes: what protections are granular to.
    public var pageSize: UInt64 {
        switch self {
        case .x86_64, .i386: 4096
        }
    }

    /// The size of an address, and of C's `long`, in bytes.
    public var pointerSize: UInt64 {
        switch self {
        case .x86_64: 8
        case .i386: 4
        }
    }

    /// The bits that an address has: sums of addresses wrap there (psABI, "word32" and "word64").
    public var addressMask: UInt64 {
        switch self {
        case .x86_64: .max
        case .i386: 0xffff_ffff
        }
    }

    /// What the addresses of a program are below.
    public var addressLimit: UInt64 {
        switch self {
        case .x86_64: 1 << 47
        case .i386: 1 << 32
        }
    }
}

/// What a range of memory may be used for.
public struct Protection: OptionSet, Sendable, Equatable {
    /// Bits with the values of ELF's segment flags (`PF_X` 1, `PF_W` 2, `PF_R` 4).
    public let rawValue: UInt8

    /// Makes a set of the given bits.
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Code may be run from it.
    public static let execute = Protection(rawValue: 1)
    /// It may be written.
    public static let write = Protection(rawValue: 2)
    /// It may be read.
    public static let read = Protection(rawValue: 4)
}
