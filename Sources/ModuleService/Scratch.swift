import Posix
import Synchronization

/// Memory that images are made in. Belongs to one thread at a time.
final class Scratch: @unchecked Sendable {
    private var memory: ScratchMemory
    let count: Int

    init(size: Int) throws(SystemError) {
        memory = try ScratchMemory(size: size)
        count = size
    }

    func clear(_ size: Int) {
        memory.clear(size)
    }

    func change<Result, Problem: Error>(
        _ size: Int, _ body: (inout MutableRawSpan) throws(Problem) -> Result
    ) throws(Problem) -> Result {
        try memory.change(size, body)
    }

    func read<Result, Problem: Error>(_ size: Int, _ body: (RawSpan) throws(Problem) -> Result) throws(Problem)
        -> Result
    {
        try memory.read(size, body)
    }
}

/// Keeps the memory of the last image for the next, unless it is large: what an idle daemon holds on to is others' loss.
final class ScratchStore: Sendable {
    private let kept = Mutex<Scratch?>(nil)
    /// One huge page.
    private static let keptSize = 2 << 20

    /// Zeroed memory of that size at least.
    func take(_ size: Int) throws(SystemError) -> Scratch {
        if size <= Self.keptSize, let scratch = kept.withLock({ $0.take() }) {
            scratch.clear(size)
            return scratch
        }
        return try Scratch(size: max(size, Self.keptSize))
    }

    func giveBack(_ scratch: Scratch) {
        if scratch.count <= Self.keptSize { kept.withLock { $0 = scratch } }
    }
}
