import Linking
import Logging
import ModlinkInterface
import ModuleTable
import ObjectModel
import Posix
import SpaceControl
import SymbolTable

// The calls of modules(2): create_module, init_module, delete_module. Their errors come in the order of the kernels that had them;
// where the manual page says otherwise, the code of those kernels is followed (linux 2.0, kernel/module.c).

/// What the service knows of a module that was made by create_module, beside what it knows of all.
struct FlatModule: Sendable {
    /// Who has made it.
    var owner: ModuleOwner
    /// The connection that it goes with, while it is not initialized.
    var connection: Int?
}

/// What a call of modules(2) brings along, read.
struct InitRequest: Sendable {
    var parameters: InitModuleMethod.Parameters
    /// The code; nil when the caller could not read it, or not so much came.
    var code: [UInt8]?
    /// The symbol table; nil likewise.
    var symbols: [UInt8]?
}

extension Failure {
    /// A refusal of a call of modules(2), with the name of the error number.
    static func refused(_ code: String, _ subject: String, _ reason: String, place: String = "") -> Failure {
        Failure(.refused, [Problem(subject: subject, place: place, reason: reason)], code: code)
    }
}

extension ModuleService {
    /// MOD_MAX_NAME: bytes of a module's name, with its NUL.
    private static let nameLimit = ModuleName.limit + 1
    /// A C `long`: the use count that the module's memory begins with.
    private static let countSize = Architecture.native.pointerSize

    /// create_module: memory, and an entry in the table. On the linker's thread.
    func create(
        _ parameters: CreateModuleMethod.Parameters, owner: ModuleOwner, connection: Int
    ) throws(Failure) -> CreateModuleMethod.Reply {
        let isUnreadable = parameters.unreadable?.contains("name") == true
        guard parameters.name != nil || isUnreadable else { throw .refused("EINVAL", "name", "a null pointer") }
        guard parameters.size != 0 else { throw .refused("EINVAL", parameters.name ?? "name", "size: no bytes") }
        let name = try Self.checked(parameters.name)
        do throws(Failure) { try ModuleName.check(name) } catch { throw .refused("EINVAL", error) }
        let requested = UInt64(bitPattern: Int64(parameters.size))
        do throws(ModuleTableError) {
            try state.withLock { (state) throws(ModuleTableError) in try state.modules.check(names: [name]) }
        } catch {
            throw .refused("EEXIST", name, error.reason)
        }
        let space = try space(.native)
        guard let size = requested.aligned(to: space.information.pageSize),
            let address = state.withLock({
                $0.spaces[.native].ranges.reserve(size: size, alignment: space.information.pageSize)
            })
        else {
            throw .refused("ENOMEM", name, "size: the space has no room for \(requested) bytes; unload something")
        }
        let range = address..<address + size
        do {
            try space.mapFlat(range)
            let linked = LinkedModule(flat: name, at: range, architecture: .native)
            let flat = FlatModule(owner: owner, connection: parameters.connection == true ? connection : nil)
            try state.withLock { (state) throws(ModuleTableError) in
                let id = try state.modules.create(name: name, range: range)
                state.loaded[id] = LoadedModule(linked: linked, slot: nil, flat: flat)
            }
        } catch {
            state.withLock { $0.spaces[.native].ranges.release(address) }
            throw .refused("ENOMEM", name, "\(error)")
        }
        log.info("\(name) created at \(hexadecimal(address)) for process \(owner.process) of user \(owner.user)")
        return CreateModuleMethod.Reply(address: Int(address))
    }

    /// A name that could be read and is not too long.
    private static func checked(_ name: String?) throws(Failure) -> String {
        guard let name else { throw .refused("EFAULT", "name", "cannot be read") }
        guard name.utf8.count < nameLimit else {
            throw .refused("E2BIG", text(name), "longer than the \(nameLimit - 1) bytes that a name may have")
        }
        return name
    }

    /// A name as a line of the console may have it.
    static func text(_ name: String) -> String {
        let bytes = Array(name.utf8.prefix(nameLimit))
        return printable(bytes, NameRange(offset: 0, count: UInt32(bytes.count)))
    }

    // MARK: init_module

