import CPosix

/// Memory that the process has and does not use.
public enum UnusedMemory {
    /// How many bytes malloc(3) keeps for what is asked for next (mallinfo2(3)).
    public static var size: Int { cposix_unused_memory() }

    /// Gives it back to the system if it is more than that. A look costs microseconds, giving back some a megabyte.
    public static func giveBack(moreThan limit: Int) {
        if size > limit { cposix_return_memory() }
    }

    /// Makes malloc(3) keep what is not used any more until it is given back (mallopt(3)), and give threads that run at the same time
    /// heaps of their own, as many as are worth it. To be called before the first thread starts.
    public static func keep() {
        _ = cposix_keep_memory()
    }
}
