import ModlinkInterface
import ModuleIndex
import ModulePath
import ObjectFormats
import ObjectModel
import Posix
import SymbolTable
import ToolSupport

/// What objects need of others, and who has it.
struct UndefinedReport {
    /// Something that is needed.
    struct Row: Codable, Equatable {
        /// A symbol, or a module that is asked for by name.
        enum Kind: String, Codable { case symbol, module }
        /// Who has it.
        enum Provider: String, Codable { case space, module, file, nobody }

        var name: String
        var kind: Kind
        /// Whether the object does without it, if it must.
        var weak: Bool
        var provider: Provider
        /// The module that has it, if one has it.
        var module: String?
        /// The file of the module path that has it, if one has it.
        var path: String?
        /// Where it is, if it is in the space.
        var address: UInt64?
        /// Its type there as nm(1) has it.
        var type: String?
    }

    /// Prints what each object needs.
    static func print(_ paths: [String], _ tool: KernelSymbols) throws(Failure) {
        var rows: [Row] = []
        var problems: [Problem] = []
        for path in paths {
            let object = try read(path)
            let source = try tool.source(of: object.architecture)
            guard source.architecture == object.architecture else {
                throw Failure(
                    .notAnObject, subject: path,
                    reason:
                        "made for \(object.architecture.name); the symbols are those of a space for \(source.architecture.name)"
                )
            }
            let found = try UndefinedReport(object, source.table).rows()
            rows += found
            problems += found.filter { $0.provider == .nobody && !$0.weak }.map { problem($0, path, source.table) }
        }
        if tool.json {
            try ToolOutput.printJSON(rows)
        } else {
            ToolOutput.print(rows.map { line($0, tool.style) }.joined())
        }
        guard problems.isEmpty else { throw Failure(.linkFailed, problems) }
    }

    private static func read(_ path: String) throws(Failure) -> Object {
        let bytes = try Failure.naming(path, .notAnObject) { () throws(SystemError) in
            try File.read(path: path, limit: 1 << 30)
        }
        do throws(Problem) {
            return try ObjectReader.read(bytes, name: path)
        } catch {
            throw Failure(.notAnObject, [error])
        }
    }

    private static func problem(_ row: Row, _ path: String, _ table: SymbolTable) -> Problem {
        guard row.kind == .symbol else {
            return Problem(subject: path, reason: "nobody is the module '\(row.name)' that it requires")
        }
        let similar = table.nearestName(to: row.name).map { [$0] } ?? []
        return Problem(subject: path, reason: "nobody has symbol '\(row.name)'\(suggestion(similar))")
    }

    /// As the table has those that are in the space; else as nm(1) has what is undefined, and who would provide it.
    static func line(_ row: Row, _ style: NameStyle = NameStyle()) -> String {
        let address = row.address.map { String(hexadecimal: $0, digits: 16) } ?? "".filled(to: 16)
        let name =
            row.kind == .module
            ? "(module) \(row.name)" : "\(row.type ?? (row.weak ? "w" : "U")) \(style.text(row.name))"
        let provider = row.module.map { "\t[\($0)]" } ?? row.path.map { "\t\($0)" } ?? ""
        return "\(address) \(name)\(provider)\n"
    }

    private let object: Object
    private let table: SymbolTable

    private init(_ object: Object, _ table: SymbolTable) {
        self.object = object
        self.table = table
    }

    /// In alphabetical order, modules last.
    private func rows() throws(Failure) -> [Row] {
        var rows: [Row] = []
        var names: [NameRange] = []
        var seen = Set<[UInt8]>()
        for symbol in object.symbols where symbol.place == .undefined && symbol.binding != .local {
            guard !ObjectSummary.isMadeByLinker(object.bytes, symbol.name),
                seen.insert(Array(object.bytes[symbol.name.indices])).inserted
            else { continue }
            rows.append(row(symbol))
            names.append(symbol.name)
        }
        let modules = ObjectSummaryReader.requirements(of: object).required
        rows += modules.map(moduleRow)
        if rows.contains(where: { $0.provider == .nobody }) {
            let folders = try ModuleFolders.own()
            let indexes = Self.indexes(of: folders)
            for index in rows.indices where rows[index].provider == .nobody {
                let path =
                    index < names.count
                    ? file(with: names[index], indexes) : try? ModuleFolders.find(rows[index].name, in: folders)
                guard let path else { continue }
                (rows[index].provider, rows[index].path) = (.file, path)
            }
        }
        return rows.sorted { ($0.kind == .module ? 1 : 0, $0.name) < ($1.kind == .module ? 1 : 0, $1.name) }
    }

    private func row(_ symbol: Symbol) -> Row {
        var row = Row(
            name: object.text(symbol.name), kind: .symbol, weak: symbol.binding == .weak, provider: .nobody)
        guard let reference = table.exported(object.bytes, symbol.name), let set = table.owner(reference.owner) else {
            return row
        }
        row.provider = set.owner.isEmpty ? .space : .module
        row.module = set.owner.isEmpty ? nil : set.owner
        row.address = set.symbols.entries[reference.entry].address
        row.type = set.letter(reference.entry)
        return row
    }

    private func moduleRow(_ name: String) -> Row {
        let key = ModuleFile.key(name)
        let loaded = table.snapshot.first { !$0.owner.isEmpty && ModuleFile.key($0.owner) == key }?.owner
        return Row(name: name, kind: .module, weak: false, provider: loaded == nil ? .nobody : .module, module: loaded)
    }

    private static func indexes(of folders: [String]) -> [FolderIndex] {
        let directory = RuntimeDirectory.standard()
        // An index may lie there, or be left there, when the folder is this user's own.
        let isSafe = (try? directory.check()) != nil
        let (indexes, warnings) = ModuleIndexes(store: isSafe ? directory.index : nil).refresh(folders) { _, _, _ in }
        for warning in warnings { ToolOutput.warn("\(warning)") }
        return indexes
    }

    /// The file that a load would take for a name: the first that defines it, one that does not give way before one that does.
    private func file(with name: NameRange, _ indexes: [FolderIndex]) -> String? {
        var weak: String?
        for index in indexes {
            for provider in index.providers(object.bytes, name)
            where index.files[provider.file].architecture == object.architecture {
                guard provider.isWeak else { return index.path(of: provider.file) }
                weak = weak ?? index.path(of: provider.file)
            }
        }
        return weak
    }
}
