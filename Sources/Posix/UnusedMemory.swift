import CPosix

/// Memory that the process has and does not use.
public enum UnusedMemory {
    /// How many bytes malloc(3) keeps for what is asked for next (mallinfo2(3)).
    public static var size: Int { cposix_unused_memory() }

    /// Gives it back to the system if it is more than that (malloc_trim(3)). A look costs microseconds, giving back some a megabyte.
    public static func giveBack(moreThan limit: Int) {
        if size > limit { cposix_return_memory() }
    }

    /// Makes all threads use one heap (mallopt(3)): what they do not use any more is all given back then, and not before. To be
    /// called before the first thread starts.
    public static func gather() {
        _ = cposix_use_one_heap()
    }
}
