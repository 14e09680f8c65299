import Linking
import Logging
import ModlinkInterface
import ModuleTable
import ObjectModel
import Posix
import SpaceControl

// Threads that run code of a module keep it: what they run must not be taken from under them. They are looked at from outside, in what the
// kernel says of threads that wait, so that no system call of theirs is interrupted.

/// A thread whose way leads through code of a module.
struct ThreadInside: Equatable, Sendable {
    /// Its number.
    let number: Int32
    /// Where in the module.
    let address: UInt64
    /// Whether a call returns there.
    let isBehindCall: Bool
    /// Whether it is the module's: it began in code of the module, or all that it runs of modules is called from there.
    let isOwn: Bool
}

extension ModuleService {
    /// How long threads may take to end once the module has been told to go, in milliseconds.
    private static let patienceMilliseconds = 1000
    /// How often they are looked at meanwhile: the first time after so many milliseconds.
    private static let firstPause = 1
    private static let longestPause = 50
    /// How long threads are ended that others make meanwhile, in milliseconds.
    private static let endingMilliseconds = 3000

    /// The threads that run code of a module, or began in it and have not ended.
    func threadsInside(_ module: LinkedModule, _ space: SpaceHost) throws(Failure) -> [ThreadInside] {
        do throws(SpaceError) {
            return threads(try space.threads(), inside: module, space)
        } catch {
            throw failure(error, in: module.name, calling: "threads", for: .state, space)
        }
    }

    /// The same for people; none while the space is busy with something that may take long.
    func listThreads(inside module: LinkedModule, _ space: SpaceHost) -> [ModuleThread] {
        let known = space.unlessBusy { (space) throws(SpaceError) in try space.threads() }
        return threads(known ?? [], inside: module, space).map {
            ModuleThread(number: Int($0.number), place: describe($0, in: module))
        }
    }

    private func threads(_ known: [SpaceThread], inside module: LinkedModule, _ space: SpaceHost) -> [ThreadInside] {
        let process = space.information.process
        guard let id = state.withLock({ $0.modules.module(named: module.name)?.id }),
            let numbers = try? ProcessFiles.threads(of: process)
        else { return [] }
        let byNumber = Dictionary(known.map { ($0.number, $0) }, uniquingKeysWith: { first, _ in first })
        // The rest of the modules need not be known, which may be thousands, unless some thread is inside.
        let code = module.codeRanges
        let own = FaultPlace.Surroundings(
            architecture: space.architecture, module: { address in code.contains { $0.contains(address) } ? id : nil },
            isProgram: { _ in false },
            read: { address, count in (try? ProcessMemory.read(process, at: address, count: count)) ?? [] })
        var all: FaultPlace.Surroundings?
        var frames: ThreadFrames?
        return numbers.compactMap { number in
            let thread = byNumber[number]
            guard thread.map({ $0.kind == .other || $0.kind == .called }) ?? true,
                let (first, place) = inside(number, thread, of: id, process, own)
            else { return nil }
            guard let place, !first.isOwn else { return first }
            let surroundings = all ?? surroundings(space)
            all = surroundings
            let start = thread.flatMap { surroundings.module($0.startRoutine) }
            let known = frames ?? threadFrames(space, surroundings)
            frames = known
            let trail =
                exactTrail(number, process, known, stackEnd: thread?.stackEnd, through: id, in: surroundings)
                ?? ThreadTrail(place, stackEnd: thread?.stackEnd, through: id, in: surroundings)
            guard let address = trail.address ?? (start == id ? thread?.startRoutine : nil) else { return nil }
            return ThreadInside(
                number: number, address: address, isBehindCall: trail.address != nil && trail.isBehindCall,
                isOwn: thread?.kind != .called && trail.outermost == id && start == nil)
        }
    }

    /// By call frame information; nil when the thread may not be stopped for that, or cannot be.
    private func exactTrail(
        _ number: Int32, _ process: Int32, _ frames: ThreadFrames, stackEnd: UInt64?, through module: Int,
        in surroundings: FaultPlace.Surroundings
    ) -> ThreadTrail? {
        // They are used on one thread more, and this one waits for it.
        nonisolated(unsafe) let (frames, surroundings) = (frames, surroundings)
        return try? ThreadPlace.standing(number, of: process) { registers in
            ThreadTrail(registers, frames, stackEnd: stackEnd, through: module, in: surroundings)
        }
    }

    private func threadFrames(_ space: SpaceHost, _ surroundings: FaultPlace.Surroundings) -> ThreadFrames {
        let names = state.withLock { state in
            Dictionary(uniqueKeysWithValues: state.modules(in: space.architecture).map { ($0.id, $0.name) })
        }
        let images = images
        return ThreadFrames(surroundings, process: space.information.process) { module in
            names[module].map(images.path(of:))
        }
    }

    private func inside(
        _ number: Int32, _ thread: SpaceThread?, of id: Int, _ process: Int32, _ surroundings: FaultPlace.Surroundings
    ) -> (ThreadInside, ThreadPlace?)? {
        let start = thread.flatMap { surroundings.module($0.startRoutine) == id ? $0.startRoutine : nil }
        let place: ThreadPlace
        do throws(SystemError) {
            guard let found = try ThreadPlace.look(at: number, of: process) else { return nil }
            place = found
        } catch {
            // It must not be looked at. All that is known is where it began.
            return start.map { (ThreadInside(number: number, address: $0, isBehindCall: false, isOwn: true), nil) }
        }
        let trail = ThreadTrail(place, stackEnd: thread?.stackEnd, through: id, in: surroundings)
        // One that is just beginning, or has returned from its function and is about to end, still belongs to it.
        guard let address = trail.address ?? start else { return nil }
        let inside = ThreadInside(
            number: number, address: address, isBehindCall: trail.address != nil && trail.isBehindCall,
            isOwn: start != nil)
        return (inside, place)
    }

