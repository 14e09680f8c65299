import CrashReport
import ELFFormat
import ObjectModel

/// The memory of a core file, read by pages. What has been read is kept: a trace comes by the same words again and again.
final class CoreMemory: ReadableMemory {
    /// What it is the memory of.
    let file: CoreFile
    private var pages: [UInt64: [UInt8]] = [:]
    /// The page that was read last.
    private var lastStart: UInt64 = 1
    private var lastPage: [UInt8] = []

    private static let pageSize: UInt64 = 4096
    /// More memory than this is not kept: what has been read is forgotten then.
    private static let pageLimit = 16384

    init(_ file: CoreFile) {
        self.file = file
    }

    /// A byte of memory; nil where the file has none.
    func byte(at address: UInt64) -> UInt8? {
        let start = address & ~(Self.pageSize - 1)
        let page = page(start)
        let offset = Int(address - start)
        return offset < page.count ? page[offset] : nil
    }

    /// A word of memory, as wide as an address of the machine; nil where the file has not all of it.
    func word(at address: UInt64) -> UInt64? {
        let start = address & ~(Self.pageSize - 1)
        let page = page(start)
        let raw = page.span.bytes
        let whole: UInt64? =
            file.architecture.pointerSize == 8
            ? raw.integer(at: address - start, as: UInt64.self)
            : raw.integer(at: address - start, as: UInt32.self).map(UInt64.init)
        return whole ?? word(at: address, bytes: file.architecture.pointerSize)
    }

    /// A page of memory, as much of it as there is from its start.
    private func page(_ start: UInt64) -> [UInt8] {
        if start == lastStart { return lastPage }
        lastStart = start
        lastPage = findPage(start)
        return lastPage
    }

    private func findPage(_ start: UInt64) -> [UInt8] {
        if let page = pages[start] { return page }
        let page = file.knownMemory(at: start, limit: Self.pageSize)
        if pages.count >= Self.pageLimit { pages.removeAll(keepingCapacity: true) }
        pages[start] = page
        return page
    }
}
