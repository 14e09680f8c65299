import ObjectModel

/// Where a fault belongs: found from the place of the thread and the words on its stack, without debug information.
///
/// The module in whose code the thread was is at fault. When it was in code of the space, in strlen or exit, the module is that called
/// it: the nearest word on the stack that points behind a call instruction in code of a module. A word that was left by an
/// earlier, deeper call can look the same; calls that lead to the space's code are preferred, as the one that is looked for does.
/// Last comes the module of the function that the thread began with.
struct FaultPlace: Equatable, Sendable {
    /// The number of the module.
    let module: Int
    /// Where in the module: the instruction, or the one behind the call.
    let address: UInt64

    /// What has to be known of a space.
    struct Surroundings {
        var architecture: Architecture
        /// The module whose code lies at an address.
        var module: (UInt64) -> Int?
        /// Whether an address lies in the space's own program.
        var isProgram: (UInt64) -> Bool
        /// Bytes of the space's memory; fewer where not all can be read.
        var read: (UInt64, Int) -> [UInt8]
    }

    /// How much of the stack is looked at, in bytes.
    private static let stackLimit = 64 << 10
    /// The longest call instruction, in bytes.
    static let longestCall = 7

    init?(programCounter: UInt64, stackPointer: UInt64, startRoutine: UInt64?, in space: Surroundings) {
        if let module = space.module(programCounter) {
            self.init(module: module, address: programCounter)
        } else if let found = Self.caller(stackPointer, space) {
            self = found
        } else if let start = startRoutine, let module = space.module(start) {
            self.init(module: module, address: start)
        } else {
            return nil
        }
    }

    init(module: Int, address: UInt64) {
        self.module = module
        self.address = address
    }

    private static func caller(_ stackPointer: UInt64, _ space: Surroundings) -> FaultPlace? {
        let wordSize = Int(space.architecture.pointerSize)
        let stack = space.read(stackPointer, stackLimit)
        var other: FaultPlace?
        for start in stride(from: 0, to: stack.count - wordSize + 1, by: wordSize) {
            let word = stack[start..<start + wordSize].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            // The last instruction of a module's code may be a call that does not return: what is behind it is not the module's.
            guard word > UInt64(longestCall), let module = space.module(word - 1) else { continue }
            let before = space.read(word - UInt64(longestCall), longestCall)
            guard let call = Call(before, returnsTo: word, space.architecture) else { continue }
            let place = FaultPlace(module: module, address: word)
            if call.target.map(space.isProgram) ?? true { return place }
            other = other ?? place
        }
        return other
    }

    /// A call instruction (Intel SDM, CALL; the same in both modes).
    struct Call: Equatable {
        /// Where it leads; nil when a register or memory says it.
        let target: UInt64?

        /// - Parameter bytes: the seven before the address to which it returns.
        init?(_ bytes: [UInt8], returnsTo address: UInt64, _ architecture: Architecture) {
            guard bytes.count == longestCall else { return nil }
            let last = { (index: Int) in bytes[longestCall - index] }
            if last(5) == 0xe8 {
                let distance = (1...4).reduce(UInt32(0)) { $0 << 8 | UInt32(last($1)) }
                let target = address &+ UInt64(bitPattern: Int64(Int32(bitPattern: distance)))
                self.target = architecture == .i386 ? target & 0xffff_ffff : target
                return
            }
            target = nil
            // FF /2: the length follows from the form of the operand.
            for length in [2, 3, 4, 6, 7] where last(length) == 0xff {
                let form = last(length - 1)
                let (mode, register, memory) = (form >> 6, form >> 3 & 7, form & 7)
                guard register == 2 else { continue }
                let hasScale = mode < 3 && memory == 4
                let displacement = mode == 1 ? 1 : mode == 2 || mode == 0 && memory == 5 ? 4 : 0
                // A scaled one without a base has a displacement all the same.
                let hasNoBase = length > 2 && hasScale && mode == 0 && last(length - 2) & 7 == 5
                if length == 2 + (hasScale ? 1 : 0) + (hasNoBase ? 4 : displacement) { return }
            }
            return nil
        }
    }
}

/// Which module's code lies where. Each word of a stack is looked up, and there may be ten thousand modules.
struct ModuleCode: Sendable {
    /// In the order of address; none touches another.
    private let ranges: [(range: Range<UInt64>, module: Int)]

    init(_ ranges: [(range: Range<UInt64>, module: Int)]) {
        self.ranges = ranges.sorted { $0.range.lowerBound < $1.range.lowerBound }
    }

    /// The number of the module whose code has an address.
    func module(at address: UInt64) -> Int? {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].range.lowerBound <= address { low = middle + 1 } else { high = middle }
        }
        guard low > 0, ranges[low - 1].range.contains(address) else { return nil }
        return ranges[low - 1].module
    }
}
