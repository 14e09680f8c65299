import Glibc

extension CurrentProcess {
    /// Ends the process with that status (exit(3)).
    public static func exit(_ status: Int32) -> Never {
        Glibc.exit(status)
    }

    /// Ends this process at once, without what others of its threads may be waiting for (_exit(2)).
    public static func exitNow(_ status: Int32) -> Never {
        Glibc._exit(status)
    }
}
