import ObjectModel

/// Which members of archives a module needs: those that define a name that is referred to and that nothing defines yet, and
/// what these need in turn. Costs grow with the number of symbols, and of entries of the archives' indices.
struct MemberSearch {
    private let archives: [Archive]
    /// What the archives offer: numbers of entries, counted through all archives; of one name only the first.
    private var offers = NameIndex()
    private var entries: [(archive: Int, entry: Int)] = []
    private var hashes: [UInt64] = []

    private(set) var objects: [Object] = []
    /// The global names of the objects.
    private var names = NameIndex()
    private var known: [KnownName] = []
    /// Names to look for, in the order in which they were met.
    private var wanted: [Int] = []
    /// Members that have been added: the archive in the upper 32 bits.
    private var pulled = Set<UInt64>()
    private(set) var problems: [Problem] = []

    private struct KnownName {
        let object: Int
        let symbol: Int
        let hash: UInt64
        var state: State
    }

    private enum State {
        /// Referred to by weak references only.
        case weak
        case undefined
        case defined
    }

    init(_ archives: [Archive]) {
        self.archives = archives
        offers = NameIndex(minimumCapacity: archives.reduce(0) { $0 + $1.index.count })
        for (number, archive) in archives.enumerated() {
            for (position, entry) in archive.index.enumerated() {
                let hash = nameHash(archive.bytes, entry.name)
                guard offer(archive.bytes, entry.name, hash: hash) == nil else { continue }
                entries.append((number, position))
                hashes.append(hash)
                let hashes = hashes
                offers.insert(hash, UInt64(entries.count - 1)) { hashes[Int($0)] }
            }
        }
    }

    /// The entry that offers a name.
    private func offer(_ bytes: [UInt8], _ name: NameRange, hash: UInt64) -> (archive: Int, entry: Int)? {
        var probe = offers.probe(hash)
        while let payload = offers.next(&probe) {
            let entry = entries[Int(payload)]
            let archive = archives[entry.archive]
            if sameName(archive.bytes, archive.index[entry.entry].name, bytes, name) { return entry }
        }
        return nil
    }

    private func find(_ bytes: [UInt8], _ name: NameRange, hash: UInt64) -> Int? {
        var probe = names.probe(hash)
        while let payload = names.next(&probe) {
            let other = known[Int(payload)]
            let object = objects[other.object]
            if sameName(object.bytes, object.symbols[other.symbol].name, bytes, name) { return Int(payload) }
        }
        return nil
    }

    /// Takes in what an object defines and refers to.
    mutating func add(_ object: Object) {
        objects.append(object)
        for (index, symbol) in object.symbols.enumerated() where symbol.binding != .local {
            let state: State =
                symbol.place != .undefined ? .defined : symbol.binding == .weak ? .weak : .undefined
            let hash = nameHash(object.bytes, symbol.name)
            if let other = find(object.bytes, symbol.name, hash: hash) {
                switch (known[other].state, state) {
                case (.weak, .undefined):
                    known[other].state = state
                    wanted.append(other)
                case (.weak, .defined), (.undefined, .defined): known[other].state = state
                default: break
                }
                continue
            }
            if state == .undefined { wanted.append(known.count) }
            known.append(KnownName(object: objects.count - 1, symbol: index, hash: hash, state: state))
            let known = known
            names.insert(hash, UInt64(known.count - 1)) { known[Int($0)].hash }
        }
    }

    /// Adds the member that defines a name, unless an object does.
    mutating func want(_ name: String, _ read: (Int, Archive) throws(Problem) -> Object) {
        let bytes = Array(name.utf8)
        let range = NameRange(offset: 0, count: UInt32(truncatingIfNeeded: bytes.count))
        let hash = nameHash(bytes, range)
        if let other = find(bytes, range, hash: hash), known[other].state == .defined { return }
        pull(bytes, range, hash: hash, read)
    }

    /// Adds members until none defines what is still undefined.
    mutating func run(_ read: (Int, Archive) throws(Problem) -> Object) {
        var next = 0
        while next < wanted.count {
            let name = known[wanted[next]]
            next += 1
            guard name.state == .undefined else { continue }
            let object = objects[name.object]
            pull(object.bytes, object.symbols[name.symbol].name, hash: name.hash, read)
        }
    }

    /// Whether a name is the unwinder's, of which there is one in a space: another one would not know the modules' frames.
    private static func isResident(_ bytes: [UInt8], _ name: NameRange) -> Bool {
        bytes[name.indices].starts(with: "_Unwind_".utf8)
    }

    private mutating func pull(
        _ bytes: [UInt8], _ name: NameRange, hash: UInt64, _ read: (Int, Archive) throws(Problem) -> Object
    ) {
        guard !Self.isResident(bytes, name), let (number, entry) = offer(bytes, name, hash: hash) else { return }
        let archive = archives[number]
        let member = Int(archive.index[entry].member)
        guard pulled.insert(UInt64(number) << 32 | UInt64(member)).inserted else { return }
        do throws(Problem) {
            add(try read(member, archive))
        } catch {
            problems.append(error)
            return
        }
        if let other = find(bytes, name, hash: hash), known[other].state == .defined { return }
        problems.append(
            Problem(
                subject: archive.memberName(member),
                reason:
                    "does not define '\(printable(bytes, name))', though the archive's symbol index says so; 'ranlib' makes it anew"
            ))
    }
}

extension ModuleSource {
    /// Adds members of archives to the objects, as a static linker does: those that define what is undefined, until no member
    /// defines any more of it. A weak reference asks for none, a common symbol is a definition; of several members that define a
    /// name, the first of the first archive is taken. The unwinder is not taken from archives. What such members define is for the module alone (as with ld's --exclude-libs
    /// ALL), so that several modules can take the same ones; members of an archive that is taken as a whole export as objects do.
    ///
    /// - Parameters:
    ///   - all: whether all members are taken instead.
    ///   - workers: who reads them then.
    ///   - read: reads a member, by its index, of an archive.
    public mutating func addMembers(
        of archives: [Archive], all: Bool, workers: Workers = .alone,
        read: @Sendable (Int, Archive) throws(Problem) -> Object
    ) throws(LinkFailure) {
        guard !archives.isEmpty else { return }
        var problems: [Problem] = []
        if all {
            for archive in archives {
                let members = workers.map(archive.members.count) { member -> Result<Object, Problem> in
                    do throws(Problem) {
                        return .success(try read(member, archive))
                    } catch {
                        return .failure(error)
                    }
                }
                switch members {
                case .success(let members): if objects.isEmpty { objects = members } else { objects += members }
                case .failure(let failures): problems += failures.list
                }
            }
        } else {
            var search = MemberSearch(archives)
            for object in objects { search.add(object) }
            if let entryName { search.want(entryName, read) }
            search.run(read)
            if search.objects.count > objects.count { firstMember = objects.count }
            objects = search.objects
            problems = search.problems
        }
        guard problems.isEmpty else { throw LinkFailure(problems) }
    }
}