    /// init_module: code, symbols and references, then its init. On the linker's thread.
    func initialize(_ request: InitRequest) throws(Failure) -> InitModuleMethod.Reply {
        let parameters = request.parameters
        let name = try Self.checked(parameters.name)
        let (id, loaded) = try created(name)
        let range = loaded.linked.range
        let room = range.upperBound - range.lowerBound - Self.countSize
        guard parameters.size >= 0, parameters.size <= room else {
            throw .refused(
                "EINVAL", name, "\(parameters.size) bytes, and its memory has \(room) behind the use count",
                place: "codesize")
        }
        for argument in ["routines", "code"] where parameters.unreadable?.contains(argument) == true {
            throw .refused("EFAULT", name, "cannot be read", place: argument)
        }
        guard let code = request.code, code.count == parameters.size else {
            throw .refused("EFAULT", name, "cannot be read", place: "code")
        }
        let symbols = try enterSymbols(request, of: name, id: id, in: range)
        try copy(code, of: name, to: range)
        var named = loaded.linked
        named.image.symbols = symbols
        announceFlat(named, id: id, try space(.native))
        return try start(name, id: id, parameters, symbols)
    }

    /// The module that create_module has made, and nobody has initialized.
    private func created(_ name: String) throws(Failure) -> (id: Int, LoadedModule) {
        let (module, loaded) = state.withLock { state in
            let module = state.modules.module(named: name)
            return (module, module.flatMap { state.loaded[$0.id] })
        }
        guard let module, let loaded, loaded.flat != nil else {
            throw .refused(
                "ENOENT", Self.text(name),
                module == nil ? "no such module; create_module makes one" : "not made by create_module")
        }
        guard module.state == .uninitialized else { throw .refused("EBUSY", name, "runs already") }
        return (module.id, loaded)
    }

    /// Reads the symbol table, and notes whom the module refers to. Those before one that is no module stay noted.
    private func enterSymbols(
        _ request: InitRequest, of name: String, id: Int, in range: Range<UInt64>
    ) throws(Failure) -> SymbolList {
        let isUnreadable = request.parameters.unreadable?.contains("symbols") == true
        guard let size = request.parameters.symbolsSize else {
            guard !isUnreadable else { throw .refused("EFAULT", name, "cannot be read", place: "symbol table") }
            return SymbolList()
        }
        guard size >= 0, size <= ClientSymbolTable.sizeLimit else {
            throw .refused(
                "ENOMEM", name, "\(size) bytes, and at most \(ClientSymbolTable.sizeLimit) are kept",
                place: "symbol table: size")
        }
        guard !isUnreadable, let bytes = request.symbols, bytes.count == size else {
            throw .refused("EFAULT", name, "cannot be read", place: "symbol table")
        }
        let table: ClientSymbolTable
        do throws(Problem) {
            table = try ClientSymbolTable(bytes, subject: name)
        } catch {
            throw Failure(.refused, [error], code: "EINVAL")
        }
        let list = table.list(bytes, in: range)
        try state.withLock { (state) throws(Failure) in
            state.loaded[id]?.linked.image.symbols = list
            let resident = state.residentAddress
            let modules = Dictionary(
                state.modules(in: .native).map { ($0.range.lowerBound, $0.id) }, uniquingKeysWith: { first, _ in first }
            )
            var used: [Int] = []
            defer { state.modules.refer(id, to: used) }
            for (index, address) in table.references.enumerated() where address != resident {
                guard let module = modules[address] else {
                    throw .refused(
                        "EINVAL", name, "\(hexadecimal(address)) is no module's address",
                        place: "symbol table: ref[\(index)]")
                }
                used.append(module)
            }
        }
        return list
    }

    /// Puts the code behind the use count, and zeroes behind it.
    private func copy(_ code: [UInt8], of name: String, to range: Range<UInt64>) throws(Failure) {
        let start = range.lowerBound + Self.countSize
        let size = range.upperBound - start
        do {
            let file = try MemoryFile.create(name: "modlink:\(name)")
            try File.writeAll(file, code, name: name)
            try File.truncate(file, size: size, name: name)
            try space(.native).copy(to: start, size: size, from: SharedDescriptor(file))
        } catch {
            throw .refused("ENOMEM", name, "cannot be copied: \(error)", place: "code")
        }
    }

