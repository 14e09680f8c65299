import ModlinkInterface
import ObjectModel
import Posix
import SpaceControl
import SymbolQueries
import SymbolTable

extension ModuleService {
    /// While it is asked, modules may come and go: how often it is asked again.
    private static let userAttempts = 5

    /// The places in modules that refer to symbols. What they say is read out of the objects that the space has registered for
    /// debuggers: a load keeps nothing for it.
    func findUsers(_ queries: [String], in architecture: Architecture) throws(Failure) -> [UsersAnswer] {
        var answers: [UsersAnswer] = []
        for _ in 0..<Self.userAttempts {
            let (sets, generation, process) = state.withLock { state in
                let record = state.spaces[architecture]
                return (record.symbols.snapshot, record.symbols.generation, record.host?.information.process)
            }
            guard let process else { break }
            answers = try findUsers(queries, sets, architecture, process)
            if state.withLock({ $0.spaces[architecture].symbols.generation }) == generation { break }
        }
        return answers
    }

    private func findUsers(
        _ queries: [String], _ sets: [SymbolSet], _ architecture: Architecture, _ process: Int32
    ) throws(Failure) -> [UsersAnswer] {
        let path = "/proc/\(process)/mem"
        let file = try Failure.naming(path) { () throws(SystemError) in
            SharedDescriptor(try File.open(path, .read))
        }
        let list = DebuggerList(sets, architecture: architecture) { (address, count) throws(Problem) in
            try? File.read(file.descriptor, at: address, count: Int(count))
        }
        do throws(Problem) {
            return try SymbolUsers(sets, list).answers(to: queries)
        } catch {
            throw Failure(.systemFailure, [error])
        }
    }
}
