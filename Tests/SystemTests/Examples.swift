import Posix
import TestSupport
import Testing

/// The example modules in Tests/Examples, sources as their authors write them, and the headers that they include.
enum Examples {
    /// The folder of the examples.
    static let path =
        #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
        + "/Examples"
    /// Where the headers for module authors are.
    static var headers: String { ModuleHeaders.directory }

    /// A compiler and its options: all that a module may be compiled with has to do.
    struct Variant: CustomTestStringConvertible, Sendable {
        let compiler: Compiler
        let options: [String]
        var isI386: Bool { options.contains("-m32") }
        var testDescription: String { "\(compiler) \(options.joined(separator: " "))" }
    }

    /// Each compiler and machine, without and with optimisation.
    static let variants: [Variant] = Compiler.available.flatMap { compiler in
        [["-O0"], ["-O2"], ["-O2", "-fPIC"], ["-m32", "-O0"], ["-m32", "-O2"]]
            .filter { !$0.contains("-m32") || Compiler.makesI386Programs }
            .map { Variant(compiler: compiler, options: $0) }
    }
}

extension Session {
    /// Compiles a source against the headers for module authors.
    func compileModule(_ name: String, _ source: String, _ variant: Examples.Variant = Examples.variants[0]) throws {
        try write(name, try variant.compiler.object(source, variant.options + ["-I", Examples.headers]))
    }

    /// What modstat says of a module behind its name, without its space: `SYSCALL 210 running 0`.
    func row(_ name: String) throws -> String {
        let fields = try output("modstat", name).split(separator: "\n").last?.split(separator: " ") ?? []
        return fields.dropFirst(2).filter { $0 != "x86-64" && $0 != "i386" }.prefix(4).joined(separator: " ")
    }

    /// Compiles an example, without a warning, into an object of its own name or another.
    func compileExample(
        _ name: String, to object: String? = nil, _ variant: Examples.Variant = Examples.variants[0],
        _ options: [String] = []
    ) throws {
        let isCxx = name.hasSuffix(".cc")
        let stem = name.split(separator: "/").last?.split(separator: ".").first ?? ""
        let compiler = isCxx && variant.compiler == .gcc ? "g++" : variant.compiler.rawValue
        try Tool.output(
            compiler,
            variant.options + ["-Wall", "-Wextra", "-Werror", "-I", Examples.headers] + options + [
                "-c", "\(Examples.path)/\(name)", "-o", "\(path)/\(object ?? stem + ".o")",
            ])
    }
}
