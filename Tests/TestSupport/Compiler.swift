import Posix

/// A compiler that makes objects of source texts.
public enum Compiler: String, CaseIterable, Sendable {
    /// GNU's.
    case gcc
    /// LLVM's.
    case clang

    /// Those that this machine has. gcc has to be there.
    public static let available: [Compiler] = allCases.filter { $0 == .gcc || Tool.find($0.rawValue) != nil }

    /// Whether gcc makes programs for i386: with the C library's headers and archives for it.
    public static let makesI386Programs: Bool = {
        guard let directory = try? ScratchDirectory() else { return false }
        let program = directory.path + "/program"
        _ = try? directory.write("source.c", Array("#include <stdio.h>\nint main(void) { return 0; }\n".utf8))
        let result = try? Tool.run("gcc", ["-m32", "-static", "-o", program, directory.path + "/source.c"])
        return result?.status == .exited(0)
    }()

    /// Why a test that needs them is skipped.
    public static let noI386Programs = "gcc -m32 makes no programs for i386: install gcc-multilib"

    /// The path of a library for static linking, such as `libz.a`, of those that come with the compiler or lie where it looks.
    public static func library(_ name: String) throws -> String {
        // One that it does not find it prints as it is.
        let path = try Tool.output("g++", ["-print-file-name=\(name)"]).filter { $0 != "\n" }
        guard path.hasPrefix("/") else { throw ToolFailure(description: "\(name): not installed") }
        return path
    }

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
