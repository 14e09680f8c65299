import Linking
import Logging
import ModlinkInterface
import ModuleTable
import ObjectFormats
import ObjectModel
import Posix
import Varlink

extension ModuleService {
    /// The service that a connection is given.
    ///
    /// - Parameter stop: called when someone who may has asked the daemon to end.
    public func varlinkService(stop: @escaping @Sendable () -> Void) throws(Interface.Fault) -> Service {
        let interface = try Interface(
            interfaceText,
            methods: [
                MethodHandler(LoadMethod.self) { [self] (parameters, context) throws(MethodError) in
                    try answering { () throws(Failure) in
                        try requireOwner(context.peer)
                        try refuseFromWithin(context.peer)
                        var sender = ProgressSender()
                        let request = try read(parameters, &context, &sender)
                        let caller = CrashRequest("Load", of: request.sources.first?.name, context.peer)
                        return try perform(
                            for: context.socketNumber, by: caller,
                            meanwhile: { sender.send(request.progress, &context) }
                        ) { (service) throws(Failure) in try service.load(request) }
                    }
                },
                MethodHandler(UnloadMethod.self) { [self] (parameters, context) throws(MethodError) in
                    try answering { () throws(Failure) in
                        try requireOwner(context.peer)
                        try refuseFromWithin(context.peer)
                        let caller = CrashRequest("Unload", of: parameters.names?.first, context.peer)
                        return try performShowing(by: caller, &context) { (service, progress) throws(Failure) in
                            try service.unload(parameters, progress)
                        }
                    }
                },
                MethodHandler(AutocleanMethod.self) { [self] (_, context) throws(MethodError) in
                    try answering { () throws(Failure) in
                        try requireOwner(context.peer)
                        try refuseFromWithin(context.peer)
                        let caller = CrashRequest("Autoclean", of: nil, context.peer)
                        return try performShowing(by: caller, &context) { service, progress in
                            service.autoclean(progress)
                        }
                    }
                },
                MethodHandler(ListMethod.self) { [self] (parameters, context) throws(MethodError) in
                    try sendAllButLast(list(isBrief: parameters.brief ?? false), &context)
                },
                MethodHandler(DescribeMethod.self) { [self] (parameters, context) throws(MethodError) in
                    try answering { () throws(Failure) in
                        // Values of parameters are the owner's.
                        try requireOwner(context.peer)
                        return try describe(parameters)
                    }
                },
                MethodHandler(LookUpMethod.self) { [self] (parameters, _) throws(MethodError) in
                    try answering { () throws(Failure) in
                        let space = try runningSpace(parameters.space)
                        return LookUpMethod.Reply(answers: lookUp(parameters.queries, in: space))
                    }
                },
                MethodHandler(FindUsersMethod.self) { [self] (parameters, _) throws(MethodError) in
                    try answering { () throws(Failure) in
                        let space = try runningSpace(parameters.space)
                        return FindUsersMethod.Reply(answers: try findUsers(parameters.queries, in: space))
                    }
                },
                MethodHandler(SymbolsMethod.self) { [self] (parameters, context) throws(MethodError) in
                    try answering { () throws(Failure) in
                        let space = try runningSpace(parameters.space)
                        // Before the file is opened: a file of a later state may bear the number, one of an earlier may not.
                        let generation = state.withLock { $0.spaces[space].publishedGeneration }
                        return SymbolsMethod.Reply(
                            descriptor: context.attach(try symbolFile(space)), generation: Int(generation))
                    }
                },
                MethodHandler(StatusMethod.self) { [self] (parameters, _) throws(MethodError) in
                    try answering { () throws(Failure) in try status(try runningSpace(parameters.space)) }
                },
                MethodHandler(CallMethod.self) { [self] (parameters, context) throws(MethodError) in
                    try answering { () throws(Failure) in
                        try requireOwner(context.peer)
                        try refuseFromWithin(context.peer)
                        let space = try runningSpace(parameters.space)
                        let caller = CrashRequest("Call", of: parameters.function, context.peer)
                        return try perform(for: context.socketNumber, by: caller) { (service) throws(Failure) in
                            try service.call(parameters, in: space)
                        }
                    }
                },
                MethodHandler(ListCrashesMethod.self) { [self] _, _ in
                    ListCrashesMethod.Reply(crashes: KeptCrashes(directory).list())
                },
                MethodHandler(DescribeCrashMethod.self) { [self] (parameters, context) throws(MethodError) in
                    try answering { () throws(Failure) in
                        // It shows memory of whoever has called the module.
                        try requireOwner(context.peer)
                        let crashes = KeptCrashes(directory)
                        return DescribeCrashMethod.Reply(
                            crash: try crashes.crash(parameters.number), report: try crashes.report(parameters.number))
                    }
                },
                MethodHandler(StopMethod.self) { [self] (_, context) throws(MethodError) in
                    try answering { () throws(Failure) in
                        try requireOwner(context.peer)
                        stop()
                        let reply = StopMethod.Reply(process: Int(CurrentProcess.number))
                        guard context.wantsMore else { return reply }
                        // Who has gone is not waited for.
                        try? context.reply(reply)
                        return StopMethod.Reply(process: reply.process, events: stopped.wait())
                    }
                },
            ] + modulesHandlers + deviceHandlers)
        return try Service(
            vendor: Product.vendor, product: Product.name, version: Product.version, url: Product.url,
            interfaces: [interface])
    }

