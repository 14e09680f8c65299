import ModlinkInterface
import Posix
import Synchronization

// Debuggers that are attached to a space, or waited for.

extension SpaceHost {
    /// How often a debugger is looked for, in milliseconds. A look that finds all threads in its hands and running may fall between its
    /// attaching and its stopping them: the next one does not.
    private static var lookEvery: Int { 50 }

    /// How the wait for a debugger ended.
    enum Wait {
        /// One has all threads, and lets them run.
        case attached
        /// Nobody waits any more: see ``interrupt()``.
        case calledOff
        /// The space has ended.
        case ended
    }

    /// Waits until a debugger has attached to all threads, and has continued them. No time limit counts it.
    func waitForDebugger() -> Wait {
        interruptibly {
            var wasRunning = false
            while true {
                if isInterrupted { return .calledOff }
                // Readable once the process has ended.
                if waitForEnd(milliseconds: Self.lookEvery) { return .ended }
                let isRunning = (try? TaskStates(ofProcess: information.process))?.isRunningTraced ?? false
                if isRunning, wasRunning { return .attached }
                wasRunning = isRunning
            }
        }
    }

    /// Whether it stands still, as under a debugger: it would not answer.
    var isStopped: Bool { (try? TaskStates(ofProcess: information.process))?.isStopped ?? false }
}

extension LoadTransaction {
    /// Waits for a debugger, before anything of the modules runs.
    func waitForDebugger() throws(Failure) {
        let process = space.information.process
        progress.wait(forDebuggerOf: process)
        service.console.note("\(images.joined(separator: ", ")): waiting for a debugger at process \(process)")
        let subject = images.first ?? "load"
        switch space.waitForDebugger() {
        case .attached: break
        case .calledOff:
            throw Failure(.systemFailure, subject: subject, reason: "waited for a debugger, and was called off")
        case .ended:
            throw Failure(
                .systemFailure, subject: subject, reason: "the space has ended while it waited for a debugger")
        }
    }
}
