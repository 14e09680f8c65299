import ELFFormat
import Linking
import Logging
import ModlinkInterface
import ModuleTable
import ObjectFormats
import ObjectModel
import Posix
import SpaceControl
import SymbolTable

/// What is to be loaded, read already.
struct LoadRequest: Sendable {
    var sources: [ModuleSource]
    var autoclean: [Bool]
    var phases: [Phase]
    /// The space that they have to be for; nil: that of their objects.
    var space: Architecture?
    /// Where the modules are found that others need; absolute paths.
    var folders: [String] = []
    /// How long each call into the modules may take; nil: as long as it wants.
    var patience: Duration? = SpaceHost.standardPatience
    /// Whether a debugger is waited for before anything of the modules runs.
    var waitsForDebugger = false
    /// For each module, whether it came in because another one needed it; and whom it asks for by name. Known when it is planned.
    var isDependency: [Bool] = []
    var required: [[String]] = []
    /// Where the files are that objects and archives came from, by what messages call them.
    var paths: [String: String] = [:]
    /// What was found in the folders that cannot be used.
    var warnings: [Problem] = []
    /// Told how far the work is.
    var progress = WorkProgress()
}

/// A transaction: modules on their way into a space. What has been done is undone in reverse when something fails.
struct LoadTransaction {
    let service: ModuleService
    let space: SpaceHost
    let progress: WorkProgress
    var phases: PhaseClock
    /// Names of the modules whose image has been begun.
    var images: [String] = []
    var addresses: [UInt64] = []
    /// For each module: where its thread-local variables begin, in bytes from the thread pointer.
    var threadBlocks: [Int64] = []
    var linked: [LinkedModule] = []
    /// For each module, its objects as debuggers want them; nil where there was no room.
    var debugObjects: [DebugObjectFile?] = []
    var ids: [Int] = []
    /// Images that were copied to be mapped, by module.
    var copies: [String: SharedDescriptor] = [:]
    /// For each module, what its image gets debug sections of, later.
    var imageDebugging: [ImageDebugInput] = []
    /// How long it took to put together what debuggers are told, in nanoseconds.
    var announcing: UInt64 = 0
    /// How many of the modules have been mapped, and how many have been started.
    var mapped = 0
    var started = 0
}

extension ModuleService {
    /// Loads modules, all or none. On the linker's thread.
    func load(_ request: LoadRequest) throws(Failure) -> LoadMethod.Reply {
        for source in request.sources { try ModuleName.check(source.name) }
        let architecture = try request.architecture
        do throws(ModuleTableError) {
            try state.withLock { (state) throws(ModuleTableError) in
                try state.modules.check(names: request.sources.map(\.name))
            }
        } catch {
            throw Failure(error)
        }
        let space = try space(for: request, architecture)
        var request = request
        var transaction = LoadTransaction(
            service: self, space: space, progress: request.progress, phases: PhaseClock(request.phases))
        let capture = console.beginCapture()
        request.progress.setOutput { [console] in console.takeCaptured(capture) }
        do throws(Failure) {
            try transaction.run(&request)
        } catch {
            var failure = error
            failure.problems += transaction.space.busy(with: request.task) { transaction.undo(after: error) }
            failure.output = console.endCapture() + error.output
            let line = "load failed: \(failure.problems.first?.description ?? "")"
            log.notice("\(line)")
            console.note(line)
            throw failure
        }
        let output = console.endCapture()
        for (linked, id) in zip(transaction.linked, transaction.ids) {
            let line = "\(linked.name) loaded as \(id) at \(hexadecimal(linked.range.lowerBound))"
            log.info("\(line)")
            console.note(line)
        }
        // After the answer, unless others wait.
        let debugging = transaction.imageDebugging
        if let last = request.sources.last?.name {
            later { service in
                for input in debugging { service.imageDebugging.add(input, in: service.images) }
                service.tidyUp(after: last)
            }
        }
        return LoadMethod.Reply(
            modules: state.withLock { state in transaction.ids.compactMap { information(of: $0, in: state) } },
            output: output, phases: transaction.phases.phases,
            warnings: request.warnings.isEmpty ? nil : request.warnings)
    }
}

extension LoadRequest {
    /// Whether some module asks for others by name.
    fileprivate var asksForModules: Bool {
        sources.contains { source in
            source.objects.contains { object in
                let (required, depends) = ObjectSummaryReader.requirements(of: object)
                return !required.isEmpty || !depends.isEmpty
            }
        }
    }

    /// What a space that runs their code is busy with.
    fileprivate var task: String {
        "the load of \(sources.first?.name ?? "nothing")" + (sources.count > 1 ? " and \(sources.count - 1) more" : "")
    }

