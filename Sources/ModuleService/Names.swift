import ModlinkInterface
import ModuleTable
import ObjectModel
import SymbolTable

/// Names of modules.
enum ModuleName {
    /// MOD_MAX_NAME of modules(2) is 64 with the NUL.
    static let limit = 63

    /// Whether a module can have that name: it becomes the name of a file and stands in lists.
    static func check(_ name: String) throws(Failure) {
        func refuse(_ reason: String) -> Failure { Failure(.systemFailure, subject: name, reason: reason) }
        guard !name.isEmpty else { throw Failure(.systemFailure, subject: "module", reason: "its name is empty") }
        guard name.utf8.count <= limit else {
            throw refuse("longer than the \(limit) bytes that a module's name may have")
        }
        let isAllowed = name.unicodeScalars.allSatisfy {
            $0.isASCII && ($0.properties.isAlphabetic || ("0"..."9").contains($0) || "_-+.".unicodeScalars.contains($0))
        }
        let bytes = Array(name.utf8)
        guard isAllowed, !name.hasPrefix("."), !name.hasPrefix("-") else {
            throw Failure(
                .systemFailure,
                subject: printable(bytes, NameRange(bytes.indices)),
                reason: "no name for a module: letters, digits, '_', '-', '+' and '.' make one; give one with --name")
        }
    }
}

extension ModuleTable {
    /// Says that there is no module of that name, and which may have been meant.
    func unknown(_ name: String) -> Problem {
        let similar = similarModule(to: name, among: all.map(\.name))
        return Problem(subject: name, reason: "no such module\(suggestion(similar.map { [$0] } ?? [])) (ENOENT)")
    }
}
