import Linking
import Logging
import ModlinkInterface
import ObjectModel
import Posix
import SpaceControl

// Thread-local variables of modules. Each thread of the space has a reserve for them, at the same distance from its thread
// pointer; a module gets a range of it when it is linked, and gives it back when it is unloaded.

extension LoadTransaction {
    /// Takes a range of the reserve for each module that has thread-local variables.
    mutating func reserveThreads(_ linker: Linker, _ request: LoadRequest) throws(Failure) {
        let reserve = space.information.reserve
        for (index, need) in linker.threadSizes.enumerated() {
            guard need.size > 0 else {
                // Where no range begins.
                threadBlocks.append(reserve.offset + Int64(reserve.size))
                continue
            }
            let name = request.sources[index].name
            guard need.alignment <= reserve.alignment else {
                throw Failure(
                    .linkFailed, subject: name,
                    reason:
                        "thread-local variables aligned to \(need.alignment) bytes: a thread has them aligned to \(reserve.alignment) at most"
                )
            }
            let (offset, free) = service.state.withLock { state in
                let offset = state.spaces[space.architecture].threadRanges.reserve(
                    size: need.size, alignment: need.alignment)
                return (offset, state.spaces[space.architecture].threadRanges.free)
            }
            guard let offset else {
                throw Failure(
                    .systemFailure, subject: name,
                    reason:
                        "needs \(need.size) bytes in each thread for its thread-local variables: \(free) of \(reserve.size) are free\(free >= need.size ? ", not in one piece" : ""); unload a module that has some, or make them smaller"
                )
            }
            threadBlocks.append(reserve.offset + Int64(offset))
        }
    }
}

extension ModuleService {
    /// Gives back ranges of a space's reserve, which start that many bytes from the thread pointer.
    func releaseThreads(_ blocks: [Int64], _ space: SpaceHost) {
        let reserve = space.information.reserve
        state.withLock { state in
            for block in blocks {
                state.spaces[space.architecture].threadRanges.release(UInt64(bitPattern: block &- reserve.offset))
            }
        }
    }

    /// Takes a module's thread-local variables out of all threads: the next module in their place finds zeroes.
    func takeThreads(_ module: LinkedModule, _ space: SpaceHost) {
        guard let storage = module.threadStorage else { return }
        do throws(SpaceError) {
            try space.fillThreads(storage, clears: true)
        } catch {
            // Lost to other modules: what they begin with is not certain there.
            log.error("\(module.name): its thread-local variables stay in the threads: \(error)")
            return
        }
        releaseThreads([storage.block], space)
    }

    /// A thread that has to destroy thread-local variables of a module when it ends (C++ `thread_local`) uses the module.
    func refuseKeptByThreads(_ module: LinkedModule, _ space: SpaceHost) throws(Failure) {
        let count: Int64
        do throws(SpaceError) {
            count = try space.pendingDestructors(module.range)
        } catch {
            throw failure(error, in: module.name, calling: "thread-local variables", for: .state, space)
        }
        guard count > 0 else { return }
        let what =
            count == 1
            ? "a thread-local variable that its thread has" : "\(count) thread-local variables that their threads have"
        throw Failure(
            .moduleBusy,
            [
                Problem(
                    subject: module.name,
                    reason:
                        "in use: it is to destroy \(what) until it ends; unload it when the threads have ended (EBUSY)"
                )
            ])
    }

    /// Destroys the thread-local variables of the thread that has run the module's functions. When other threads still have some,
    /// which the cleanup function may just have told to end, the module stays, and its cleanup function is not called again.
    func finishThreads(of module: LinkedModule, id: Int, _ space: SpaceHost) throws(Failure) {
        state.withLock { $0.loaded[id]?.isCleanedUp = true }
        do throws(SpaceError) {
            try space.finishThread(module.range)
        } catch {
            throw failure(error, in: module.name, calling: "destructor", for: .destructor, space)
        }
        try refuseKeptByThreads(module, space)
    }
}

extension LinkedModule {
    /// Whether it has a function that is called before it is unloaded, and that may end its threads.
    var hasCleanup: Bool {
        switch entryPoint {
        case .linux(_, let cleanup): cleanup != nil
        case .classic, .module: true
        case .none: false
        }
    }
}
