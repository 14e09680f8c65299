import ObjectModel

/// What a linker must know of a machine: its kinds of relocation, its tables, its stubs.
///
/// A pass of the linker chooses the machine once, by the architecture of the objects, and then runs code that is made for that
/// machine: nothing in a loop over relocations asks which machine it is.
public protocol Machine: SendableMetatype {
    /// What to compute and store. Raw values are those of `RelocationEntry.kind`.
    associatedtype Kind: RelocationKind
    /// An address as the global offset table holds it.
    associatedtype Address: FixedWidthInteger & UnsignedInteger & BitwiseCopyable

    /// The architecture that this is.
    static var architecture: Architecture { get }

    /// The size of a stub, in bytes.
    static var stubSize: Int { get }

    /// What the address of a stub is a multiple of, in bytes.
    static var stubAlignment: UInt64 { get }

    /// The addresses that the distances in calls and in other instructions reach from everywhere in a window.
    static func reach(of window: Range<UInt64>) -> ClosedRange<UInt64>

    /// Whether an instruction that takes an address out of the global offset table can do without (a kind whose need is
    /// `relaxableTableEntry`).
    ///
    /// - Parameters:
    ///   - entry: the relocation; what surrounds it is looked at only inside `original`.
    ///   - original: the section in the object.
    ///   - address: the symbol's value, or nil when it will lie somewhere in `window`.
    ///   - reach: of that window.
    static func relaxes(
        _ entry: RelocationEntry, _ kind: Kind, in original: RawSpan, address: UInt64?, window: Range<UInt64>,
        reach: ClosedRange<UInt64>
    ) -> Bool

    /// What the code around a relocation (a kind whose need is `threadLocal`) comes to.
    static func threadAccess(_ entry: RelocationEntry, _ kind: Kind, in original: RawSpan) -> ThreadAccess

    /// The function that code calls for the address of a thread-local variable, and that a linker which knows the variable's
    /// distance from the thread pointer makes go away.
    static var threadGetter: StaticString { get }

    /// The offset of the relocation of the call that belongs to a relocation and goes away with it; nil when there is none.
    static func threadCall(_ entry: RelocationEntry, in original: RawSpan) -> UInt64?

    /// Computes and stores relocations of one section. Those that do not fit are reported, and nothing is stored for them.
    ///
    /// - Parameters:
    ///   - entries: the section's relocations; their offsets and widths were checked against its size.
    ///   - contents: the section in the linked image, a copy of `original` before the first.
    ///   - original: the section in the object: what relaxation looks at.
    ///   - frame: the addresses.
    ///   - targets: what the object's symbols are, by index.
    ///   - symbols: the object's symbols, for their sizes.
    ///   - failures: receives what does not fit.
    static func apply(
        _ entries: Span<RelocationEntry>, to contents: inout MutableRawSpan, original: RawSpan,
        frame: RelocationFrame, targets: Span<SymbolTarget>, symbols: Span<Symbol>,
        failures: inout [RelocationFailure])

    /// The instructions that begin and end a function around the pieces of `.init` or `.fini`. The pieces may call others, so
    /// the stack is aligned: what crti.o and crtn.o of the C library do.
    static var fragmentStart: [UInt8] { get }
    static var fragmentEnd: [UInt8] { get }

    /// The instruction of one byte that does nothing.
    static var noOperation: UInt8 { get }

    /// Writes the stub at `address` that jumps to the address in the entry of the global offset table at `entry`. False when the
    /// entry is too far from it.
    static func writeStub(
        _ contents: inout MutableRawSpan, at offset: Int, address: UInt64, entry: UInt64
    ) -> Bool
}

extension Machine {
    /// The size of an address, and so of an entry of the global offset table, in bytes.
    @inlinable public static var addressSize: Int { MemoryLayout<Address>.size }
}

/// One machine's enumeration of what a relocation computes and stores.
public protocol RelocationKind: RawRepresentable<UInt8>, Sendable {
    /// How many bytes it changes.
    var width: Int { get }
    /// What it asks of the linker before addresses are known.
    var need: RelocationNeed { get }
    /// The name that the psABI and every tool give it.
    var name: String { get }
    /// The values that fit: the formula's result as a signed number.
    var range: ClosedRange<Int64> { get }
    /// The kind whose call is one that does not go away; nil for those without such a call.
    var withOwnCall: Self? { get }
    /// What helps when the value does not fit, or when `need` is `refused`.
    var remedy: String { get }
}

