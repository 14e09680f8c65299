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

    /// How many bytes from the start may be other than zero.
    private var used = 0

    /// Makes it all zeroes again.
    func clear() {
        memory.clear(used)
        used = 0
    }

    func change<Result, Problem: Error>(
        _ size: Int, _ body: (inout MutableRawSpan) throws(Problem) -> Result
    ) throws(Problem) -> Result {
        used = max(used, size)
        return try memory.change(size, body)
    }

    func read<Result, Problem: Error>(_ size: Int, _ body: (RawSpan) throws(Problem) -> Result) throws(Problem)
        -> Result
    {
        try memory.read(size, body)
    }
}

/// Keeps the memory of the last image for the next; of a large one until nothing has been asked for a while, since what an idle daemon
/// holds on to is others' loss.
final class ScratchStore: Sendable {
    private let kept = Mutex<Scratch?>(nil)
    /// One huge page.
    private static let idleSize = 2 << 20

    /// Zeroed memory of that size at least.
    func take(_ size: Int) throws(SystemError) -> Scratch {
        guard let scratch = kept.withLock({ $0.take() }), scratch.count >= size else {
            return try Scratch(size: max(size, Self.idleSize))
        }
        scratch.clear()
        return scratch
    }

    func giveBack(_ scratch: Scratch) {
        kept.withLock { $0 = scratch }
    }

    /// Clears what is kept, for when nobody waits.
    func clear() {
        guard let scratch = kept.withLock({ $0.take() }) else { return }
        scratch.clear()
        giveBack(scratch)
    }

    /// Keeps no more than an idle daemon may.
    func rest() {
        kept.withLock { scratch in
            if let count = scratch?.count, count > Self.idleSize { scratch = nil }
        }
    }
}
