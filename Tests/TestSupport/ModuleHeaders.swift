/// The headers for module authors.
public enum ModuleHeaders {
    /// Their folder in this source tree.
    public static let directory =
        #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        + "/Sources/ModuleHeaders/include"

    /// The compiler's option for it.
    public static let option = "-I" + directory
}
