import Linking
import ModuleIndex
import ModulePath
import ObjectFormats
import Posix
import ToolSupport

/// What completes modload's arguments beside files.
enum Completions {
    /// A file that takes longer to read than anyone waits behind a TAB is not read.
    private static let sizeLimit = 16 << 20

    /// The modules of the module path.
    static func modules(_ words: [String]) -> [CompletionCandidate] {
        ((try? ModuleFolders.own()) ?? []).flatMap { folder in
            ModuleFolders.files(in: folder).map { CompletionCandidate(ModuleFile.module($0), folder) }
        }
    }

    /// The parameters of the object that stands before.
    static func parameters(_ words: [String]) -> [CompletionCandidate] {
        guard
            let file = words.last(where: { !$0.hasPrefix("-") && !LoadArguments.isParameter($0) }),
            let bytes = try? File.read(path: file, limit: sizeLimit),
            let object = try? ObjectReader.read(bytes, name: file)
        else { return [] }
        return DeclaredParameter.all(of: [object]).map { parameter in
            CompletionCandidate("\(parameter.name)=", parameter.description ?? parameter.type)
        }
    }
}
