import Linking
import ModlinkInterface
import ObjectModel
import Posix
import SpaceControl

// Indirect functions of modules: their resolvers are asked, and what they answer goes into the images.
extension LoadTransaction {
    /// Asks the resolvers of a module's indirect functions. All modules of the transaction are mapped by now, and none of their
    /// constructors has run.
    ///
    /// The table entries are constants to the space, whose pages are those of the image's file: they are written there, and
    /// then looked at through the space, because mmap(2) leaves it to the kernel whether a private mapping shows what is
    /// written to the file later.
    func resolveIndirectFunctions(of module: LinkedModule) throws(Failure) {
        let functions = module.indirectFunctions
        guard !functions.isEmpty else { return }
        let addresses: [UInt64]
        do throws(SpaceError) {
            addresses = try space.resolve(functions.map(\.resolver))
        } catch {
            let name = error.element.flatMap { functions.indices.contains($0) ? functions[$0].name : nil }
            throw service.failure(
                error, in: module.name, calling: "resolver\(name.map { " of '\($0)'" } ?? "")", for: .resolver, space)
        }
        for (function, address) in zip(functions, addresses) where address == 0 {
            throw Failure(
                .linkFailed,
                [Problem(subject: module.name, place: "resolver of '\(function.name)'", reason: "chose no function")])
        }
        let size = Int(module.image.architecture.pointerSize)
        let bytes = addresses.flatMap { address in
            (0..<size).map { UInt8(truncatingIfNeeded: address >> UInt64($0 * 8)) }
        }
        // The linker puts the entries side by side.
        guard let first = functions.first else { return }
        do {
            try service.images.change(module.name, bytes, at: first.fileOffset)
            if let copy = copies[module.name] {
                try File.write(copy.descriptor, bytes, at: first.fileOffset, name: module.name)
            }
            guard try space.read(first.entry, count: bytes.count) == bytes else {
                throw Failure(
                    .systemFailure, subject: module.name,
                    reason: "cannot be mapped: what is written to its image does not show in the space")
            }
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(.systemFailure, subject: module.name, reason: "cannot be mapped: \(error)")
        }
    }
}

extension SpaceError {
    /// Which of several functions it was about.
    fileprivate var element: Int? {
        switch self {
        case .faulted(_, let fault): fault.index
        case .timedOut(_, let fault): fault?.index
        default: nil
        }
    }
}
