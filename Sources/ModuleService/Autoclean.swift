import Logging
import ModlinkInterface
import ModuleTable
import Posix
import SpaceControl

extension ModuleService {
    /// One pass of delete_module(NULL): what was loaded to go (`modload -k`), is not used, and was not since the last pass, goes. On
    /// the linker's thread. One that refuses stays, and the pass goes on.
    ///
    /// - Parameter progress: is told which is looked at.
    func autoclean(_ progress: WorkProgress? = nil) -> AutocleanMethod.Reply {
        var reply = AutocleanMethod.Reply()
        let order = state.withLock { state in
            state.modules.cleaningOrder.map { (id: $0, name: state.modules[$0]?.name ?? "") }
        }
        for (index, (id, name)) in order.enumerated() {
            progress?.set("looking at \(name)", index, order.count)
            do throws(Failure) {
                guard try verdict(on: id) == .goes else { continue }
                let more = try unload([id])
                reply.modules += more.modules
                reply.output += more.output
                reply.problems += more.problems ?? []
            } catch {
                reply.output += error.output
                reply.problems += error.problems
                for problem in error.problems { log.notice("autoclean: \(problem)") }
            }
        }
        return reply
    }

    private func verdict(on id: Int) throws(Failure) -> CleaningVerdict {
        let module = state.withLock { state in
            // Most are none: their counters need not be read.
            state.modules[id].flatMap {
                state.modules.isCandidate($0) && !state.hasOpenDevice(id) ? state.loaded[id]?.linked : nil
            }
        }
        guard let module else { return .stays }
        let counter = try knownUseCounter(module)
        let verdict = state.withLock { $0.modules.clean(id, counter: counter) }
        if verdict == .spared, let address = module.useCount {
            let space = try self.space(module.image.architecture)
            do throws(SpaceError) {
                try space.setCounterFlag(UseCounter.visitedFlag, false, at: address)
            } catch {
                throw failure(error, in: module.name, calling: "use count", for: .state, space)
            }
        }
        guard verdict == .goes else { return verdict }
        return mayGoByItself(id) ? .goes : .stays
    }

    /// Does a pass every so many seconds, on the linker's thread and so never while something else is done; until ``stop()``.
    public func autoclean(every seconds: Int) throws(Failure) {
        do throws(SystemError) {
            try Threads.start(name: "autoclean") { [self] in
                // Each pass is waited for: behind a load that takes long there is one, not many.
                while ended.wait(timeout: seconds * 1000) == nil {
                    guard (try? perform({ service in service.autoclean() })) != nil else { return }
                }
            }
        } catch {
            throw Failure(.systemFailure, subject: "autoclean", reason: "\(error)")
        }
    }
}