/// What a kind of relocation asks of the linker before it knows addresses.
public enum RelocationNeed: UInt8, Sendable {
    /// Nothing of the symbol but, at most, its size.
    case nothing
    /// The symbol's value.
    case value
    /// The address of the symbol, or of a stub when it is too far.
    case call
    /// The same, and the address of the global offset table.
    case callFromTable
    /// An entry of the global offset table.
    case tableEntry
    /// An entry of the global offset table, unless the instruction is relaxed.
    case relaxableTableEntry
    /// The address of the global offset table; the symbol's value as well.
    case tableAddress
    /// The distance of a thread-local variable from the thread pointer, or an entry of the global offset table that holds it.
    case threadLocal
    /// Two entries of the global offset table: what a function is given that returns the address of a thread-local variable.
    case threadArgument
    /// Nothing: the linker refuses it.
    case refused
}

/// What the relocations of an object's symbol are computed from.
public struct SymbolTarget: Sendable, BitwiseCopyable {
    /// Its value ("S"); of a thread-local variable, the distance from the thread pointer as a signed number.
    public var address: UInt64
    /// The index of its entry in the global offset table, or `absent`.
    public var tableEntry: UInt32
    /// The index of its stub, or `absent`.
    public var stub: UInt32

    /// The index of what there is none of.
    public static let absent = UInt32.max

    /// Makes the target of a symbol with neither entry nor stub.
    public init(address: UInt64) {
        self.address = address
        tableEntry = Self.absent
        stub = Self.absent
    }
}

/// The addresses that the relocations of one section are computed with.
public struct RelocationFrame: Sendable {
    /// The address of the section: a place is at this plus its offset.
    public var section: UInt64
    /// The address of the global offset table.
    public var table: UInt64
    /// The address of the first stub.
    public var stubs: UInt64
    /// The addresses that distances reach from everywhere in the module.
    public var reach: ClosedRange<UInt64>
    /// What an offset in the module's thread-local variables is counted from: 0, the thread pointer, in code; else their
    /// start, in bytes from the thread pointer, as a signed number.
    public var threadBlock: UInt64

    /// Makes a frame of the given addresses.
    public init(
        section: UInt64, table: UInt64, stubs: UInt64, reach: ClosedRange<UInt64>, threadBlock: UInt64 = 0
    ) {
        self.section = section
        self.table = table
        self.stubs = stubs
        self.reach = reach
        self.threadBlock = threadBlock
    }
}

/// A relocation that could not be stored.
public struct RelocationFailure: Error, Equatable {
    /// Which of the relocations it was.
    public var index: Int
    /// What the formula gave.
    public var value: Int64
    /// What fits.
    public var range: ClosedRange<Int64>
}

extension RelocationFrame {
    /// "L": the symbol, or its stub when it has one.
    @inline(__always)
    func callee(_ target: SymbolTarget, stubSize: Int) -> UInt64 {
        target.stub == SymbolTarget.absent ? target.address : stubs &+ UInt64(target.stub) &* UInt64(stubSize)
    }

    /// Where the argument is of a function that returns the address of a thread-local variable: a module's number, which is 0, and an
    /// offset from the thread pointer. Before the symbol's own entry, which holds that offset, stand two that are zero.
    ///
    /// - Parameter isOfModule: whether the start of the module's variables is asked for: in code, the thread pointer. Else the variable.
    @inline(__always)
    func threadArgument(_ target: SymbolTarget, isOfModule: Bool, addressSize: Int) -> UInt64 {
        entry(target, addressSize: addressSize) &- UInt64(addressSize) &* (isOfModule ? 2 : 1)
    }

    /// "GOT + G": the symbol's entry.
    @inline(__always)
    func entry(_ target: SymbolTarget, addressSize: Int) -> UInt64 {
        table &+ UInt64(target.tableEntry) &* UInt64(addressSize)
    }
}

extension MutableRawSpan {
    /// Stores an integer, lowest byte first; traps outside, as a subscript does.
    mutating func store<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
    }
}
