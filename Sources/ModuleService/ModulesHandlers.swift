import Logging
import ModlinkInterface
import ObjectModel
import Posix
import Varlink

// What answers the calls of modules(2). Each refusal is a line on the console, as their manual page demands.

extension ModuleService {
    /// The methods for programs that link by themselves.
    var modulesHandlers: [MethodHandler] {
        [
            MethodHandler(CreateModuleMethod.self) { [self] (parameters, context) throws(MethodError) in
                let owner = ModuleOwner(process: Int(context.peer.process), user: Int(context.peer.user))
                let connection = context.connection
                return try answering("create_module", for: context.peer, context.socketNumber) {
                    (service) throws(Failure) in
                    try service.create(parameters, owner: owner, connection: connection)
                }
            },
            MethodHandler(InitModuleMethod.self) { [self] (parameters, context) throws(MethodError) in
                // Of others nothing is read: it takes memory.
                let isOwner = (try? requireOwner(context.peer)) != nil
                let request = InitRequest(
                    parameters: parameters,
                    code: Self.bytes(
                        parameters.code, parameters.size, limit: isOwner ? 1 << 31 : 0, &context.descriptors),
                    symbols: Self.bytes(
                        parameters.symbols, parameters.symbolsSize ?? 0,
                        limit: isOwner ? ClientSymbolTable.sizeLimit : 0, &context.descriptors))
                return try answering("init_module", for: context.peer, context.socketNumber) {
                    (service) throws(Failure) in try service.initialize(request)
                }
            },
            MethodHandler(DeleteModuleMethod.self) { [self] (parameters, context) throws(MethodError) in
                try answering("delete_module", for: context.peer, context.socketNumber) { (service) throws(Failure) in
                    try service.delete(parameters)
                }
            },
            MethodHandler(KernelSymbolsMethod.self) { [self] (parameters, context) throws(MethodError) in
                do throws(Failure) {
                    guard parameters.unwritable != true else {
                        throw .refused("EFAULT", "table", "cannot be written")
                    }
                    let symbols = try kernelSymbols()
                    let file: Descriptor
                    do throws(SystemError) {
                        file = try symbols.file.descriptor.duplicate()
                    } catch {
                        throw .refused("ENOMEM", "table", "\(error)")
                    }
                    return KernelSymbolsMethod.Reply(
                        available: symbols.entries, entries: symbols.entries, descriptor: context.attach(file))
                } catch {
                    throw refusal(of: "get_kernel_syms", error).methodError
                }
            },
        ]
    }

    /// Does what a call wants, for who may; of what is refused the console gets a line.
    private func answering<Reply: Sendable>(
        _ call: String, for peer: LocalSocket.Credentials, _ socket: Int32,
        _ work: @escaping @Sendable (ModuleService) throws(Failure) -> Reply
    ) throws(MethodError) -> Reply {
        do throws(Failure) {
            try requireOwner(peer)
            do throws(Failure) { try refuseFromWithin(peer) } catch { throw .refused("EDEADLK", error) }
            return try perform(for: socket, by: CrashRequest(call, of: nil, peer), work)
        } catch {
            throw refusal(of: call, error).methodError
        }
    }

    private func refusal(of call: String, _ failure: Failure) -> Failure {
        let refusal: Failure
        let code: String
        switch failure.kind {
        case .permissionDenied: (refusal, code) = (failure, "EPERM")
        case .unavailable: (refusal, code) = (failure, "ENOSYS")
        default:
            refusal = .refused(Self.code(of: failure.kind), failure)
            code = refusal.code
        }
        for problem in refusal.problems {
            let text = "\(problem)"
            let line = "\(call): \(text.hasSuffix("(\(code))") ? text : "\(text) (\(code))")"
            log.notice("\(line)")
            console.note(line)
        }
        return refusal
    }

    /// The error number for what the rest of the service refuses.
    private static func code(of kind: Failure.Kind) -> String {
        switch kind {
        case .moduleExists: "EEXIST"
        case .noSuchModule: "ENOENT"
        case .moduleBusy, .moduleFaulted, .initFailed: "EBUSY"
        default: "EIO"
        }
    }

    /// So many bytes of a file that came with a call; nil when there is none, or it has less.
    private static func bytes(
        _ index: Int?, _ count: Int, limit: Int, _ descriptors: inout Descriptors
    ) -> [UInt8]? {
        guard count > 0 else { return count == 0 ? [] : nil }
        guard count <= limit, let index, let file = descriptors.take(index),
            let status = try? File.status(file), status.isRegular, status.size >= UInt64(count)
        else { return nil }
        return try? File.read(file, at: 0, count: count)
    }
}
