import Demangling
import ELFFormat
import Linking
import ModlinkInterface
import ModuleIndex
import ObjectFormats
import ObjectModel
import Posix
import SymbolTable
import ToolSupport

/// What helps against undefined symbols: a file beside the objects that defines them, or the library that a compiler's programs
/// always get.
struct UndefinedCures {
    private let modules: [LoadArguments.Module]

    init(_ modules: [LoadArguments.Module]) {
        self.modules = modules
    }

    /// The problems of a link, with what helps, and C++ names as they are written.
    func added(to problems: [Problem]) -> [Problem] {
        let missing = problems.compactMap { LinkFailure.undefinedName(in: $0) }
        let definers = missing.isEmpty ? [:] : NeighbourFiles(modules.flatMap(\.files)).definers(of: Set(missing))
        var libraries: [(library: RuntimeLibrary, subject: String)] = []
        var result = problems.map { problem in
            guard let name = LinkFailure.undefinedName(in: problem) else { return Self.readable(problem) }
            // A name that looks alike is worth little when there is one that is the same.
            let plain = problem.reason.split(separator: ";", maxSplits: 1).first.map(String.init) ?? problem.reason
            var problem = problem
            if let file = definers[name] {
                let cure = file.isArchive ? "name it behind \(problem.subject)" : "name it too"
                problem.reason = "\(plain); \(file.path) defines it: \(cure)"
            } else if let library = RuntimeLibrary.all.first(where: { $0.isOwner(name) }) {
                problem.reason = plain
                if !libraries.contains(where: { $0.library.name == library.name && $0.subject == problem.subject }) {
                    libraries.append((library, problem.subject))
                }
            }
            return Self.readable(problem)
        }
        result += libraries.map { library, subject in
            Problem(
                subject: subject,
                reason: "needs the library of \(library.language); name it behind the object: "
                    + library.arguments(isI386: Self.isI386(subject)))
        }
        return result
    }

    /// Whether a file is an object for i386: compilers have other libraries for it.
    private static func isI386(_ path: String) -> Bool {
        guard let file = try? PartialFile(path: path) else { return false }
        return (try? ObjectSummaryReader.read(file))?.architecture == .i386
    }

    private static func readable(_ problem: Problem) -> Problem {
        Problem(subject: problem.subject, place: demangledNames(problem.place), reason: demangledNames(problem.reason))
    }

    /// A text with the C++ names in it as they are written.
    static func demangledNames(_ text: String) -> String {
        guard text.contains("_Z") else { return text }
        let isPart = { (byte: UInt8) in
            byte == UInt8(ascii: "_") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
        }
        var result: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let first = rest.first {
            let word = isPart(first) ? rest.prefix(while: isPart) : rest.prefix(1)
            let name = demangled(word) ?? Array(word)
            result += Array(printable(name, NameRange(0..<name.count), limit: demanglingLimits.text).utf8)
            rest = rest.dropFirst(word.count)
        }
        return String(decoding: result, as: UTF8.self)
    }
}

/// A library that the programs of a compiler get without being asked for, and modules when it is named.
private struct RuntimeLibrary: Sendable {
    let name: String
    let language: String
    let compiler: String
    var more: [String] = []
    /// How the names begin that it defines.
    let beginnings: [String]

    static let all = [
        RuntimeLibrary(
            name: "libc++.a", language: "clang's C++", compiler: "clang++", more: ["libc++abi.a"],
            beginnings: ["_ZNSt3__1", "_ZNKSt3__1", "_ZTVNSt3__1", "_ZTINSt3__1", "_ZTTNSt3__1"]),
        RuntimeLibrary(
            name: "libstdc++.a", language: "C++", compiler: "g++",
            beginnings: [
                "_ZSt", "_ZNSt", "_ZNKSt", "_ZTISt", "_ZTVSt", "_ZTTSt", "_ZTINSt", "_ZTVNSt", "_ZTTNSt", "_ZNSa",
                "_ZNKSa",
                "_ZNSs", "_ZNKSs", "_ZNSi", "_ZNSo", "_Znw", "_Zna", "_Zdl", "_Zda", "_ZTVN10__cxxabiv1",
                "_ZTIN10__cxxabiv1", "_ZN9__gnu_cxx", "_ZGVNSt", "__cxa_", "__gxx_personality", "__dynamic_cast",
            ]),
        RuntimeLibrary(
            name: "libgfortran.a", language: "Fortran", compiler: "gfortran", more: ["libquadmath.a"],
            beginnings: ["_gfortran_"]),
        RuntimeLibrary(name: "libgcov.a", language: "--coverage", compiler: "gcc", beginnings: ["__gcov_"]),
        RuntimeLibrary(name: "libgomp.a", language: "OpenMP", compiler: "gcc", beginnings: ["GOMP_", "omp_"]),
        RuntimeLibrary(name: "libatomic.a", language: "atomic operations", compiler: "gcc", beginnings: ["__atomic_"]),
        RuntimeLibrary(
            name: "libubsan.a", language: "-fsanitize=undefined", compiler: "gcc", beginnings: ["__ubsan_"]),
    ]

    /// Whether it defines names like that.
    func isOwner(_ name: String) -> Bool { beginnings.contains(where: name.hasPrefix) }

    /// What is typed to name it.
    func arguments(isI386: Bool) -> String {
        ([name] + more).map { "\"$(\(compiler)\(isI386 ? " -m32" : "") -print-file-name=\($0))\"" }.joined(
            separator: " ")
    }
}

/// The objects and archives that lie beside those that were named. A folder may be large: only so much is looked at.
private struct NeighbourFiles {
    /// A file that defines something.
    struct Definer {
        let path: String
        let isArchive: Bool
    }

    private static let fileLimit = 1000
    private static let archiveLimit: UInt64 = 64 << 20
    private var paths: [String] = []

    init(_ named: [String]) {
        var folders: [String] = []
        for path in named {
            let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
            if !folders.contains(folder) { folders.append(folder) }
        }
        for folder in folders {
            let names = ((try? File.list(folder.isEmpty ? "." : folder)) ?? []).sorted()
            paths += names.filter { name in [".o", ".ko", ".a"].contains(where: name.hasSuffix) }.map { folder + $0 }
        }
        paths.removeAll(where: named.contains)
        paths = Array(paths.prefix(Self.fileLimit))
    }

    /// For each of the names that one of them defines, the first that does.
    func definers(of names: Set<String>) -> [String: Definer] {
        var definers: [String: Definer] = [:]
        for path in paths where definers.count < names.count {
            // Only files: to open others may wait for ever.
            guard (try? File.status(path: path))?.isRegular == true, let file = try? PartialFile(path: path) else {
                continue
            }
            let isArchive = ArchiveReader.isArchive(file.head)
            for name in isArchive ? Self.archiveNames(file) : Self.objectNames(file)
            where names.contains(name) && definers[name] == nil {
                definers[name] = Definer(path: path, isArchive: isArchive)
            }
        }
        return definers
    }

    private static func objectNames(_ file: PartialFile) -> [String] {
        guard let summary = try? ObjectSummaryReader.read(file) else { return [] }
        return summary.definitions.map { printable(summary.names, $0.name) }
    }

    private static func archiveNames(_ file: PartialFile) -> [String] {
        guard file.size <= archiveLimit, let bytes = try? file.bytes(at: 0, count: file.size, "archive"),
            case .archive(let archive) = try? LinkerInput(bytes, name: file.name)
        else { return [] }
        return archive.index.map { printable(archive.bytes, $0.name) }
    }
}
