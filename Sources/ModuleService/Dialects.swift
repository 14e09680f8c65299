import Linking
import Logging
import ModlinkInterface
import ModuleTable
import ObjectModel
import Posix
import SpaceControl
import SymbolTable

// What of a module is called when it comes and goes, by its dialect: what it says to be called by.

/// The commands of a classic module's entry (NetBSD sys/lkm.h).
enum ClassicCommand: UInt64 {
    case load = 1
    case unload = 2
    case stat = 3

    /// LKM_VERSION.
    static let version: UInt64 = 1
}

/// The commands of a module's control function (NetBSD sys/module.h, `modcmd_t`).
enum ModuleCommand: UInt64 {
    case initialize = 0
    case finish = 1
    case stat = 2
    case autounload = 3
}

/// `struct lkm_table` as the space has it: words, of which the first holds two counters of a byte and the last a number of 4.
///
/// ```
/// refcnt forced | entry | private | size | offset | area | syms | sym_size | sym_offset | sym_symsize | id
/// ```
enum ClassicTable {
    /// The index of the word that points to what the module says of itself.
    static let privateWord: UInt64 = 2

    /// What is filled in before the first call.
    static func bytes(of module: LinkedModule, entry: UInt64, id: Int) -> [UInt8] {
        let size = module.range.upperBound - module.range.lowerBound
        let words = [
            0, entry, 0, size, module.image.loadedSize, module.range.lowerBound, 0, 0, 0, 0, UInt64(id),
        ]
        return words.flatMap { word in
            (0..<module.image.architecture.pointerSize).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) }
        }
    }
}

extension ModuleService {
    /// Calls a module's init. Returns the name of what was called, and what it returned.
    func initialize(_ module: LinkedModule, id: Int, _ space: SpaceHost) throws(Failure) -> (
        name: String, result: Int32
    ) {
        let name = module.entryName
        let result: Int64
        do throws(SpaceError) {
            switch module.entryPoint {
            case .none: return (name, 0)
            case .linux(let initialize, _):
                result = try callInit(initialize, of: module, space)
            case .classic(_, let entry, let table):
                try space.write(
                    MemoryWrite(address: table, bytes: ClassicTable.bytes(of: module, entry: entry, id: id)))
                result = try space.call(entry, [table, ClassicCommand.load.rawValue, ClassicCommand.version])
            case .module(let command):
                result = try callCommand(command, of: module, space)
            }
        } catch {
            throw failure(error, in: module.name, calling: name, for: .initialize, space)
        }
        return (name, Int32(truncatingIfNeeded: result))
    }

    /// Calls `init_module`, with the use count raised by one meanwhile if there is one (Linux modules(2)).
    private func callInit(_ initialize: UInt64, of module: LinkedModule, _ space: SpaceHost) throws(SpaceError) -> Int64
    {
        let symbols = state.withLock { $0.spaces[space.architecture].symbols }
        guard let useCount = module.useCount,
            let caller = symbols.exported("modlink_initialize").flatMap(symbols.symbol)
        else { return try space.call(initialize) }
        return try space.call(caller.address, [initialize, useCount])
    }

    /// Calls the function of MODULE(), with the dictionary of its properties if it has been given any.
    private func callCommand(_ command: UInt64, of module: LinkedModule, _ space: SpaceHost) throws(SpaceError) -> Int64
    {
        guard let properties = module.properties else {
            return try space.call(command, [ModuleCommand.initialize.rawValue, 0])
        }
        let symbols = state.withLock { $0.spaces[space.architecture].symbols }
        // All spaces offer it: they are of one version with the daemon.
        guard let caller = symbols.exported("modlink_initialize_module").flatMap(symbols.symbol) else {
            throw .refused(.call, ErrorCode.notForIt)
        }
        return try space.call(caller.address, [command, properties])
    }

    /// Calls a module's cleanup. One that refuses stays.
    func cleanUp(_ module: LinkedModule, _ space: SpaceHost) throws(Failure) {
        let name = module.entryName(cleanup: true)
        var result: Int64 = 0
        do throws(SpaceError) {
            switch module.entryPoint {
            case .none: break
            case .linux(_, let cleanup):
                if let cleanup { _ = try space.call(cleanup) }
            case .classic(_, let entry, let table):
                result = try space.call(entry, [table, ClassicCommand.unload.rawValue, ClassicCommand.version])
            case .module(let command):
                result = try space.call(command, [ModuleCommand.finish.rawValue, 0])
            }
        } catch {
            throw failure(error, in: module.name, calling: name, for: .cleanup, space)
        }
        let value = Int32(truncatingIfNeeded: result)
        guard value == 0 else {
            throw Failure(
                .moduleBusy,
                [
                    Problem(
                        subject: module.name,
                        reason: "refuses to be unloaded: \(name) returned \(describeResult(value))")
                ])
        }
    }

