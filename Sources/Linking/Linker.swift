import ObjectModel
import SymbolTable
import Synchronization

/// What the linker is told about where modules go.
public struct LinkSettings: Sendable {
    /// The machine.
    public var architecture: Architecture
    /// The addresses that modules lie in.
    public var window: Range<UInt64>
    /// How many bytes at the start of an image its format takes for itself.
    public var headerSize: UInt64

    /// Makes settings of the given values.
    public init(architecture: Architecture, window: Range<UInt64>, headerSize: UInt64) {
        self.architecture = architecture
        self.window = window
        self.headerSize = headerSize
    }
}

/// Links the modules of one transaction: objects and symbols in, relocated images out.
///
/// A link has three steps, because addresses come from outside, and images are written where they will be mapped from:
/// `init` resolves all symbols and knows the sizes; `place` takes the addresses; `emit` writes one module's bytes. Modules of one
/// transaction may refer to one another, so all are placed before the first is written.
///
/// ```
/// look → choose sections → define names → settle duplicates → resolve and scan relocations → lay out   init
/// → place                                                                                               place
/// → copy, relocate, write tables and stubs                                                              emit
/// ```
public struct Linker: Sendable {
    private(set) var drafts: [Draft]
    private let settings: LinkSettings
    private let workers: Workers

    /// Resolves and lays out the modules against the symbols of a space.
    ///
    /// - Parameter workers: who does what can be done in parts. They are asked for large links only: for others it would take
    ///   longer to ask them.
    public init(
        _ sources: [ModuleSource], against table: SymbolTable, settings: LinkSettings, workers: Workers = .alone
    ) throws(LinkFailure) {
        self.settings = settings
        let size = sources.reduce(0) { $0 + $1.objects.reduce(0) { $0 + $1.file.count } }
        self.workers = size < Self.largeLink ? .alone : workers
        var problems = ProblemList()
        drafts = sources.enumerated().map { Draft(source: $1, architecture: settings.architecture, index: $0) }
        for index in drafts.indices {
            Self.refuseForeign(drafts[index], settings, &problems)
            drafts[index].survey(self.workers)
            drafts[index].chooseSections(headerSize: settings.headerSize, &problems)
            drafts[index].arrangeByOrderOfSubjects()
            drafts[index].arrangeFunctionArrays()
            drafts[index].makeIndirectFunctions(&problems)
            drafts[index].define(&problems)
            drafts[index].applyExportList()
            drafts[index].chooseEntry(&problems)
            drafts[index].placeCommons(&problems)
            drafts[index].planParameters(&problems)
            drafts[index].makeSymbols()
            drafts[index].settleDefinitions(in: table, self.workers, &problems)
        }
        let peers = offerToPeers(&problems)
        let hasSymbolsOutside = sources.contains { $0.objects.contains(where: \.hasSymbolsOutside) }
        for index in drafts.indices {
            let fits = change(index) { draft, others in
                let environment = ResolutionEnvironment(
                    window: settings.window, table: table, exports: peers, drafts: others,
                    hasSymbolsOutside: hasSymbolsOutside)
                draft.resolve(in: environment, workers, &problems)
                return draft.layOut(headerSize: settings.headerSize)
            }
            if !fits {
                problems.add(sources[index].name, "", "too large: its sections add up to more than an address space")
            }
        }
        try problems.check()
    }

    /// Whether the link is so large that it asks the workers.
    public var asksWorkers: Bool { workers.count > 1 }

    /// Bytes of objects.
    private static let largeLink = 2 << 20

    /// Works on one draft with the others in view. It is taken out of the list meanwhile: whatever of it is changed would
    /// have to be copied first if the list had it too.
    private mutating func change<Result>(_ index: Int, _ body: (inout Draft, [Draft]) -> Result) -> Result {
        var draft = drafts[index]
        drafts[index] = Draft(
            source: ModuleSource(name: "", objects: []), architecture: settings.architecture, index: index)
        let result = body(&draft, drafts)
        drafts[index] = draft
        return result
    }

