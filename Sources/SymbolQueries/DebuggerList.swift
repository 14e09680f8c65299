import ELFFormat
import ObjectModel
import SymbolTable

/// The objects that a space has registered with the GDB JIT interface (GDB manual, "JIT Compilation Interface"), read out of its
/// memory: of its process, or of its core file.
public struct DebuggerList {
    /// Reads so many bytes at an address; nil where they cannot be read.
    public typealias Memory = (_ address: UInt64, _ count: UInt64) throws(Problem) -> [UInt8]?

    /// The name of the list's head in the space's symbol table.
    private static let head = "__jit_debug_descriptor"
    /// No space has as many objects, and no object is larger: a list that is being changed, or memory that is broken, may say anything.
    private static let countLimit = 1 << 20
    private static let sizeLimit: UInt64 = 1 << 30

    private let sets: [SymbolSet]
    private let word: UInt64
    private let memory: Memory

    /// - Parameter sets: those of the space's symbol table.
    public init(_ sets: [SymbolSet], architecture: Architecture, memory: @escaping Memory) {
        self.sets = sets
        self.memory = memory
        word = architecture.pointerSize
    }

    /// Calls `body` with each object, the newest first. What is not an object is passed over: linked files are registered where there
    /// is no object that a debugger reads.
    public func forEach(_ body: (LoadedObject) -> Void) throws(Problem) {
        let found = SymbolLookUp(sets).find(Self.head, of: "").first
        // The version and the action, 4 bytes each, the entry that it is about, and the first.
        guard let found, var entry = try pointer(at: found.unsignedAddress &+ 8 &+ word) else { return }
        for _ in 0..<Self.countLimit where entry != 0 {
            // The next, the one before, where the object is, and its size in 8 bytes.
            guard let next = try pointer(at: entry), let address = try pointer(at: entry &+ 2 * word),
                let size = try integer(at: entry &+ 3 * word, count: 8)
            else { return }
            if size > 0, size <= Self.sizeLimit, let bytes = try memory(address, size),
                let object = try? LoadedObject(bytes, name: "object at \(hexadecimal(address))")
            {
                body(object)
            }
            entry = next
        }
    }

    /// Bytes of the space's memory; nil where they cannot be read, or are more than any object has.
    func bytes(at address: UInt64, count: UInt64) throws(Problem) -> [UInt8]? {
        guard count <= Self.sizeLimit else { return nil }
        return try memory(address, count)
    }

    private func pointer(at address: UInt64) throws(Problem) -> UInt64? { try integer(at: address, count: word) }

    private func integer(at address: UInt64, count: UInt64) throws(Problem) -> UInt64? {
        guard let bytes = try memory(address, count), bytes.count == Int(count) else { return nil }
        return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
