import ELFFormat
import Linking
import Logging
import ModlinkInterface
import ModuleTable
import ObjectModel
import Posix
import SpaceControl
import SymbolTable

// What is kept of a crash: a folder with the core file, what debuggers need to read it, and a report.

/// Something that happened to code of a module, or to a space.
struct Crash: Sendable {
    /// What it is.
    enum Kind: String, Sendable {
        /// A signal.
        case fault
        /// A call was not back in time.
        case hung
        /// A module wanted to end the process.
        case exit
        /// A module wanted to put another program into the place of the space.
        case execute
        /// The space itself was hit, and ends.
        case died
    }

    /// What code of a module is run for.
    enum Activity: String, Sendable {
        case resolver, constructor, initialize, call, systemCall, device, state, autounload, cleanup, destructor, thread
    }

    var kind: Kind
    /// Where the thread was.
    var fault: Fault
    /// The module at fault, if one is.
    var module: String?
    /// Nil when it was the space's own.
    var activity: Activity?
    /// What a client wanted, and who; nil for a thread of a module, which runs on nobody's behalf, and for one of the space's own.
    var request: CrashRequest?
    /// What people are told, in a line.
    var line: String
}

/// What there is of a crash.
struct CrashRecord: Sendable {
    /// Its folder; nil when none could be made.
    var folder: String?
    /// The text for people, in lines; empty when there is nothing to add to the line that says what happened.
    var report: String
    /// Where its core file is and how it is opened, in lines; empty when nothing is kept.
    var opening: String
}

extension ModuleService {
    /// Our own notes in core files: their types.
    enum CrashNote {
        /// `modules.json`.
        static let modules: UInt32 = 1
        /// The symbol table as an ELF file.
        static let symbols: UInt32 = 2

        /// Debuggers look at a note's type and size, and not at its name: a text as long as a `struct elf_prstatus` of some machine would
        /// be a thread to them.
        static func distinct(_ text: [UInt8]) -> [UInt8] {
            [144, 296, 336].contains(text.count) ? text + [UInt8(ascii: "\n")] : text
        }
    }

    /// Looks at a space in which a thread stands still, and keeps what there is to see. One crash after the other.
    func record(_ crash: Crash, _ space: SpaceHost) -> CrashRecord {
        crashing.withLock { _ in
            let promise = Promise<String?>()
            do throws(SystemError) {
                // A thread of its own: the kernel keeps in mind who stopped a process.
                try Threads.start(name: "crash", stackSize: 4 << 20) { [self] in
                    promise.fulfil(keep(crash, space))
                }
            } catch {
                promise.fulfil(nil)
                log.error("nothing is kept of a crash: \(error)")
            }
            let folder = promise.wait()
            let report = report(folder, otherwise: crash.line)
            log.error("\(crash.line)\(folder.map { "; see \($0)" } ?? "")")
            let text = report == crash.line ? report : crash.line + "\n" + report
            console.note(text + (folder.map { "\nsee \($0)" } ?? ""))
            return CrashRecord(
                folder: folder, report: report == crash.line ? "" : report,
                opening: folder.map(KeptCrashes.opening) ?? "")
        }
    }

    /// The text that people are shown of a crash, and that its folder keeps: lines, without a line feed at the end.
    private func report(_ folder: String?, otherwise line: String) -> String {
        guard let folder else { return line }
        var text = CrashReporter.report(folder) ?? line
        while text.last == "\n" { text.removeLast() }
        // Never half a report: readers come at any time.
        try? File.writeAtomically(folder + "/report", Array((text + "\n").utf8), permissions: 0o600)
        return text
    }

