import ModlinkInterface
import ObjectModel
import Posix
import SpaceControl
import SymbolTable

extension ModuleService {
    /// Calls a function of a space. On the linker's thread.
    func call(_ parameters: CallMethod.Parameters, in architecture: Architecture) throws(Failure) -> CallMethod.Reply {
        guard parameters.arguments.count <= CallMethod.argumentLimit else {
            throw Failure(
                .systemFailure, subject: parameters.function,
                reason:
                    "\(parameters.arguments.count) arguments: a function is given \(CallMethod.argumentLimit) at most")
        }
        let (function, module) = try self.function(parameters.function, in: architecture)
        try refuseFaulted(module)
        let space = try space(architecture)
        console.beginCapture()
        let speech = console.beginSpeech(module == "space" ? ConsoleLine.unknown : module)
        defer { console.endSpeech(speech) }
        let result: Int64
        do throws(SpaceError) {
            result = try space.busy(with: "a call of \(parameters.function)") { () throws(SpaceError) in
                try space.interruptibly { () throws(SpaceError) in
                    try space.within(patience(with: module)) { () throws(SpaceError) in
                        try space.call(function, parameters.arguments.map { UInt64(bitPattern: Int64($0)) })
                    }
                }
            }
        } catch {
            var failure = failure(error, in: module, calling: parameters.function, for: .call, space)
            failure.output = console.endCapture()
            replaceEndedSpaces()
            throw failure
        }
        return CallMethod.Reply(result: Int(result), output: console.endCapture())
    }

    /// The address of a function, and the module that it is in.
    private func function(
        _ query: String, in architecture: Architecture
    ) throws(Failure) -> (address: UInt64, module: String) {
        guard let symbol = lookUp([query], in: architecture).first?.symbols.first else {
            throw Failure(.noSuchModule, subject: query, reason: "no such function (ENOENT)")
        }
        let address = symbol.unsignedAddress &+ UInt64(bitPattern: Int64(symbol.offset))
        let isCode = state.withLock { state in
            state.spaces[architecture].symbols.snapshot.first { $0.range.contains(address) }?.sections.contains {
                $0.contains(address) && $0.protection.contains(.execute)
            } == true
        }
        guard isCode, symbol.kind != "threadLocal" else {
            throw Failure(.noSuchModule, subject: query, reason: "no function: \(hexadecimal(address)) is not in code")
        }
        return (address, symbol.module.isEmpty ? "space" : symbol.module)
    }
}