    /// Calls the init, with the use count raised by one. When it fails, the module stays as it is, and its references with it.
    private func start(
        _ name: String, id: Int, _ parameters: InitModuleMethod.Parameters, _ symbols: SymbolList
    ) throws(Failure) -> InitModuleMethod.Reply {
        let autoclean = parameters.autoclean == true
        let space = try space(.native)
        guard let counter = state.withLock({ $0.loaded[id]?.linked.useCount }) else {
            throw .refused("ENOENT", name, "has gone")
        }
        console.beginCapture()
        let speech = console.beginSpeech(name)
        defer { console.endSpeech(speech) }
        do {
            try setCount(autoclean ? UseCounter.autocleanFlag + 1 : 1, at: counter, space)
            let address = UInt64(bitPattern: Int64(parameters.initialize))
            let result: Int32
            do throws(SpaceError) {
                result = try space.busy(with: "init_module of \(name)") { () throws(SpaceError) in
                    try space.interruptibly { () throws(SpaceError) in
                        Int32(truncatingIfNeeded: try space.call(address))
                    }
                }
            } catch {
                throw failure(error, in: name, calling: "init_module", for: .initialize, space)
            }
            guard result == 0 else {
                throw Failure.refused(
                    "EBUSY", name, "init_module returned \(describeResult(result)); it stays, uninitialized")
            }
            try setCount(try count(at: counter, space) &- 1, at: counter, space)
        } catch {
            try? setCount(0, at: counter, space)
            var failure = error as? Failure ?? .refused("EIO", name, "\(error)")
            failure = .refused(failure.kind == .systemFailure ? "EIO" : "EBUSY", failure)
            failure.output = console.endCapture()
            replaceEndedSpaces()
            throw failure
        }
        publish(name, id: id, parameters, symbols)
        return InitModuleMethod.Reply(output: console.endCapture())
    }

    private func setCount(_ count: UInt64, at address: UInt64, _ space: SpaceHost) throws(SpaceError) {
        let bytes = (0..<Self.countSize).map { UInt8(truncatingIfNeeded: count >> ($0 * 8)) }
        try space.write(address, bytes)
    }

    private func count(at address: UInt64, _ space: SpaceHost) throws(SpaceError) -> UInt64 {
        try space.read(address, count: Int(Self.countSize)).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The module runs: what it exports can be found from now on.
    private func publish(
        _ name: String, id: Int, _ parameters: InitModuleMethod.Parameters, _ symbols: SymbolList
    ) {
        let cleanup = UInt64(bitPattern: Int64(parameters.cleanup))
        let initialize = UInt64(bitPattern: Int64(parameters.initialize))
        let address = state.withLock { state -> UInt64 in
            guard var loaded = state.loaded[id] else { return 0 }
            loaded.linked.image.symbols = symbols
            loaded.linked.entryPoint = .linux(initialize: initialize, cleanup: cleanup == 0 ? nil : cleanup)
            loaded.slot = state.spaces[.native].symbols.insert(SymbolSet(loaded.linked))
            loaded.linked.image.symbols = SymbolList()
            loaded.flat?.connection = nil
            state.loaded[id] = loaded
            state.modules.setAutoclean(id, parameters.autoclean == true)
            state.modules.setRunning(id)
            return loaded.linked.range.lowerBound
        }
        publishSymbols()
        writePerfMap()
        let line = "\(name) loaded as \(id) at \(hexadecimal(address))"
        log.info("\(line)")
        console.note(line)
    }

    // MARK: delete_module

    /// delete_module: one module, or those that may go by themselves. On the linker's thread.
    func delete(_ parameters: DeleteModuleMethod.Parameters) throws(Failure) -> DeleteModuleMethod.Reply {
        if parameters.name == nil, parameters.unreadable?.contains("name") != true {
            let pass = autoclean()
            return DeleteModuleMethod.Reply(modules: pass.modules, output: pass.output)
        }
        let name = try Self.checked(parameters.name)
        guard let id = state.withLock({ $0.modules.module(named: name)?.id }) else {
            throw .refused("ENOENT", Self.text(name), "no such module")
        }
        return try unload([id])
    }

    /// The modules that a connection has made for as long as it lasts, and not initialized: they go with it.
    public func connectionEnded(_ connection: Int) {
        let isOwner = state.withLock { $0.loaded.values.contains { $0.flat?.connection == connection } }
        guard isOwner else { return }
        later { service in
            let ids = service.state.withLock { state in
                state.loaded.filter { $0.value.flat?.connection == connection }.map(\.key)
            }
            for id in ids {
                let name = service.state.withLock { $0.modules[id]?.name } ?? ""
                service.console.note("\(name): never initialized; goes with the connection of who made it")
                _ = try? service.unload([id])
            }
        }
    }
}

extension Failure {
    /// A refusal with an error number, in the words of another failure.
    static func refused(_ code: String, _ other: Failure) -> Failure {
        Failure(
            .refused, other.problems, output: other.output, code: other.kind == .refused ? other.code : code)
    }
}