    /// Makes a crash's folder. Returns its path; nil when there is no room for one.
    private func keep(_ crash: Crash, _ space: SpaceHost) -> String? {
        do throws(SystemError) {
            let folder = try crashes.begin()
            do throws(SystemError) {
                var state = CrashState(of: space, crash, self)
                // First: a module of another thread's crash may be unloaded meanwhile, and its image goes then.
                addFiles(state, space, folder.path)
                state.fault.coreProblem = writeCore(crash, state, space, folder)
                let modules = CrashJSON.encode(state.modules)
                try File.writeAtomically(folder.path + "/modules.json", modules, permissions: 0o600)
                try File.writeAtomically(
                    folder.path + "/fault.json", CrashJSON.encode(state.fault), permissions: 0o600)
                return try crashes.finish(folder)
            } catch {
                crashes.abandon(folder)
                throw error
            }
        } catch {
            log.error("nothing is kept of a crash: \(error)")
            console.note("nothing is kept of this crash: \(error)")
            return nil
        }
    }

    /// Writes the core file. Without one there still is the rest: returns what stands in the way, and what helps.
    private func writeCore(_ crash: Crash, _ state: CrashState, _ space: SpaceHost, _ folder: CrashStore.Folder)
        -> String?
    {
        let start = Clock.nanoseconds()
        let path = folder.path + "/core"
        // Debuggers look for files by their names: these stay as long as the core does.
        let kept = state.images.map { (images.path(of: $0.module), Self.image($0.buildID, in: folder.final)) }
        let capture = CoreCapture(
            process: space.information.process, architecture: space.architecture, executable: space.executable,
            buildID: space.buildID ?? [], fault: crash.fault, keptFiles: Dictionary(kept) { first, _ in first },
            notes: [
                (CrashNote.modules, CrashNote.distinct(CrashJSON.encode(state.modules))),
                (CrashNote.symbols, SymbolImage.file(state.symbols, architecture: space.architecture)),
            ])
        do throws(SystemError) {
            let size = try capture.write(to: path)
            log.debug("core of \(size) bytes in \((Clock.nanoseconds() - start) / 1_000_000) ms")
            return nil
        } catch {
            try? File.remove(path)
            let refusals = [ErrorCode.notPermitted, ErrorCode.permissionDenied, ErrorCode.notImplemented]
            let cure =
                refusals.contains(error.code)
                ? "; modlinkd has to be allowed to trace its spaces: kernel.yama.ptrace_scope, the rules of the container, "
                    + "or a module that has called prctl(PR_SET_DUMPABLE)"
                : ""
            console.note("no core file: \(error)\(cure)")
            log.warning("no core file: \(error)\(cure)")
            return "\(error)\(cure)"
        }
    }

    private static func image(_ buildID: String, in folder: String) -> String { "\(folder)/images/\(buildID)" }

    /// What debuggers need beside the core. What cannot be had is left out.
    private func addFiles(_ state: CrashState, _ space: SpaceHost, _ folder: String) {
        for image in state.images {
            try? File.link(images.path(of: image.module), to: Self.image(image.buildID, in: folder))
        }
        if let buildID = space.buildID {
            try? crashes.addProgram(space.executable, buildID: hexadecimalDigits(buildID), as: folder + "/images/space")
        }
        for object in state.objects {
            try? File.writeAtomically(folder + "/objects/" + object.name, object.bytes, permissions: 0o600)
        }
    }
}

/// What a crash's folder says of the modules at that moment.
struct CrashState: Sendable {
    var modules = CrashModules()
    var fault = CrashFault()
    /// All symbols, also of modules that are being loaded.
    var symbols: [SymbolSet]
    /// Modules that have an image, and its build ID.
    var images: [(module: String, buildID: String)] = []
    /// What debuggers have been told of modules: ELF files.
    var objects: [(name: String, bytes: [UInt8])] = []