    /// The files that a module is made of: each once, however many members of an archive there are.
    fileprivate func files(of source: ModuleSource) -> [String] {
        var files: [String] = []
        for object in source.objects {
            // A member is called `archive(member)`.
            let file = paths[object.name] == nil ? String(object.name.prefix { $0 != "(" }) : object.name
            let path = paths[file] ?? file
            if files.last != path { files.append(path) }
        }
        return files
    }

    /// The machine that all objects are made for: they go into its space.
    var architecture: Architecture {
        get throws(Failure) {
            let objects = sources.lazy.flatMap(\.objects)
            guard let first = objects.first else { return .native }
            let wanted = space ?? first.architecture
            let others = Array(objects.filter { $0.architecture != wanted })
            guard !others.isEmpty else { return wanted }
            let reason =
                space != nil
                ? "not for the space \(wanted.name)"
                : "and \(first.name) for \(wanted.name); what is loaded together goes into one space"
            throw Failure(
                .linkFailed,
                others.map { Problem(subject: $0.name, reason: "made for \($0.architecture.name), \(reason)") })
        }
    }
}

extension ModuleService {
    /// The space that a request goes to.
    private func space(for request: LoadRequest, _ architecture: Architecture) throws(Failure) -> SpaceHost {
        do throws(Failure) {
            return try space(architecture)
        } catch {
            guard error.kind == .noSuchSpace, let object = request.sources.first?.objects.first else { throw error }
            throw Failure(
                .noSuchSpace,
                error.problems.map {
                    Problem(
                        subject: object.name, place: "made for \(architecture.name)",
                        reason: "there is no space for it: \($0.reason)")
                })
        }
    }
}

extension LoadTransaction {
    fileprivate mutating func run(_ request: inout LoadRequest) throws(Failure) {
        try link(&request)
        request.warnings += linked.compactMap(\.uncalledMain)
        try enter(request)
        try map(request)
        if request.waitsForDebugger { try waitForDebugger() }
        try space.busy(with: request.task) { () throws(Failure) in
            for module in linked {
                let speech = service.console.beginSpeech(module.name)
                defer { service.console.endSpeech(speech) }
                try space.interruptibly { () throws(Failure) in
                    try space.within(request.patience) { () throws(Failure) in try resolveIndirectFunctions(of: module)
                    }
                }
            }
            phases.end("map")
            for index in linked.indices {
                try space.interruptibly { () throws(Failure) in
                    try space.within(request.patience) { () throws(Failure) in try start(index) }
                }
                started += 1
            }
        }
        if service.faultPolicy == .restart { service.keepOrigins(request, ids) }
        phases.end("init")
        publish()
        phases.end("publish")
    }

    /// Resolves, places and writes all modules.
    private mutating func link(_ request: inout LoadRequest) throws(Failure) {
        let settings = LinkSettings(
            architecture: space.architecture, window: space.information.window, headerSize: ELFImageWriter.headerSize)
        let table = service.state.withLock { $0.spaces[space.architecture].symbols }
        progress.set("linking", 0, 0)
        var linker = try resolve(&request, against: table, settings)
        phases.end("resolve")
        try reserve(linker, request)
        try reserveThreads(linker, request)
        linker.place(at: addresses, threadBlocks: threadBlocks)
        let placed = linker
        for (index, source) in request.sources.enumerated() {
            try write(source.name, source.objects, module: index, of: placed)
        }
        phases.end("relocate", thereof: announcing, "announce")
    }

    /// Resolves the modules; together with those of the module path that they need, where they ask for some by name or cannot be
    /// linked without. Most need none: for them nothing is looked up twice.
    private mutating func resolve(
        _ request: inout LoadRequest, against table: SymbolTable, _ settings: LinkSettings
    ) throws(Failure) -> Linker {
        var failure: LinkFailure?
        if !request.asksForModules {
            do throws(LinkFailure) {
                return try Linker(request.sources, against: table, settings: settings, workers: .processors)
            } catch {
                failure = error
            }
        }
        let named = request.sources.count
        request = try service.withDependencies(request, space)
        // Nothing was found that would help.
        if let failure, request.sources.count == named { throw Failure(failure) }
        if request.sources.count > named { phases.end("depend") }
        do throws(LinkFailure) {
            return try Linker(request.sources, against: table, settings: settings, workers: .processors)
        } catch {
            throw Failure(error)
        }
    }

    private mutating func reserve(_ linker: Linker, _ request: LoadRequest) throws(Failure) {
        for (index, need) in linker.sizes.enumerated() {
            let address = service.state.withLock {
                $0.spaces[space.architecture].ranges.reserve(size: need.size, alignment: need.alignment)
            }
            guard let address else {
                throw Failure(
                    .systemFailure, subject: request.sources[index].name,
                    reason: "needs \(need.size) bytes, and the space has no room for them; unload something")
            }
            addresses.append(address)
        }
    }

