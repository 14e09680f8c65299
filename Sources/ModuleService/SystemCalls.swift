import ModlinkInterface
import ObjectModel
import Posix
import SpaceControl

extension ModuleService {
    /// Calls a system call that a module has registered. On the linker's thread.
    func systemCall(
        _ parameters: SystemCallMethod.Parameters, in architecture: Architecture
    ) throws(Failure) -> SystemCallMethod.Reply {
        let call = "system call \(parameters.number)"
        guard parameters.arguments.count <= SystemCallMethod.argumentLimit else {
            throw Failure(
                .systemFailure, subject: call,
                reason:
                    "\(parameters.arguments.count) arguments: a system call is given \(SystemCallMethod.argumentLimit) at most"
            )
        }
        let space = try space(architecture)
        let number = UInt64(bitPattern: Int64(parameters.number))
        // For messages only: a slot that is none is answered by the space.
        let entry = try? space.entry(number, in: .systemCalls)
        let module = entry.flatMap { self.module(at: $0.address, in: architecture) }?.name ?? "space"
        try refuseFaulted(module)
        console.beginCapture()
        let speech = console.beginSpeech(module == "space" ? ConsoleLine.unknown : module)
        defer { console.endSpeech(speech) }
        do throws(SpaceError) {
            let (error, values) = try space.busy(with: call) { () throws(SpaceError) in
                try space.interruptibly { () throws(SpaceError) in
                    try space.within(patience(with: module)) { () throws(SpaceError) in
                        try space.systemCall(
                            number, parameters.arguments.map { UInt64(bitPattern: Int64($0)) },
                            function: entry?.address)
                    }
                }
            }
            return SystemCallMethod.Reply(
                error: Int(error), values: values.map(Int.init), output: console.endCapture())
        } catch {
            var failure = failure(error, in: module, calling: call, for: .systemCall, space)
            failure.output = console.endCapture()
            replaceEndedSpaces()
            throw failure
        }
    }

    /// The module that an address of a space lies in.
    func module(at address: UInt64, in architecture: Architecture) -> (id: Int, name: String)? {
        state.withLock { state in
            state.modules.all.first { module in
                module.range.contains(address) && state.loaded[module.id]?.architecture == architecture
            }.map { ($0.id, $0.name) }
        }
    }
}
