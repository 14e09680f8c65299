import ELFFormat
import Linking
import Logging
import ModlinkInterface
import ObjectModel
import Posix
import SpaceControl
import SymbolTable

// What debuggers are told of modules (GDB manual, "JIT Compilation Interface"): the objects as they were loaded, each section with its
// address. The space has them mapped, and lists them until the module goes.

/// Where the objects of a module, as debuggers want them, are in the memory of its space: a file of `struct space_debug_header`.
struct AnnouncedObjects: Sendable {
    /// Where the file begins.
    let address: UInt64
    /// Its size in bytes.
    let size: Int
    /// What messages call the objects, in the order of the file.
    let names: [String]
}

/// The same before it is in the space.
struct DebugObjectFile: Sendable {
    let descriptor: SharedDescriptor
    let size: Int
    let names: [String]

    /// The objects of a placed module.
    ///
    /// - Parameter symbols: those of the module's image, for objects that are no ELF files: they have no more to say. Nil: with one such
    ///   object, there is no file.
    init?(
        _ objects: [Object], at addresses: [[UInt64?]], of module: String, symbols: [UInt8]? = nil
    ) throws(SystemError) {
        var file = DebugObjects(count: objects.count)
        for (object, places) in zip(objects, addresses) {
            if let changed = ELFDebugObject(object, at: places) {
                file.append(object.bytes, object.file, changed)
            } else {
                guard let symbols else { return nil }
                file.append(symbols, symbols.indices)
            }
        }
        try self.init(file, names: objects.map(\.name), module: module)
    }

    /// The symbols of a module of which there are no objects.
    init(symbolsOf module: LinkedModule) throws(SystemError) {
        var file = DebugObjects(count: 1)
        let symbols = Self.symbols(of: module)
        file.append(symbols, symbols.indices)
        try self.init(file, names: [module.name], module: module.name)
    }

    private init(_ file: DebugObjects, names: [String], module: String) throws(SystemError) {
        descriptor = SharedDescriptor(try file.file(name: module))
        size = file.size
        self.names = names
    }

    fileprivate static func symbols(of module: LinkedModule) -> [UInt8] {
        SymbolImage.file([SymbolSet(module)], architecture: module.image.architecture)
    }

    /// What is known of it once it has been mapped there.
    func announced(at address: UInt64) -> AnnouncedObjects? {
        address == 0 ? nil : AnnouncedObjects(address: address, size: size, names: names)
    }
}

/// What becomes known of a module beside its image, for those who look at it.
struct ModuleDescription: Sendable {
    /// For debuggers; nil where one of the objects is no ELF file.
    let objects: Result<DebugObjectFile?, SystemError>
    /// Its symbols in the order of address; nil where the link has failed.
    let symbols: SymbolList?
}

extension LoadTransaction {
    /// Writes a module's image, and puts together what debuggers and the symbol table are told of it; at the same time, where the
    /// link itself leaves a processor idle. What the one then waits for the other is what it costs to announce a module.
    mutating func write(_ name: String, _ objects: [Object], module index: Int, of placed: Linker) throws(Failure) {
        images.append(name)
        let addresses = placed.sectionAddresses(index)
        imageDebugging.append(ImageDebugInput(module: name, objects: objects, addresses: addresses))
        let told = debuggerAddresses(addresses, objects, module: index, of: placed)
        // A small module is announced before another processor would have begun; a large one keeps all of them busy.
        guard !placed.asksWorkers, objects.reduce(0, { $0 + $1.file.count }) >= Self.worthSharing else {
            let module = try service.images.write(name, module: index, of: placed)
            let begin = Clock.nanoseconds()
            add(
                module, objects, at: told,
                Result { () throws(SystemError) in
                    try DebugObjectFile(objects, at: told, of: name)
                })
            announcing += Clock.nanoseconds() - begin
            return
        }
        let (store, image) = (service.images, Promise<SymbolList?>())
        let (written, described) = Workers.processors.both {
            let module = Result { () throws(Failure) in
                try store.write(name, module: index, of: placed) { image.fulfil($0.symbols) }
            }
            image.fulfil(nil)
            return (module: module, end: Clock.nanoseconds())
        } _: {
            let file = Result { () throws(SystemError) in try DebugObjectFile(objects, at: told, of: name) }
            var symbols = image.wait()
            symbols?.sortByAddress()
            return ModuleDescription(objects: file, symbols: symbols)
        }
        announcing += Clock.nanoseconds() - written.end
        var module = try written.module.get()
        if let symbols = described.symbols { module.image.symbols = symbols }
        add(module, objects, at: told, described.objects)
    }

    /// Where debuggers are told that sections are. Those of thread-local variables have no one address: gdb adds what it reads there to the
    /// start of the space's own thread-local variables in the thread that it looks at (libthread_db's td_thr_tlsbase, of module 1). A
    /// module's have a fixed distance from that.
    private func debuggerAddresses(
        _ addresses: [[UInt64?]], _ objects: [Object], module index: Int, of placed: Linker
    ) -> [[UInt64?]] {
        guard placed.threadSizes[index].size > 0, let blockSize = space.threadBlockSize else { return addresses }
        var told = addresses
        var sections: [(object: Int, section: Int, address: UInt64)] = []
        for (number, object) in objects.enumerated() {
            for section in object.sections.indices where object.sections[section].isThreadLocal {
                guard let address = addresses[number][section] else { continue }
                sections.append((number, section, address))
            }
        }
        // The first of them begins where the module's range does.
        guard let start = sections.map(\.address).min() else { return addresses }
        let first = blockSize &+ UInt64(bitPattern: threadBlocks[index])
        for place in sections { told[place.object][place.section] = first &+ (place.address - start) }
        return told
    }

    /// Bytes of objects.
    private static var worthSharing: Int { 128 << 10 }

    /// A module is loaded without objects for debuggers when there is no room for them: it runs all the same.
    private mutating func add(
        _ module: LinkedModule, _ objects: [Object], at addresses: [[UInt64?]],
        _ file: Result<DebugObjectFile?, SystemError>
    ) {
        linked.append(module)
        do throws(SystemError) {
            if let file = try file.get() { return debugObjects.append(file) }
            let symbols = DebugObjectFile.symbols(of: module)
            debugObjects.append(try DebugObjectFile(objects, at: addresses, of: module.name, symbols: symbols))
        } catch {
            service.log.warning("\(module.name): debuggers cannot be told of it: \(error)")
            debugObjects.append(nil)
        }
    }
}

extension DebugObjects {
    /// Appends an object with its addresses.
    fileprivate mutating func append(_ bytes: [UInt8], _ file: Range<Int>, _ changed: ELFDebugObject) {
        append(bytes, file, with: changed.headers, at: changed.place, without: changed.omitted)
    }
}

extension ModuleService {
    /// Tells debuggers what a module is called that was made by create_module, and what is in it.
    func announceFlat(_ module: LinkedModule, id: Int, _ space: SpaceHost) {
        do {
            let file = try DebugObjectFile(symbolsOf: module)
            let address = try space.register(file.descriptor, ofImage: module.range)
            state.withLock { $0.loaded[id]?.objects = file.announced(at: address) }
        } catch {
            log.warning("\(module.name): debuggers cannot be told of it: \(error)")
        }
    }
}
