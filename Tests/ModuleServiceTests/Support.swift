import ELFFormat
import Linking
import Logging
import ModlinkInterface
import Posix
import TestSupport
import Testing
import Varlink

@testable import ModuleService

/// A service with a space of its own, in a runtime directory of one test. Both end with it.
final class TestService: Sendable {
    let scratch: ScratchDirectory
    let service: ModuleService
    let console: Console

    var directory: RuntimeDirectory { RuntimeDirectory(path: scratch.path) }

    /// - Parameters:
    ///   - executable: the space's; the one that was built where it is nil.
    ///   - symbolFiles: nil as where there are no file leases.
    init(
        executable: String? = nil, symbolFiles: PromisedFiles? = try? PromisedFiles(), onFault: FaultPolicy = .keep
    ) throws {
        scratch = try ScratchDirectory()
        console = try Console(RuntimeDirectory(path: scratch.path))
        service = try ModuleService(
            directory: RuntimeDirectory(path: scratch.path), console: console,
            spaceExecutable: try executable ?? SpaceProgram.path(),
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, onFault: onFault, symbolFiles: symbolFiles)
    }

    deinit {
        service.stop()
    }

    /// Compiles texts and loads each as a module, all of them together.
    @discardableResult func load(
        _ sources: [(name: String, text: String)], language: Compiler.Language = .c
    ) throws -> LoadMethod.Reply {
        let modules = try sources.map { name, text in
            ModuleSource(
                name: name,
                objects: [
                    try ELFObjectReader.read(try Compiler.gcc.object(text, language: language), name: "\(name).o")
                ])
        }
        let request = LoadRequest(sources: modules, autoclean: modules.map { _ in false }, phases: [])
        return try service.perform { (service) throws(Failure) in try service.load(request) }
    }

    /// Why a load fails.
    func failure(loading sources: [(name: String, text: String)], language: Compiler.Language = .c) throws -> Failure? {
        do {
            try load(sources, language: language)
            return nil
        } catch let failure as Failure {
            return failure
        }
    }

    @discardableResult func unload(_ ids: Int...) throws(Failure) -> UnloadMethod.Reply {
        try service.perform { (service) throws(Failure) in try service.unload(ids) }
    }

    /// The address of an exported symbol of a module.
    func address(_ name: String) throws -> UInt64 {
        try #require(service.lookUp([name]).first?.symbols.first).unsignedAddress
    }

    /// A client of the service, over a socket.
    func client() throws -> Client {
        let varlink = try service.varlinkService(stop: {})
        let pair = try LocalSocket.pair()
        try LocalSocket.setReceiveTimeout(pair.first, seconds: 60)
        let number = pair.second.release()
        try Threads.start(name: "service") { try? varlink.serve(Connection(Descriptor(owning: number))) }
        return Client(Connection(pair.first))
    }
}