    /// Whether a module that nobody uses any more, and that was loaded to go then, has nothing against it
    /// (MODULE_CMD_AUTOUNLOAD of NetBSD's module(9)). One that does not know the question has not.
    func mayGoByItself(_ id: Int) -> Bool {
        guard let linked = state.withLock({ $0.loaded[id]?.linked }), case .module(let command) = linked.entryPoint,
            let space = host(of: linked)
        else { return true }
        let speech = console.beginSpeech(linked.name)
        defer { console.endSpeech(speech) }
        do throws(SpaceError) {
            let answer = try space.busy(with: "the question whether \(linked.name) may go") { () throws(SpaceError) in
                try space.call(command, [ModuleCommand.autounload.rawValue, 0])
            }
            let result = Int32(truncatingIfNeeded: answer)
            return result == 0 || result == ErrorCode.notForIt
        } catch {
            let failure = failure(error, in: linked.name, calling: linked.entryName, for: .autounload, space)
            let line = failure.problems.first?.description ?? linked.name
            log.warning("\(line)")
            console.note(line)
            return false
        }
    }
}

extension LinkedModule {
    /// What messages call the function that is called first; empty where there is none.
    var entryName: String { entryName(cleanup: false) }

    func entryName(cleanup: Bool) -> String {
        switch entryPoint {
        case .none: ""
        case .linux: cleanup ? "cleanup_module" : "init_module"
        case .classic(let name, _, _): name
        case .module: "\(declaration?.name ?? "")_modcmd(\(cleanup ? "FINI" : "INIT"))"
        }
    }

    /// What the interface calls its dialect.
    var dialect: String? {
        switch entryPoint {
        case .none: nil
        case .linux: "linux"
        case .classic: "lkm"
        case .module: "module"
        }
    }

    /// The names by which other modules can hold it (module_hold(9)): its own, and what MODULE() calls it.
    var heldNames: [String] {
        guard useCount != nil else { return [] }
        guard let declared = declaration?.name, declared != name else { return [name] }
        return [name, declared]
    }
}

// MARK: Required modules

extension ModuleService.State {
    /// The module that somebody means: by its name, or by that of its file, where it is called otherwise.
    func module(known name: String) -> Int? {
        modules.module(named: name)?.id ?? loaded.filter { $0.value.linked.fileName == name }.keys.min()
    }

    /// The module of a space that another needs by this name: its own, or what MODULE() calls it.
    func module(required name: String, in architecture: Architecture) -> Int? {
        if let id = modules.module(named: name)?.id, loaded[id]?.architecture == architecture { return id }
        return loaded.first { $0.value.architecture == architecture && $0.value.linked.declaration?.name == name }?.key
    }
}

extension LinkedModule {
    /// Which modules of its transaction it took symbols from, and which symbols; and which it needs by name.
    func peers(requiredAmong modules: [LinkedModule]) -> [Int: [String]] {
        var peers = peers
        let required = declaration?.required ?? []
        guard !required.isEmpty else { return peers }
        for index in modules.indices where modules[index].name != name && peers[index] == nil {
            let names = [modules[index].name, modules[index].declaration?.name]
            if required.contains(where: names.contains) { peers[index] = [] }
        }
        return peers
    }
}

// MARK: Results

/// What a function returned, with the name where it is an error number of either sign.
func describeResult(_ result: Int32) -> String {
    let magnitude = result.magnitude
    guard magnitude > 0, magnitude < 4096 else { return "\(result)" }
    // Those of BSD alone: sys/errno.h of ModuleHeaders.
    let own = [1075: "EPROGMISMATCH", 1079: "EFTYPE", 1080: "EAUTH", 1081: "ENEEDAUTH"]
    let name = own[Int(magnitude)] ?? errorName(Int32(magnitude))
    return name == "E\(magnitude)" ? "\(result)" : "\(result) (\(name))"
}
