import Posix

/// A compiler that makes objects of source texts.
public enum Compiler: String, CaseIterable, Sendable {
    /// GNU's.
    case gcc
    /// LLVM's.
    case clang

    /// Those that this machine has. gcc has to be there.
    public static let available: [Compiler] = allCases.filter { $0 == .gcc || Tool.find($0.rawValue) != nil }

    /// What a source text is written in; the raw value is the end of the file's name.
    public enum Language: String, Sendable {
        /// C.
        case c
        /// C++.
        case cxx = "cc"
        /// Assembly in GNU's dialect.
        case assembly = "s"
    }

    /// The bytes of the relocatable object of a source text.
    public func object(
        _ source: String, _ options: [String] = ["-O2"], language: Language = .c
    ) throws -> [UInt8] {
        let directory = try ScratchDirectory()
        try directory.write("source.\(language.rawValue)", Array(source.utf8))
        let driver = self == .gcc && language == .cxx ? "g++" : rawValue
        try Tool.output(
            driver,
            options + ["-w", "-c", "-o", directory.path + "/object.o", "\(directory.path)/source.\(language.rawValue)"])
        return try directory.read("object.o")
    }
}
