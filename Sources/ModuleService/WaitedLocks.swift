import ObjectModel
import Posix
import SpaceControl
import SymbolTable

// What a call waited for that was not back in time, where that was a lock: one of the C library that another call has left taken when it
// was given up keeps all others waiting for ever.

extension ModuleService {
    /// Notes that code of a module was given up.
    func noteGivenUp(_ module: String, in architecture: Architecture) {
        state.withLock { $0.spaces[architecture].givenUp = module }
    }

    /// The lock that a thread waited for, in words that follow where it was; empty when it waited for none, or that has no name.
    func waitedLock(_ fault: Fault, in architecture: Architecture) -> String {
        let sets = symbolSets(of: architecture)
        guard let program = sets.first(where: { $0.owner.isEmpty }),
            let function = program.symbol(at: fault.instructionPointer),
            Self.waits.contains(where: program.name(function).contains)
        else { return "" }
        // The first argument of futex(2).
        let word =
            switch architecture {
            case .x86_64: fault.registers.count > 5 ? fault.registers[5] : 0
            case .i386: fault.registers.count > 3 ? fault.registers[3] : 0
            }
        guard let owner = sets.first(where: { $0.range.contains(word) }), let index = owner.symbol(at: word) else {
            return ""
        }
        let name = owner.name(index)
        guard owner.owner.isEmpty else { return "; it waits for the lock '\(name)' of \(owner.owner)" }
        let left = state.withLock { $0.spaces[architecture].givenUp }.map { ", which \($0) may have left taken" } ?? ""
        return
            "; it waits for the C library's lock '\(name)'\(left); 'modlinkd --stop' ends the space, and the next load begins anew"
    }

    /// Parts of the names of functions in which glibc waits for locks.
    private static let waits = ["lll_lock_wait", "rwlock_", "pthread_mutex_lock"]
}
