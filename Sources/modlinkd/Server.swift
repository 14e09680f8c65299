import Logging
import ModlinkInterface
import ModuleService
import ObjectModel
import Posix
import Varlink

/// The daemon's main thread: waits for connections, for what modules print, for signals. Each connection has a thread of its own.
enum Server {
    private static let terminationSignals: [Int32] = [1, 2, 15]

    /// - Parameters:
    ///   - autocleanSeconds: how often modules are unloaded that nobody uses; nil: never.
    ///   - environment: more variables for the spaces, `NAME=value` each.
    ///   - crashes: how many crashes are kept.
    ///   - onFault: what is done after a fault.
    static func run(
        _ directory: RuntimeDirectory, level: Logger.Level, detaches: Bool, autocleanSeconds: Int?,
        environment: [String], crashes: CrashLimits, onFault: FaultPolicy
    ) throws(Failure) {
        do {
            // A daemon is idle most of its life, and was busy with something large some time.
            UnusedMemory.keep()
            // Before any thread starts: all inherit the blocked signals.
            let signals = try SignalDescriptor(terminationSignals)
            try directory.prepare()
            let socket = try ListeningSocket.open(directory, isPassedByTool: detaches)
            let file = detaches ? try Log.open(directory.log) : nil
            let log = Log.start(level: level, file: file)
            let console = try Console(directory)
            let killed = KilledDaemon(directory)
            let service = try ModuleService(
                directory: directory, console: console, spaceExecutable: try spaceExecutable(), log: log,
                environment: environment, crashes: crashes, onFault: onFault)
            // Nothing that was mounted where somebody happened to be is kept from being unmounted. Paths are absolute from here on.
            try CurrentProcess.changeDirectory("/")
            service.adoptOrphans()
            if let autocleanSeconds { try service.autoclean(every: autocleanSeconds) }
            let stopping = try EventDescriptor()
            let connections = try Connections()
            let varlink = try service.varlinkService(stop: { stopping.signal() })
            try File.writeAtomically(directory.process, Array("\(CurrentProcess.number)\n".utf8), permissions: 0o600)
            let files = try OwnFiles(directory, ownsSocket: socket.isOwn)
            if let killed {
                log.warning("\(killed)")
                console.note("\(killed)")
            }
            log.info("\(Product.version(of: "modlinkd")) listens at \(directory.socket)")
            ServiceManager.notify("READY=1")
            socket.letOthersStart()
            // Whoever started it reads standard error until its end: it is ready.
            if let file { try Standard.replace(2, with: file.descriptor) }

            try serve(directory, socket, signals, stopping, console, varlink, service, connections, files, log)

            let ended = Promise<Bool>()
            LastResort.start(unless: ended, files, log)
            ServiceManager.notify("STOPPING=1")
            let lock = files.lock()
            files.removeSocket()
            service.stop(keepsFiles: !files.isInPlace)
            connections.end()
            files.remove()
            ended.fulfil(true)
            log.info("ended")
            // The next daemon uses the same files: it may not begin before this line.
            withExtendedLifetime(lock) {}
        } catch let error as Failure {
            throw error
        } catch {
            throw Failure(.systemFailure, subject: directory.path, reason: "\(error)")
        }
    }

    private static func spaceExecutable() throws(Failure) -> String {
        do throws(SystemError) {
            if let path = Environment.value("MODLINK_SPACE"), !path.isEmpty {
                return path.hasPrefix("/") ? path : try CurrentProcess.directory() + "/" + path
            }
            return try Programs.path(of: "modspace")
        } catch {
            throw Failure(
                .systemFailure, subject: error.subject,
                reason: "no such program; Scripts/build-space makes it, and MODLINK_SPACE names one elsewhere")
        }
    }

    private static func serve(
        _ directory: RuntimeDirectory, _ socket: borrowing ListeningSocket, _ signals: SignalDescriptor,
        _ stopping: EventDescriptor, _ console: Console, _ varlink: Service, _ service: ModuleService,
        _ connections: Connections,
        _ files: OwnFiles, _ log: Logger
    ) throws(SystemError) {
        // Without one, as where a user has too many watches already, it is noticed later.
        let watch = try? FileWatch(endOf: files.watched)
        var lastLook = Clock.nanoseconds()
        while true {
            var entries = [
                PollEntry(socket.number), PollEntry(console.number), PollEntry(signals.number),
                PollEntry(stopping.number), PollEntry(watch?.number ?? -1),
            ]
            _ = try Poll.wait(&entries, timeout: lookEvery)
            if entries[4].isReady || Clock.nanoseconds() - lastLook >= UInt64(lookEvery) * 1_000_000 {
                _ = try watch?.wait(timeout: 0)
                lastLook = Clock.nanoseconds()
                if let loss = files.loss { return tell(loss, directory, service, log) }
            }
            if entries[1].isReady { console.drain() }
            if entries[2].isReady {
                let signal = try signals.read()
                log.info("ending: \(signalName(signal))")
                return
            }
            if entries[3].isReady { return }
            if entries[0].isReady { accept(socket, varlink, service, connections, log) }
        }
    }

    /// How often it is looked whether the runtime directory is still in place, in milliseconds: for what the kernel tells nobody, a
    /// directory above that is renamed, or something that is mounted over it.
    private static let lookEvery = 60_000

    /// Says that the daemon ends because nobody reaches it any more: to the log, which may have gone with the directory, and to the system's.
    private static func tell(_ loss: String, _ directory: RuntimeDirectory, _ service: ModuleService, _ log: Logger) {
        let names = service.moduleNames
        let lost = names.isEmpty ? "" : "; lost with it: \(names.joined(separator: ", "))"
        let line = "\(directory.path): \(loss), and nobody can reach this daemon any more: it ends\(lost)"
        log.error("\(line)")
        ServiceManager.tellSystem(line)
    }

    private static func accept(
        _ socket: borrowing ListeningSocket, _ varlink: Service, _ service: ModuleService, _ connections: Connections,
        _ log: Logger
    ) {
        do throws(SystemError) {
            let connection = try socket.accept()
            let entry = try connections.add(connection)
            let number = connection.release()
            do throws(SystemError) {
                try Threads.start(name: "connection") {
                    do throws(VarlinkError) {
                        try varlink.serve(Connection(Descriptor(owning: number)), number: entry)
                    } catch {
                        log.warning("a connection is given up: \(error)")
                    }
                    service.connectionEnded(entry)
                    connections.remove(entry)
                }
            } catch {
                connections.remove(entry)
                _ = Descriptor(owning: number)
                throw error
            }
        } catch {
            log.error("a connection is not accepted: \(error)")
            // It is still there. With too many descriptors open, only time helps.
            var nothing: [PollEntry] = []
            _ = try? Poll.wait(&nothing, timeout: 100)
        }
    }
}
