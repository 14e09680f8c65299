import Linking
import ModlinkInterface
import ObjectModel
import Posix
import SpaceControl
import SymbolTable

extension ModuleService {
    /// What went wrong while the space called a function of a module.
    func failure(_ error: SpaceError, in module: String, calling function: String) -> Failure {
        switch error {
        case .faulted(_, let fault):
            return Failure(
                .moduleFaulted,
                [
                    Problem(
                        subject: module, place: function,
                        reason:
                            "\(fault.signalName)\(touched(fault, in: module)) in \(describe(fault.instructionPointer, in: module))")
                ],
                signal: fault.signalName)
        case .died(_, let death):
            return Failure(
                .systemFailure,
                [
                    Problem(
                        subject: module, place: function,
                        reason: "ended the space: it \(death); all its modules are lost")
                ])
        case .timedOut(_, let fault):
            let place =
                fault.map { " in \(describe($0.instructionPointer, in: module))" }
                ?? ", and goes on: it blocks all signals"
            return Failure(
                .moduleFaulted, [Problem(subject: module, place: function, reason: "interrupted\(place)")],
                signal: "interrupted")
        default:
            return Failure(.systemFailure, [Problem(subject: module, place: function, reason: "\(error)")])
        }
    }

    /// The address that was touched, where the signal has one.
    private func touched(_ fault: Fault, in module: String) -> String {
        guard ["SIGSEGV", "SIGBUS"].contains(fault.signalName) else { return "" }
        // A jump to where a module was is explained by where it was.
        let stale = fault.address == fault.instructionPointer ? nil : departed(fault.address, near: module)
        return " at \(hexadecimal(fault.address))" + (stale.map { " (\($0))" } ?? "")
    }

    /// What an address was in a module that has been unloaded from the space that a module is in.
    private func departed(_ address: UInt64, near module: String) -> String? {
        let space = state.withLock { state in
            state.modules.module(named: module).flatMap { state.loaded[$0.id]?.architecture }
        }
        return space.flatMap { departed(address, in: $0)?.departed }
    }

    /// An address of the space that a module is in, as people read it: `gurka:slice+0x1b`.
    func describe(_ address: UInt64, in module: String) -> String {
        let sets = state.withLock { state -> [SymbolSet] in
            guard let id = state.modules.module(named: module)?.id, let space = state.loaded[id]?.architecture else {
                return []
            }
            // Those that are being loaded are in no table yet.
            let loading = state.loaded.values.filter { $0.slot == nil && $0.architecture == space }
            return state.spaces[space].symbols.snapshot + loading.map { SymbolSet($0.linked) }
        }
        guard let set = sets.first(where: { $0.range.contains(address) }), let index = set.symbol(at: address) else {
            return departed(address, near: module) ?? "unknown code at \(hexadecimal(address))"
        }
        let offset = hexadecimal(address - set.symbols.entries[index].address)
        return "\(set.owner.isEmpty ? "" : set.owner + ":")\(set.name(index))+\(offset)"
    }
}
