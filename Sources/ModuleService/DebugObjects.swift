import ELFFormat
import Linking
import Logging
import ObjectModel
import Posix
import SpaceControl
import SymbolTable

// What debuggers are told of modules (GDB manual, "JIT Compilation Interface"): the objects as they were loaded, without their code,
// each section with its address. The space has them mapped, and lists them until the module goes.

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

    /// The objects of a placed module. Those that are not in ELF have no more to say than the image.
    init(_ objects: [Object], at addresses: [[UInt64?]], of module: LinkedModule) throws(SystemError) {
        var file = DebugObjects(count: objects.count, size: objects.reduce(0) { $0 + $1.file.count })
        var image: [UInt8]?
        for (object, places) in zip(objects, addresses) {
            file.append { bytes in
                if ELFDebugObjectWriter.append(object, at: places, to: &bytes) { return }
                let symbols = image ?? Self.symbols(of: module)
                image = symbols
                bytes += symbols
            }
        }
        try self.init(file, names: objects.map(\.name), module: module.name)
    }

    /// The symbols of a module of which there are no objects.
    init(symbolsOf module: LinkedModule) throws(SystemError) {
        var file = DebugObjects(count: 1)
        file.append { $0 += Self.symbols(of: module) }
        try self.init(file, names: [module.name], module: module.name)
    }

    private init(_ file: DebugObjects, names: [String], module: String) throws(SystemError) {
        descriptor = SharedDescriptor(try file.file(name: module))
        size = file.bytes.count
        self.names = names
    }

    private static func symbols(of module: LinkedModule) -> [UInt8] {
        SymbolImage.file([SymbolSet(module)], architecture: module.image.architecture)
    }

    /// What is known of it once it has been mapped there.
    func announced(at address: UInt64) -> AnnouncedObjects? {
        address == 0 ? nil : AnnouncedObjects(address: address, size: size, names: names)
    }
}

extension ModuleService {
    /// The objects of a module for debuggers. It is loaded without them when there is no room: it runs all the same.
    func debugObjects(
        _ objects: [Object], at addresses: [[UInt64?]], of module: LinkedModule
    ) -> DebugObjectFile? {
        do throws(SystemError) {
            return try DebugObjectFile(objects, at: addresses, of: module)
        } catch {
            log.warning("\(module.name): debuggers cannot be told of it: \(error)")
            return nil
        }
    }

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
