import ELFFormat
import Logging
import ModlinkInterface
import ObjectModel
import Posix
import Synchronization

// The debug sections of images. They are made after the load has been answered, on a thread of their own: nobody waits for them, neither who has
// loaded nor who loads next.

/// What the debug sections of an image are made of.
struct ImageDebugInput: Sendable {
    let module: String
    let objects: [Object]
    /// For each object, where its sections are.
    let addresses: [[UInt64?]]
}

/// The thread that makes them, from the first time on that there is something to do.
final class ImageDebugWriter: Sendable {
    private struct Job: Sendable {
        let input: ImageDebugInput
        let image: SharedDescriptor
    }

    private let queue = BlockingQueue<Job>()
    private let started = Mutex(false)
    private let log: Logger

    init(log: Logger) {
        self.log = log
    }

    /// Makes the debug sections of an image some time, if its objects have any. On the linker's thread, while the image is that of
    /// the module.
    func add(_ input: ImageDebugInput, in images: ImageStore) {
        guard input.objects.contains(where: ImageDebugSections.hasAny) else { return }
        do throws(SystemError) {
            let image = SharedDescriptor(try images.openToChange(input.module))
            let isFirst = started.withLock { started in
                defer { started = true }
                return !started
            }
            if isFirst {
                try Threads.start(name: "image-debug", stackSize: 1 << 20) { [self] in
                    while let job = queue.pop() { write(job) }
                }
            }
            queue.push(Job(input: input, image: image))
        } catch {
            log.warning("\(input.module): its image gets no debug sections: \(error)")
        }
    }

    /// Ends the thread once it has done what there is.
    func close() { queue.close() }

    private func write(_ job: Job) {
        let name = job.input.module
        do {
            let size = try File.status(job.image.descriptor, name: name).size
            let file = try PartialFile(job.image, size: size, path: name, headSize: 4096)
            let objects = zip(job.input.objects, job.input.addresses).map { (object: $0, addresses: $1) }
            guard let sections = try ImageDebugSections(file, objects) else { return }
            do {
                try File.write(job.image.descriptor, sections.bytes, at: size, name: name)
            } catch {
                // No room: the image stays what it was.
                try File.truncate(job.image.descriptor, size: size, name: name)
                throw error
            }
            try File.write(job.image.descriptor, sections.header, at: sections.headerOffset, name: name)
        } catch {
            log.warning("\(name): its image gets no debug sections: \(error)")
        }
    }
}
