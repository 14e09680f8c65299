import CPosix

/// Memory that the process has and does not use.
public enum UnusedMemory {
    /// How many bytes malloc(3) keeps for what is asked for next (mallinfo2(3)).
    public static var size: Int { cposix_unused_memory() }

    /// Gives it back to the system if it is more than that (malloc_trim(3)). A look costs microseconds, giving back some a megabyte.
    public static func giveBack(moreThan limit: Int) {
        if size > limit { cposix_return_memory() }
    }
}
