import ELFFormat
import Linking
import ModlinkInterface
import ModuleIndex
import ModulePath
import ObjectFormats
import ObjectModel
import Posix
import SymbolQueries
import SymbolTable
import ToolSupport
import Varlink

/// Links without loading: against the symbols of the daemon's space, or of a file.
struct DryLink {
    /// A linked module.
    struct Result {
        let report: String
        let file: [UInt8]
        /// Where sections went and symbols came from, a line each; empty unless they are asked for.
        let decisions: [String]
    }

    /// The modules that are linked: those that were named, and what they need of the module path.
    let plan: PlannedLoad
    private var sources: [ModuleSource] { plan.members.map(\.source) }
    private let table: SymbolTable
    /// What messages call the symbols, and the machine that they are for, if it is known: a text does not say.
    private let symbolsName: String
    private let symbolsArchitecture: Architecture?
    private let window: Range<UInt64>
    private var clock = PhaseClock()

    /// How long each part of the work took.
    var phases: [Phase] { clock.phases }

    /// Where spaces put modules, for who has no daemon to ask.
    private static let standardWindow: Range<UInt64> = 0x1000_0000..<0x7000_0000

    /// - Parameters:
    ///   - kernel: the file whose symbols are used; those of a space where it is nil.
    ///   - address: where the modules go; nil: where spaces put them.
    ///   - space: the space; nil: that of the machine that the objects are made for.
    init(
        _ sources: [ModuleSource], kernel: String?, address: UInt64?, space: Architecture?, daemon: DaemonOptions
    ) throws(Failure) {
        var window = Self.standardWindow
        symbolsName = kernel ?? DaemonOptions.symbolTableName
        if let kernel {
            let bytes = try Failure.naming(kernel, .notAnObject) { () throws(SystemError) in
                try File.read(path: kernel, limit: 1 << 31)
            }
            (table, symbolsArchitecture) = try Self.table(bytes, kernel)
        } else {
            let space = space ?? sources.lazy.flatMap(\.objects).first?.architecture
            let bytes = try daemon.symbolTable(of: space)
            (table, symbolsArchitecture) = try Self.table(bytes, DaemonOptions.symbolTableName)
            let status = try daemon.call(StatusMethod.self, SpaceParameters(space: space?.name)).reply
            window = UInt64(status.windowStart)..<UInt64(status.windowEnd)
        }
        if let address {
            // Half of what a 32-bit distance reaches; kernels put their modules at the end of all addresses.
            let (end, wraps) = address.addingReportingOverflow(1 << 30)
            window = address..<(wraps ? UInt64.max & ~4095 : end)
        }
        self.window = window
        plan = try Self.plan(sources, against: table)
    }

    /// What is loaded is known by the symbols.
    private static func plan(_ sources: [ModuleSource], against table: SymbolTable) throws(Failure) -> PlannedLoad {
        let directory = RuntimeDirectory.standard()
        // An index may lie there, or be left there, when the folder is this user's own.
        let isSafe = (try? directory.check()) != nil
        let loaded = Dictionary(
            table.snapshot.map { (ModuleFile.key($0.owner), $0.owner) }, uniquingKeysWith: { first, _ in first })
        var line = ProgressLine()
        defer { line.clear() }
        return try ModuleIndexes(store: isSafe ? directory.index : nil).plan(
            sources, for: sources.lazy.flatMap(\.objects).first?.architecture ?? .native,
            folders: try ModuleFolders.own(), against: table, loaded: { loaded[$0] },
            progress: { line.update(Progress(activity: $0, done: $1, total: $2)) })
    }

    /// The symbols of a file. ELF: an owner for each that its sections name; what a space offers, when the file says it. Or a
    /// text in the form of System.map.
    private static func table(
        _ bytes: [UInt8], _ name: String
    ) throws(Failure) -> (SymbolTable, Architecture?) {
        do throws(Problem) {
            if SymbolTable.isMap(bytes) { return (try SymbolTable(map: bytes, name: name), nil) }
            let file = try SymbolFile(bytes, name: name)
            return (SymbolTable(file), file.architecture)
        } catch {
            throw Failure(.notAnObject, [error])
        }
    }

    /// What the modules of a command line are made of.
    static func sources(
        _ modules: [LoadArguments.Module], name: String?, entry: String?, keepsDuplicatesPrivate: Bool,
        wholeArchives: Bool
    ) throws(Failure) -> [ModuleSource] {
        var sources: [ModuleSource] = []
        let folders = try ModuleFolders.own()
        for module in modules {
            var files = module.files
            for (index, file) in files.enumerated() where ObjectFiles.isModuleName(file) {
                files[index] = try ModuleFolders.find(file, in: folders)
            }
            let isFound = name == nil && files[0] != module.files[0]
            var source = ModuleSource(
                name: isFound ? ModuleSource.name(ofFile: files[0]) : module.name, objects: [], entryName: entry,
                parameters: module.parameters.compactMap(Parameter.init(text:)),
                keepsDuplicatesPrivate: keepsDuplicatesPrivate)
            try read(files, into: &source, wholeArchives: wholeArchives)
            if name == nil { source.takeClassicName() }
            sources.append(source)
        }
        return sources
    }

