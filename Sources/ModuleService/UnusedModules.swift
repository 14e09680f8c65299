import ModlinkInterface
import ModuleTable
import ObjectModel
import SpaceControl

extension ModuleService {
    /// delete_module(NULL): one pass over the modules that may go by themselves, newest first. One that was used since the last
    /// pass, or came since, stays until the next. On the linker's thread.
    func deleteUnused() -> UnloadMethod.Reply {
        var reply = UnloadMethod.Reply(modules: [], output: "")
        for id in state.withLock({ $0.modules.all.map(\.id) }).reversed() {
            let place = state.withLock { state -> (counter: UInt64, space: SpaceHost)? in
                guard let module = state.modules[id], module.state == .running, module.isAutoclean,
                    state.modules.holders(of: id).isEmpty, let loaded = state.loaded[id],
                    let counter = loaded.linked.useCount, let space = state.spaces[loaded.architecture].host
                else { return nil }
                return (counter, space)
            }
            guard let place, let isDue = try? isDue(place.counter, place.space), isDue,
                let more = try? unload([id], cascades: false)
            else { continue }
            reply.modules += more.modules
            reply.output += more.output
        }
        return reply
    }

    /// Whether a module counts no users, and had none since the last pass; that is noted for the next.
    private func isDue(_ counter: UInt64, _ space: SpaceHost) throws(SpaceError) -> Bool {
        var bytes = try space.read(counter, count: Int(space.architecture.pointerSize))
        let count = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard count & ~(Self.autocleanFlag | Self.visitedFlag) == 0 else { return false }
        guard count & Self.visitedFlag != 0 else { return true }
        bytes[3] &= ~UInt8(truncatingIfNeeded: Self.visitedFlag >> 24)
        try space.write(bytes, to: counter)
        return false
    }
}