    /// Does something on the linker's thread, and tells the caller how far it is when that takes long.
    private func performShowing<Call: Method>(
        by caller: CrashRequest, _ context: inout CallContext<Call>,
        _ work: @escaping @Sendable (ModuleService, WorkProgress) throws(Failure) -> Call.Reply
    ) throws(Failure) -> Call.Reply where Call.Reply: ProgressReply {
        var sender = ProgressSender()
        let progress = WorkProgress("waiting for other requests")
        return try perform(
            for: context.socketNumber, by: caller, meanwhile: { sender.send(progress, &context) }
        ) { (service) throws(Failure) in try work(service, progress) }
    }

    /// How many modules one of several replies has: few enough that the caller reads one while the next is written.
    private static let listPart = 256

    /// Sends a list of modules in parts to who takes several replies. Returns the last one, which for others has all.
    private func sendAllButLast(
        _ modules: [ModuleInformation], _ context: inout CallContext<ListMethod>
    ) throws(MethodError) -> ListMethod.Reply {
        let spaces = runningSpaces()
        var rest = modules[...]
        while context.wantsMore, rest.count > Self.listPart {
            try context.reply(ListMethod.Reply(modules: Array(rest.prefix(Self.listPart)), spaces: spaces))
            rest = rest.dropFirst(Self.listPart)
        }
        return ListMethod.Reply(modules: Array(rest), spaces: spaces)
    }

    func answering<Reply>(_ work: () throws(Failure) -> Reply) throws(MethodError) -> Reply {
        do throws(Failure) {
            return try work()
        } catch {
            throw error.methodError
        }
    }

    /// Whoever may load a module may run any code as this user.
    func requireOwner(_ peer: LocalSocket.Credentials) throws(Failure) {
        guard peer.user == User.effective || peer.user == 0 else {
            throw Failure(
                .permissionDenied, subject: "user \(peer.user)",
                reason: "may look, not change: the daemon belongs to user \(User.effective)")
        }
    }

    /// The numbers of the modules that are meant.
    func identify(_ parameters: UnloadMethod.Parameters) throws(Failure) -> [Int] {
        var ids: [Int] = []
        var problems: [Problem] = []
        state.withLock { state in
            for name in parameters.names ?? [] {
                if let id = state.module(known: name) {
                    ids.append(id)
                } else {
                    problems.append(state.modules.unknown(name))
                }
            }
            for id in parameters.ids ?? [] {
                if state.modules[id] != nil {
                    ids.append(id)
                } else {
                    problems.append(Problem(subject: "module \(id)", reason: "no such module (ENOENT)"))
                }
            }
        }
        guard problems.isEmpty else { throw Failure(.noSuchModule, problems) }
        var seen = Set<Int>()
        return ids.filter { seen.insert($0).inserted }
    }

    // MARK: Reading objects, on the thread of the connection

    /// Objects are as large as memory allows; this is only against mistakes.
    private static let objectSizeLimit = 1 << 30

