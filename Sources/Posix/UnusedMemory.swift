import CPosix

/// Memory that the process has and does not use.
public enum UnusedMemory {
    /// How many bytes malloc(3) keeps for what is asked for next (mallinfo2(3)).
    public static var size: Int { cposix_unused_memory() }

    /// Gives it back to the system if it is more than that (malloc_trim(3)). A look costs microseconds, giving back some a megabyte.
    public static func giveBack(moreThan limit: Int) {
        if size > limit { cposix_return_memory() }
    }

    /// Keeps little of what becomes unused (mallopt(3)). malloc(3) would learn from the first large piece that is given back to
    /// keep pieces of that size, up to 32 MiB, in each heap.
    ///
    /// - Parameters:
    ///   - mapping: pieces of so many bytes and more go back to the system at once.
    ///   - heap: how many bytes may lie unused at the end of a heap.
    public static func limit(mapping: Int32, heap: Int32) {
        _ = cposix_set_memory_limits(mapping, heap)
    }
}