    /// What keeps a module of threads. Its own are let be where its cleanup function or its destructors may end them.
    func threadHolds(on module: LinkedModule, isCleanedUp: Bool) throws(Failure) -> [Hold] {
        guard let space = host(of: module), !space.hasEnded else { return [] }
        let inside = try threadsInside(module, space)
        guard !inside.isEmpty else { return [] }
        let mayEnd = !isCleanedUp && module.hasCleanup || mayEndThreads(module, space)
        return inside.filter { !($0.isOwn && mayEnd) }.map {
            Hold(
                module: module.name, kind: .thread, holder: "\($0.number)", symbols: [describe($0, in: module)],
                count: 1)
        }
    }

    /// Whether functions that run after the cleanup function may end threads of a module, as destructors of C++ objects do.
    func mayEndThreads(_ module: LinkedModule, _ space: SpaceHost) -> Bool {
        module.destructors.count > 0 || (try? space.hasExitFunctions(module.range)) == true
    }

    /// Where in a module a thread is, without the module's name.
    private func describe(_ thread: ThreadInside, in module: LinkedModule) -> String {
        let text = describe(thread.address, isBehindCall: thread.isBehindCall, in: module.image.architecture)
        let prefix = module.name + ":"
        return text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text
    }

    /// Waits until no thread runs code of a module that has been told to go.
    ///
    /// - Parameters:
    ///   - ends: whether those that do are ended instead.
    ///   - reply: is told of those.
    /// - Throws: that it stays, with those that keep it.
    func settleThreads(
        of module: LinkedModule, ends: Bool, _ reply: inout UnloadMethod.Reply
    ) throws(Failure) {
        guard let space = host(of: module), !space.hasEnded else { return }
        if ends {
            try endThreads(of: module, space, &reply)
            return
        }
        let last = Clock.nanoseconds() + UInt64(Self.patienceMilliseconds) * 1_000_000
        var pause = Self.firstPause
        while true {
            let inside = try threadsInside(module, space)
            if inside.isEmpty { return }
            guard Clock.nanoseconds() < last else { throw busy(module, inside) }
            _ = ended.wait(timeout: pause)
            pause = min(pause * 2, Self.longestPause)
        }
    }

    private func busy(_ module: LinkedModule, _ inside: [ThreadInside]) -> Failure {
        let holds = inside.map {
            Hold(
                module: module.name, kind: .thread, holder: "\($0.number)", symbols: [describe($0, in: module)],
                count: 1)
        }
        return Failure(
            .moduleBusy, [Problem(subject: module.name, reason: "\(Hold.reason(holds)) (EBUSY)")], holds: holds)
    }

    /// Ends the threads that run code of a module.
    private func endThreads(
        of module: LinkedModule, _ space: SpaceHost, _ reply: inout UnloadMethod.Reply
    ) throws(Failure) {
        let last = Clock.nanoseconds() + UInt64(Self.endingMilliseconds) * 1_000_000
        // They are not told again.
        var deaf = Set<Int32>()
        var first: ThreadInside?
        repeat {
            let inside = try threadsInside(module, space)
            if inside.isEmpty { return }
            first = inside.first
            var isOneEnded = false
            for thread in inside where !deaf.contains(thread.number) {
                switch end(thread, in: module, space, &reply) {
                case .ended: isOneEnded = true
                case .deaf: deaf.insert(thread.number)
                case .called: break
                }
            }
            if inside.allSatisfy({ deaf.contains($0.number) }) { break }
            // A function of a device, which is being ended already.
            if !isOneEnded { _ = ended.wait(timeout: Self.longestPause) }
        } while Clock.nanoseconds() < last
        guard let first else { return }
        throw Failure(
            .moduleBusy,
            [
                Problem(
                    subject: module.name,
                    reason:
                        "thread \(first.number) runs in \(describe(first, in: module)), and does not end; the module stays, and 'modunload -f \(module.name)' tries again (EBUSY)"
                )
            ])
    }

    /// What became of a thread that was to end.
    private enum Ending {
        /// It is gone.
        case ended
        /// It does not heed.
        case deaf
        /// It runs a call that somebody waits for.
        case called
    }

    private func end(
        _ thread: ThreadInside, in module: LinkedModule, _ space: SpaceHost, _ reply: inout UnloadMethod.Reply
    ) -> Ending {
        do throws(SpaceError) {
            try space.endThread(thread.number)
        } catch .refused(_, ErrorCode.noSuchProcess) {
            return .ended
        } catch .refused(_, ErrorCode.invalidArgument) {
            return .called
        } catch {
            log.warning("\(module.name): thread \(thread.number) does not end: \(error)")
            return .deaf
        }
        reply.tell(
            Problem(
                subject: module.name, reason: "thread \(thread.number), in \(describe(thread, in: module)), is ended"))
        return .ended
    }
}

extension UnloadMethod.Reply {
    /// Says what has been done beside what was asked for.
    mutating func tell(_ warning: Problem) { warnings = (warnings ?? []) + [warning] }

    /// Says what has gone wrong, and has not kept the module.
    mutating func complain(_ problem: Problem) { problems = (problems ?? []) + [problem] }

    /// Says what is of interest to those who want to know all.
    mutating func note(_ note: Problem) { notes = (notes ?? []) + [note] }
}