    private mutating func offerToPeers(_ problems: inout ProblemList) -> PeerExports? {
        guard drafts.count > 1 else { return nil }
        var exports = PeerExports()
        for index in drafts.indices { change(index) { draft, others in exports.add(&draft, known: others, &problems) } }
        return exports
    }

    private static func refuseForeign(_ draft: Draft, _ settings: LinkSettings, _ problems: inout ProblemList) {
        for object in draft.objects where object.architecture != settings.architecture {
            problems.add(
                object.name, "",
                "made for \(object.architecture.name); modules of this space are for \(settings.architecture.name)")
        }
    }

    /// How much room each module needs: bytes, and what the address must be a multiple of.
    public var sizes: [(size: UInt64, alignment: UInt64)] {
        drafts.map { ($0.size, $0.alignment) }
    }

    /// How large each module's file is, without what the format adds after the mapped part.
    public var fileSizes: [UInt64] {
        drafts.map(\.fileSize)
    }

    /// How much room the thread-local variables of each module need in each thread: bytes, 0 where it has none; and what the
    /// address must be a multiple of.
    public var threadSizes: [(size: UInt64, alignment: UInt64)] {
        drafts.map { ($0.threadSize, $0.threadAlignment) }
    }

    /// Gives each module its address.
    ///
    /// - Parameter threadBlocks: where its thread-local variables begin, in bytes from the thread pointer. Without it, they go
    ///   where a static executable of x86-64 or i386 has them: one module's below the other's, the first just below the pointer.
    public mutating func place(at addresses: [UInt64], threadBlocks: [Int64]? = nil) {
        let blocks = threadBlocks ?? staticThreadBlocks
        let workers = workers
        for (index, (address, block)) in zip(drafts.indices, zip(addresses, blocks)) {
            drafts[index].place(at: address, threadBlock: block, workers)
        }
        for index in drafts.indices { change(index) { draft, others in draft.settleTargets(others, workers) } }
    }

    private var staticThreadBlocks: [Int64] {
        var lowest: UInt64 = 0
        return drafts.map { draft in
            lowest = (lowest &- draft.threadSize) & ~(draft.threadAlignment - 1)
            return Int64(bitPattern: lowest)
        }
    }

    /// Writes a module's bytes into its image, which holds zeroes and is `fileSizes[index]` bytes long, or longer; and
    /// says everything about the module.
    public func emit(_ index: Int, into image: inout MutableRawSpan) throws(LinkFailure) -> LinkedModule {
        try emit(index, into: &image, alongside: { _ in }, storing: { _, _ in }).module
    }

    /// The same; and has something made of what the image says beside its bytes, while these are written, and has the bytes stored,
    /// while their digest is computed.
    ///
    /// - Parameters:
    ///   - describe: is given the image without its build ID: zeroes in its place.
    ///   - store: is given what `describe` has made, and the image's bytes, which lack the build ID too.
    public func emit<Description: Sendable, Stored: Sendable>(
        _ index: Int, into image: inout MutableRawSpan, alongside describe: @Sendable (Image) -> Description,
        storing store: @Sendable (Description, RawSpan) -> Stored
    ) throws(LinkFailure) -> (module: LinkedModule, stored: Stored) {
        let draft = drafts[index]
        var problems = ProblemList()
        @Sendable func description() -> (image: Image, own: Description) {
            let image = draft.image
            return (image, describe(image))
        }
        let described = Mutex<(image: Image, own: Description)?>(nil)
        draft.emit(
            into: &image, window: settings.window, workers,
            alongside: {
                let made = description()
                described.withLock { $0 = made }
            }, &problems)
        try problems.check()
        let writes = draft.apply(draft.parameterWrites, to: &image)
        var made = described.withLock { $0.take() } ?? description()
        let (buildID, stored) = finish(draft, &image) { [own = made.own] bytes in store(own, bytes) }
        made.image.buildID = buildID
        return (module(draft, image: made.image, writes: writes), stored)
    }

