import Linking
import Logging
import ModlinkInterface
import ObjectModel
import Posix
import SpaceControl

// What a module is in the tables of its space, and its state, which it is asked for when it is shown.

/// What a module is in the tables of its space (NetBSD's `struct lkm_any`, or `modinfo_t`).
struct Registration: Sendable, Equatable {
    /// What it is; nil when it says so otherwise.
    var type: String?
    /// The slot, where the type has slots.
    var offset: Int?
    /// The address of what it says of itself.
    var information: Int
}

extension ModuleService {
    /// How long all modules together may take to say how they are, and one of them.
    private static let patience = Duration.seconds(1)

    /// Notes where a module has registered itself, once it runs.
    func noteRegistration(_ id: Int, _ space: SpaceHost) {
        guard let table = state.withLock({ $0.loaded[id]?.linked.classicTable }),
            let registration = registration(table: table, space)
        else { return }
        state.withLock { $0.loaded[id]?.registration = registration }
    }

    /// Asks every module that takes the question how it is (LKM_E_STAT, MODULE_CMD_STAT), and notes what it is now. Nobody is asked
    /// while something is loaded or unloaded, or a space is busy: what was known stays.
    func askForState() {
        _ = quiet.withLockIfAvailable { _ in
            let modules = state.withLock { state in
                state.loaded.compactMap { id, loaded -> (id: Int, linked: LinkedModule, space: SpaceHost)? in
                    guard loaded.linked.question != nil, !loaded.isSilent, !loaded.isCleanedUp,
                        let module = state.modules[id], module.state == .running,
                        let space = state.spaces[loaded.architecture].host
                    else { return nil }
                    return (id, loaded.linked, space)
                }
            }.sorted { $0.id < $1.id }
            let end = Clock.nanoseconds() + UInt64(Self.patience / .nanoseconds(1))
            for module in modules where Clock.nanoseconds() < end { ask(module.linked, id: module.id, module.space) }
        }
    }

    private func ask(_ module: LinkedModule, id: Int, _ space: SpaceHost) {
        guard let (function, arguments) = module.question,
            let answer = space.callUnlessBusy(function, arguments, timeout: Self.patience)
        else { return }
        if case .failure(let error) = answer {
            let failure = failure(error, in: module.name, calling: module.entryName, for: .state, space)
            let line = "\(failure.problems.first?.description ?? module.name); it is not asked for its state again"
            log.warning("\(line)")
            console.note(line)
            state.withLock { $0.loaded[id]?.isSilent = true }
        } else if let table = module.classicTable, let registration = registration(table: table, space) {
            state.withLock { $0.loaded[id]?.registration = registration }
        }
    }

    /// What the structure says that a classic module's table points to.
    private func registration(table: UInt64, _ space: SpaceHost) -> Registration? {
        let word = Int(space.architecture.pointerSize)
        guard
            let pointer = space.readUnlessBusy(table + ClassicTable.privateWord * UInt64(word), count: word),
            case let information = Self.number(pointer), information != 0,
            let bytes = space.readUnlessBusy(information, count: 3 * word)
        else { return nil }
        let type = Int(Self.number(Array(bytes[..<4])))
        let names = ModuleInformation.classicTypes
        guard type < names.count else { return nil }
        // A word with its sign: -1 is none.
        let raw = Self.number(Array(bytes[(2 * word)...]))
        let offset = word == 4 ? Int(Int32(truncatingIfNeeded: raw)) : Int(truncatingIfNeeded: raw)
        return Registration(
            type: names[type], offset: Self.slot(offset, of: names[type]),
            information: Int(truncatingIfNeeded: information))
    }

    /// A device has two numbers in its offset, 16 bits each with their signs (LKM_MAKEMAJOR): that of the character device goes before.
    private static func slot(_ offset: Int, of type: String) -> Int? {
        guard type == "DEV" else { return offset >= 0 ? offset : nil }
        let majors = [offset, offset >> 16].map { Int(Int16(truncatingIfNeeded: $0)) }
        return majors.first { $0 >= 0 }
    }

    private static func number(_ bytes: [UInt8]) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension LinkedModule {
    /// The address of its `struct lkm_table`, if it is a classic one.
    var classicTable: UInt64? {
        if case .classic(_, _, let table) = entryPoint { table } else { nil }
    }

    /// What is called to ask for its state, and with what.
    fileprivate var question: (function: UInt64, arguments: [UInt64])? {
        switch entryPoint {
        case .none, .linux: nil
        case .classic(_, let entry, let table): (entry, [table, ClassicCommand.stat.rawValue, ClassicCommand.version])
        case .module(let command): (command, [ModuleCommand.stat.rawValue, 0])
        }
    }
}