    /// Links them.
    ///
    /// - Parameters:
    ///   - phases: what has been done before.
    ///   - explains: whether the results say what was decided.
    mutating func run(after phases: [Phase], explains: Bool) throws(Failure) -> [Result] {
        clock = PhaseClock(phases)
        let settings = try settings(for: sources.lazy.flatMap(\.objects).first)
        do throws(LinkFailure) {
            var linker = try Linker(sources, against: table, settings: settings)
            clock.end("resolve")
            linker.place(at: try addresses(linker, sources, settings.window))
            var results: [Result] = []
            for index in sources.indices {
                results.append(try result(linker, index, explains ? sources[index].objects : nil))
            }
            clock.end("relocate")
            return results
        } catch {
            throw Failure(.linkFailed, error.problems)
        }
    }

    /// The objects say what machine it is; symbols and addresses have to be of the same.
    private func settings(for object: Object?) throws(Failure) -> LinkSettings {
        let architecture = object?.architecture ?? .x86_64
        let name = object?.name ?? ""
        if let other = symbolsArchitecture, other != architecture {
            throw Failure(
                .notAnObject, subject: symbolsName,
                reason: "symbols for \(other.name); \(name) is made for \(architecture.name)")
        }
        guard architecture.pointerSize == 4 else {
            return LinkSettings(
                architecture: architecture, window: window, headerSize: ELFImageWriter.headerSize)
        }
        let limit = architecture.addressLimit
        if symbolsArchitecture == nil, table.snapshot.contains(where: { $0.range.upperBound >= limit }) {
            throw Failure(
                .notAnObject, subject: symbolsName,
                reason: "symbols beyond 4 GiB; \(name) is made for \(architecture.name)")
        }
        guard window.lowerBound < limit else {
            throw Failure(
                .linkFailed, subject: name,
                reason: "address \(hexadecimal(window.lowerBound)) is beyond 4 GiB, where \(architecture.name) ends")
        }
        return LinkSettings(
            architecture: architecture, window: window.clamped(to: 0..<limit), headerSize: ELFImageWriter.headerSize)
    }

    private static func read(
        _ paths: [String], into source: inout ModuleSource, wholeArchives: Bool
    ) throws(Failure) {
        var archives: [Archive] = []
        var problems: [Problem] = []
        for path in paths {
            let file = try ObjectFiles.open(path)
            let bytes = try Failure.naming(path, .notAnObject) { () throws(SystemError) in
                try File.readAll(file.descriptor, name: path, limit: ObjectFiles.sizeLimit)
            }
            do throws(Problem) {
                switch try LinkerInput(bytes, name: path) {
                case .object(let object): source.objects.append(object)
                case .archive(let archive): archives.append(archive)
                }
            } catch {
                problems.append(error)
            }
        }
        do throws(LinkFailure) {
            try source.addMembers(of: archives, all: wholeArchives, read: ObjectReader.member(_:of:))
        } catch {
            problems += error.problems
        }
        if problems.isEmpty, source.objects.isEmpty {
            problems.append(Problem(subject: source.name, reason: "nothing is needed of its archives"))
        }
        guard problems.isEmpty else { throw Failure(.notAnObject, problems) }
    }

    /// One after the other from the start of the window.
    private func addresses(
        _ linker: Linker, _ sources: [ModuleSource], _ window: Range<UInt64>
    ) throws(LinkFailure) -> [UInt64] {
        var next = window.lowerBound
        var addresses: [UInt64] = []
        for (index, need) in linker.sizes.enumerated() {
            let address = (next + need.alignment - 1) & ~(need.alignment - 1)
            guard address < window.upperBound, window.upperBound - address >= need.size else {
                throw LinkFailure([
                    Problem(
                        subject: sources[index].name, reason: "needs \(need.size) bytes: too large for the window")
                ])
            }
            addresses.append(address)
            next = address + need.size
        }
        return addresses
    }

    private func result(
        _ linker: Linker, _ index: Int, _ explained: [Object]?
    ) throws(LinkFailure) -> Result {
        var contents = [UInt8](repeating: 0, count: Int(linker.fileSizes[index]))
        var span = contents.mutableSpan
        var bytes = span.mutableBytes
        let linked = try linker.emit(index, into: &bytes)
        return Result(
            report: report(linked), file: ELFImageWriter.file(linked.image, contents: contents),
            decisions: explained.map { linker.map(of: index, in: table).lines(for: $0) } ?? [])
    }

    /// What would be loaded: size, address, what would be called, whom it would use.
    private func report(_ module: LinkedModule) -> String {
        let size = module.range.upperBound - module.range.lowerBound
        var text = "\(module.name): \(size) bytes at \(hexadecimal(module.range.lowerBound))"
        switch module.entryPoint {
        case .none: text += ", no entry"
        case .linux(let initialize, _): text += ", entry init_module at \(hexadecimal(initialize))"
        case .module(let command): text += ", entry MODULE() at \(hexadecimal(command))"
        case .classic(let name, let entry, _): text += ", entry \(name) at \(hexadecimal(entry))"
        }
        let users = module.references.compactMap { table.owner($0.owner)?.owner }
        if !users.isEmpty { text += ", uses \(users.joined(separator: ", "))" }
        return text + "\n"
    }
}