    init(of space: SpaceHost, _ crash: Crash, _ service: ModuleService) {
        let process = space.information.process
        let (loaded, generation, sets) = service.state.withLock { state in
            let loaded = state.modules(in: space.architecture).compactMap { module in
                state.loaded[module.id].map { (module, $0) }
            }
            let loading = loaded.filter { $0.1.slot == nil }.map { SymbolSet($0.1.linked) }
            let record = state.spaces[space.architecture]
            return (loaded, record.symbols.generation, record.symbols.snapshot + loading)
        }
        symbols = sets.sorted { $0.range.lowerBound < $1.range.lowerBound }
        modules.architecture = space.architecture.name
        modules.generation = Int(generation)
        modules.time = Double(WallClock.nanoseconds()) / 1_000_000_000
        modules.space = CrashModules.Space(
            process: Int(process), executable: space.executable,
            buildID: space.buildID.map(hexadecimalDigits))
        modules.lastUnloaded = service.lastUnloaded(in: space.architecture)
        modules.modules = loaded.map { module, loaded in
            let (names, bytes) = Self.objects(of: loaded, process)
            objects += zip(names, bytes).map { (name: $0, bytes: $1) }
            let buildID = hexadecimalDigits(loaded.linked.image.buildID)
            if !buildID.isEmpty { images.append((module.name, buildID)) }
            let isFaulty = module.state == .faulted || module.name == crash.module
            return CrashModules.Module(
                name: module.name, identifier: module.id, start: Hexadecimal(module.range.lowerBound),
                size: Int(module.range.upperBound - module.range.lowerBound), buildID: buildID.isEmpty ? nil : buildID,
                state: module.state.rawValue, isFaulty: isFaulty, useCount: Self.useCount(of: loaded, process),
                objects: names)
        }
        describe(crash)
        let names = Fault.registerNames(on: space.architecture)
        fault.registers = Dictionary(
            zip(names, crash.fault.registers.map(Hexadecimal.init)), uniquingKeysWith: { first, _ in first })
        let addresses = [crash.fault.address, crash.fault.instructionPointer]
        let departed = addresses.compactMap { address in
            service.departed(address, in: space.architecture)?.departed.map { DepartedPlace(address, $0) }
        }
        if !departed.isEmpty { fault.departed = departed }
    }

    private mutating func describe(_ crash: Crash) {
        fault.kind = crash.kind.rawValue
        fault.signal = Int(crash.fault.signal)
        fault.code = Int(crash.fault.code)
        fault.address = Hexadecimal(crash.fault.address)
        fault.programCounter = Hexadecimal(crash.fault.instructionPointer)
        fault.thread = Int(crash.fault.thread)
        fault.module = crash.module
        fault.activity = crash.activity?.rawValue
        fault.request = crash.request
    }

    private static func useCount(of module: ModuleService.LoadedModule, _ process: Int32) -> Int? {
        guard let address = module.linked.useCount,
            let bytes = try? ProcessMemory.read(process, at: address, count: Int(module.architecture.pointerSize)),
            !bytes.isEmpty
        else { return nil }
        return UseCounter(littleEndian: bytes).count
    }

    /// The objects of a module, as they are in the space: files named after the module, a second one with `:2` behind, which no other
    /// module's name has.
    private static func objects(
        of module: ModuleService.LoadedModule, _ process: Int32
    ) -> (names: [String], bytes: [[UInt8]]) {
        guard let objects = module.objects,
            let file = try? ProcessMemory.read(process, at: objects.address, count: objects.size)
        else { return ([], []) }
        let bytes = DebugObjects.objects(in: file)
        let name = module.linked.name
        return (bytes.indices.map { $0 == 0 ? name : "\(name):\($0 + 1)" }, bytes)
    }
}

/// Bytes as people write a build ID.
func hexadecimalDigits(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

extension CrashRequest {
    /// A method that a client calls, and the module that it is about.
    init(_ method: String, of module: String?, _ peer: LocalSocket.Credentials) {
        self.init(
            method: method, module: module, userIdentifier: Int(peer.user), process: Int(peer.process),
            program: ProcessFiles.programName(of: peer.process))
    }
}