    /// Enters the modules into the module table, as loading.
    private mutating func enter(_ request: LoadRequest) throws(Failure) {
        let linked = linked
        let now = Int(WallClock.seconds())
        do throws(ModuleTableError) {
            ids = try service.state.withLock { (state) throws(ModuleTableError) in
                let entries = linked.enumerated().map { index, module in
                    (
                        name: module.name, range: module.range, isAutoclean: request.autoclean[index],
                        uses: state.uses(of: module), peers: module.peers(requiredAmong: linked)
                    )
                }
                let ids = try state.modules.begin(entries)
                for (id, module) in zip(ids, linked) {
                    state.loaded[id] = ModuleService.LoadedModule(linked: module, slot: nil)
                    state.loaded[id]?.patience = request.patience
                    state.loaded[id]?.time = now
                }
                for (id, source) in zip(ids, request.sources) { state.loaded[id]?.files = request.files(of: source) }
                state.noteDependencies(request, ids)
                return ids
            }
        } catch {
            throw Failure(error)
        }
    }

    private mutating func map(_ request: LoadRequest) throws(Failure) {
        defer { debugObjects = [] }
        for (index, module) in linked.enumerated() {
            do {
                try map(module, index)
                mapped += 1
                if request.autoclean[index], let counter = module.useCount {
                    try space.setCounterFlag(UseCounter.autocleanFlag, at: counter)
                }
                if let frames = module.frames {
                    try space.registerFrames(frames)
                }
                for write in module.writes { try space.write(write) }
                if let storage = module.threadStorage { try space.fillThreads(storage) }
                for name in module.heldNames { try space.introduce(module, name) }
            } catch SpaceError.refused(.map, ErrorCode.outOfMemory) {
                throw Failure(
                    .systemFailure, subject: module.name,
                    reason:
                        "cannot be mapped: the space has as many mappings as it may have (vm.max_map_count), or memory is short; unload something (ENOMEM)"
                )
            } catch SpaceError.refused(.map, ErrorCode.tooManyDescriptors) {
                throw Failure(
                    .systemFailure, subject: module.name,
                    reason:
                        "cannot be mapped: modules have all descriptors open that the space may have; unload the one that does not close them (EMFILE)"
                )
            } catch {
                throw Failure(.systemFailure, subject: module.name, reason: "cannot be mapped: \(error)")
            }
        }
    }

    private mutating func map(_ module: LinkedModule, _ index: Int) throws {
        let objects = debugObjects[index]
        let place = try mapImage(module, objects?.descriptor)
        let (id, announced) = (ids[index], objects?.announced(at: place))
        service.state.withLock { $0.loaded[id]?.objects = announced }
    }

    /// Maps a module's image, and its debug objects. Returns where those are.
    private mutating func mapImage(_ module: LinkedModule, _ objects: SharedDescriptor?) throws -> UInt64 {
        let segments = module.image.segments
        let image = SharedDescriptor(try service.images.open(module.name))
        do throws(SpaceError) {
            return try space.map(image, segments, objects: objects)
        } catch .refused(.map, ErrorCode.notPermitted) {
            // The runtime directory is mounted noexec, as /run often is.
            let copy = SharedDescriptor(try service.images.copyInMemory(module.name))
            copies[module.name] = copy
            return try space.map(copy, segments, objects: objects)
        }
    }

    /// Runs a module's constructors and its init.
    private func start(_ index: Int) throws(Failure) {
        let module = linked[index]
        let speech = service.console.beginSpeech(module.name)
        defer { service.console.endSpeech(speech) }
        progress.set("starting \(module.name)", index, linked.count)
        do throws(SpaceError) {
            try space.call(module.constructors)
        } catch {
            throw service.failure(error, in: module.name, calling: "constructor", for: .constructor, space)
        }
        let (name, result) = try service.initialize(module, id: ids[index], space)
        if let crash = service.threadCrash(of: module.name) { throw Failure(crash, in: module.name, calling: name) }
        guard result == 0 else {
            throw Failure(
                .initFailed,
                [
                    Problem(
                        subject: module.name, reason: "\(name) returned \(describeResult(result)); everything is undone"
                    )
                ],
                result: Int(result))
        }
    }

