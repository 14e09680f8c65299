import Glibc

extension CurrentProcess {
    /// Ends the process with that status (exit(3)).
    public static func exit(_ status: Int32) -> Never {
        Glibc.exit(status)
    }
}