    /// The build ID of an image's bytes, and what becomes of them meanwhile.
    private func finish<Stored: Sendable>(
        _ draft: Draft, _ image: inout MutableRawSpan, _ store: @Sendable (RawSpan) -> Stored
    ) -> ([UInt8], Stored) {
        let contents = Int(settings.headerSize)..<Int(draft.fileSize)
        let buildID = Mutex<[UInt8]>([])
        let stored = Mutex<Stored?>(nil)
        workers.change(&image, parts: 2) { part, image in
            if part == 0 {
                let result = store(image.bytes.extracting(0..<contents.upperBound))
                stored.withLock { $0 = result }
            } else {
                let digest = draft.buildID(image.bytes.extracting(contents))
                buildID.withLock { $0 = digest }
            }
        }
        return (
            buildID.withLock { $0 },
            stored.withLock { $0.take() } ?? store(image.bytes.extracting(0..<contents.upperBound))
        )
    }

    private func module(_ draft: Draft, image: Image, writes: [MemoryWrite]) -> LinkedModule {
        LinkedModule(
            name: draft.source.name, fileName: draft.source.fileName, image: image, entryPoint: draft.entryPoint,
            declaration: draft.declaration?.declaration,
            constructors: draft.functions(.initializers), destructors: draft.functions(.finalizers),
            releases: draft.releases,
            indirectFunctions: draft.indirectFunctions, frames: draft.frames,
            useCount: draft.useCountAddress, properties: draft.properties.map(draft.address), writes: writes,
            range: draft.base..<draft.base + draft.size,
            references: draft.references.map { ModuleReference(owner: $0, symbols: $1.sorted()) }
                .sorted { $0.owner < $1.owner },
            peers: draft.peers.mapValues(draft.names), threadStorage: draft.threadStorage)
    }
}

extension Draft {
    /// The file without its contents, and with zeroes for a build ID.
    fileprivate var image: Image {
        let (sections, sectionIndices) = imageSections()
        return Image(
            architecture: architecture, segments: segments, sections: sections,
            symbols: imageSymbols(sectionIndices), entry: 0, loadedSize: fileSize,
            buildID: [UInt8](repeating: 0, count: 16), threadBlock: threadBlock,
            wantsExecutableStack: objects.contains(where: \.wantsExecutableStack))
    }
}

extension Draft {
    fileprivate func functions(_ rank: OutputSection.Rank) -> FunctionArray {
        guard let section = outputs.sections.first(where: { $0.rank == rank && $0.size > 0 }) else { return .empty }
        return FunctionArray(address: base + section.offset, count: Int(section.size / architecture.pointerSize))
    }

    /// The functions that give back what a run-time library keeps until the process ends: libstdc++'s reserve for exceptions (73 KB),
    /// and what a C library has, if the module brings one along.
    fileprivate var releases: [UInt64] {
        ["_ZN9__gnu_cxx9__freeresEv", "__libc_freeres"].compactMap { name in
            guard let index = definitions.find(name), case .definition(let own) = definitions.resolution(of: index)
            else {
                return nil
            }
            return address(definition: own)
        }
    }

    /// The names of symbols, each once.
    fileprivate func names(_ symbols: Set<ObjectSymbol>) -> [String] {
        Set(symbols.map { objects[Int($0.object)].text(objects[Int($0.object)].symbols[Int($0.symbol)].name) }).sorted()
    }

    fileprivate var frames: Range<UInt64>? {
        outputs.sections.first { $0.rank == .frames && $0.size > 0 }
            .map { base + $0.offset..<base + $0.offset + $0.size }
    }

    /// 128 bits that tell this image from every other: of its bytes and its address.
    fileprivate func buildID(_ bytes: RawSpan) -> [UInt8] {
        let digest = contentDigest(bytes, seed: base)
        return [digest.0, digest.1].flatMap { half in
            (0..<8).map { UInt8(truncatingIfNeeded: half >> UInt64($0 * 8)) }
        }
    }

    /// Stores what lies in the file; returns the rest, which lies in zeroes.
    fileprivate func apply(_ writes: [MemoryWrite], to image: inout MutableRawSpan) -> [MemoryWrite] {
        writes.filter { write in
            let offset = write.address - base
            guard offset + UInt64(write.bytes.count) <= fileSize else { return true }
            image.copy(write.bytes, at: Int(offset))
            return false
        }
    }
}