    /// The modules are running: their exports can be found from now on.
    private func publish() {
        let (ids, space) = (ids, space)
        let sets = linked.map(SymbolSet.init)
        service.state.withLock { state in
            for (id, set) in zip(ids, sets) {
                state.loaded[id]?.slot = state.spaces[space.architecture].symbols.insert(set)
                // From here on the set has them.
                state.loaded[id]?.linked.image.symbols = SymbolList()
                state.modules.setRunning(id)
                // After its init has come back, and before now.
                if state.loaded[id]?.threadCrash != nil { state.modules.setFaulted(id) }
            }
        }
        for id in ids { service.noteRegistration(id, space) }
        service.publishSymbols()
    }

    /// Takes back what has been done, the last first. Returns what has gone wrong with that.
    fileprivate mutating func undo(after failure: Failure) -> [Problem] {
        if failure.kind == .systemFailure, space.hasEnded {
            for name in images { service.images.remove(name) }
            service.replaceSpace(space.architecture)
            return []
        }
        var reply = UnloadMethod.Reply(modules: [], output: "")
        var staying = Set<Int>()
        // The one that failed is not asked to clean up: modules(2). One that crashed is not called at all.
        let last = min(started, linked.count - 1)
        for index in linked.indices.reversed() where index < mapped {
            let module = linked[index]
            let speech = service.console.beginSpeech(module.name)
            defer { service.console.endSpeech(speech) }
            if index < started, let problem = service.finish(module) { reply.complain(problem) }
            if index < started || (index == last && failure.kind == .initFailed),
                let problem = service.runDestructors(module)
            {
                reply.complain(problem)
            }
            do throws(Failure) {
                try service.settleThreads(of: module, ends: true, &reply)
                // What stays may call it.
                guard !staying.contains(where: { linked[$0].peers[index] != nil }) else {
                    staying.insert(index)
                    continue
                }
                service.unmap(module, discards: failure.kind == .moduleFaulted, &reply)
            } catch {
                staying.insert(index)
                for problem in error.problems { reply.complain(problem) }
            }
        }
        forget(except: staying)
        return (reply.warnings ?? []) + (reply.problems ?? [])
    }

    /// Takes modules out of the tables, but for those that cannot be taken out of the space: they have faulted.
    private func forget(except staying: Set<Int>) {
        let (ids, addresses, space, linked, mapped) = (ids, addresses, space, linked, mapped)
        service.state.withLock { state in
            for (index, id) in ids.enumerated() {
                if staying.contains(index) {
                    state.modules.keepFaulted(id)
                } else {
                    state.modules.remove(id)
                    state.loaded[id] = nil
                }
            }
            // What has been mapped may have left pointers to itself, as what is unloaded may.
            for (index, module) in linked.prefix(mapped).enumerated() where !staying.contains(index) {
                state.bury(module, nil)
            }
            for (index, address) in addresses.enumerated() where !staying.contains(index) {
                state.spaces[space.architecture].ranges.release(address)
            }
        }
        // Those of linked modules have been given back with their memory.
        service.releaseThreads(Array(threadBlocks.dropFirst(mapped)), space)
        let names = Set(staying.map { linked[$0].name })
        for name in images where !names.contains(name) { service.images.remove(name) }
    }
}

extension SymbolSet {
    /// The symbols of a linked module.
    convenience init(_ module: LinkedModule) {
        self.init(
            owner: module.name, symbols: module.image.symbols, sections: module.image.sections, range: module.range,
            buildID: module.image.buildID)
    }
}

extension LinkedModule {
    /// Says that a program's object has been loaded: nothing of it runs.
    fileprivate var uncalledMain: Problem? {
        guard case .none = entryPoint, constructors.count == 0 else { return nil }
        let isThere = image.symbols.entries.contains { entry in
            entry.name.count == 4 && entry.type == .function && entry.binding == .global
                && image.symbols.names[entry.name.indices].elementsEqual("main".utf8)
        }
        guard isThere else { return nil }
        return Problem(
            subject: name, reason: "main is not called; a module is started by init_module, MODULE() or a constructor")
    }
}

extension Failure {
    /// All problems of a link.
    init(_ failure: LinkFailure) {
        self.init(.linkFailed, failure.problems)
    }
}

extension ModuleService.State {
    /// The modules that a linked one refers to, and the names of the symbols.
    func uses(of module: LinkedModule) -> [Int: [String]] {
        var uses: [Int: [String]] = [:]
        let symbols = spaces[module.image.architecture].symbols
        for reference in module.references {
            guard let owner = symbols.owner(reference.owner), let id = modules.module(named: owner.owner)?.id else {
                continue
            }
            uses[id] = reference.symbols.map { owner.name($0) }.sorted()
        }
        for name in module.declaration?.required ?? [] {
            if let id = self.module(required: name, in: module.image.architecture), uses[id] == nil { uses[id] = [] }
        }
        return uses
    }
}