    private func read(
        _ parameters: LoadMethod.Parameters, _ context: inout CallContext<LoadMethod>,
        _ sender: inout ProgressSender
    ) throws(Failure) -> LoadRequest {
        var request = LoadRequest(sources: [], autoclean: [], phases: [])
        request.waitsForDebugger = parameters.debugger ?? false
        if let seconds = parameters.timeout {
            guard (0...LoadMethod.Parameters.longestTimeout).contains(seconds) else {
                throw Failure(
                    .systemFailure, subject: "timeout",
                    reason: "\(seconds) seconds: it takes 0 to \(LoadMethod.Parameters.longestTimeout)")
            }
            request.patience = seconds == 0 ? nil : .seconds(seconds)
        }
        request.folders = try folders(parameters, context.peer)
        if let name = parameters.space { request.space = try Architecture(space: name) }
        var problems: [Problem] = []
        let start = Clock.nanoseconds()
        var reading: UInt64 = 0
        for (number, module) in parameters.modules.enumerated() {
            request.progress.set("reading", number, parameters.modules.count)
            sender.send(request.progress, &context)
            request.sources.append(try source(module, request.folders, &context, &reading, &problems, &request.paths))
            request.autoclean.append(module.autoclean ?? false)
        }
        guard problems.isEmpty else { throw Failure(.notAnObject, problems) }
        let total = Clock.nanoseconds() - start
        request.phases = [
            Phase(name: "read", nanoseconds: Int(reading)), Phase(name: "parse", nanoseconds: Int(total - reading)),
        ]
        return request
    }

    /// One module: its objects, and what it needs of its archives.
    private func source(
        _ module: ModuleRequest, _ folders: [String], _ context: inout CallContext<LoadMethod>,
        _ reading: inout UInt64, _ problems: inout [Problem], _ paths: inout [String: String]
    ) throws(Failure) -> ModuleSource {
        var module = module
        for index in module.objects.indices {
            module.objects[index] = try found(module.objects[index], folders, context.peer)
        }
        guard let first = module.objects.first else {
            throw Failure(.notAnObject, subject: module.name ?? "module", reason: "has no objects")
        }
        var source = ModuleSource(
            name: module.name ?? ModuleSource.name(ofFile: first.name), objects: [], entryName: module.entry,
            keepsDuplicatesPrivate: module.private ?? false)
        var archives: [Archive] = []
        let known = problems.count
        for file in module.objects {
            let start = Clock.nanoseconds()
            let bytes = try read(file, &context, &paths)
            reading += Clock.nanoseconds() - start
            do throws(Problem) {
                switch try LinkerInput(bytes, name: file.name) {
                case .object(let object): source.objects.append(object)
                case .archive(let archive): archives.append(archive)
                }
            } catch {
                problems.append(error)
            }
        }
        for text in module.parameters ?? [] {
            guard let parameter = Parameter(text: text) else {
                let isTyped = text.utf8.prefix { $0 != UInt8(ascii: "=") }.contains(UInt8(ascii: ":"))
                throw Failure(
                    .linkFailed, subject: text,
                    reason: isTyped
                        ? "not a parameter; the types of a property are boolean, integer and string"
                        : "not a parameter; write NAME=VALUE")
            }
            source.parameters.append(parameter)
        }
        do throws(LinkFailure) {
            try source.addMembers(
                of: archives, all: module.wholeArchives ?? false, workers: .processors, read: ObjectReader.member(_:of:)
            )
        } catch {
            problems += error.problems
        }
        if problems.count == known, source.objects.isEmpty {
            problems.append(Problem(subject: source.name, reason: "nothing is needed of its archives"))
        }
        if module.name == nil { source.takeClassicName() }
        return source
    }

    /// A copy of a file's bytes: a client could change the file while it is looked at.
    ///
    /// - Parameter paths: gets where a file is that came as a descriptor.
    private func read(
        _ file: ObjectFile, _ context: inout CallContext<LoadMethod>, _ paths: inout [String: String]
    ) throws(Failure) -> [UInt8] {
        if let index = file.descriptor {
            guard let descriptor = context.descriptors.take(index) else {
                throw Failure(
                    .systemFailure, subject: file.name, reason: "descriptor \(index) did not come with the call")
            }
            if let path = try? CurrentProcess.path(ofDescriptor: descriptor.number), path.hasPrefix("/"),
                !path.hasPrefix("/memfd:")
            {
                paths[file.name] = path
            }
            return try Failure.naming(file.name, .notAnObject) { () throws(SystemError) in
                try File.readAll(descriptor, name: file.name, limit: Self.objectSizeLimit)
            }
        }
        guard let path = file.path, path.hasPrefix("/") else {
            throw Failure(.systemFailure, subject: file.name, reason: "neither a descriptor nor an absolute path")
        }
        guard context.peer.user == User.effective else {
            throw Failure(
                .permissionDenied, subject: path,
                reason: "a path is opened for user \(User.effective) only; pass a descriptor")
        }
        let descriptor = try Failure.naming(path, .noSuchFile) { () throws(SystemError) in
            try File.open(path, .read)
        }
        return try Failure.naming(path, .notAnObject) { () throws(SystemError) in
            try File.readAll(descriptor, name: path, limit: Self.objectSizeLimit)
        }
    }
}
