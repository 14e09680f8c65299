import Posix
import SpaceProtocol

/// A table of a space that modules register in.
public enum RegistrationTable: Sendable {
    /// `struct sysent` of BSD kernels.
    case systemCalls
    /// `struct bdevsw`.
    case blockDevices
    /// `struct cdevsw`.
    case characterDevices

    fileprivate var number: UInt32 {
        switch self {
        case .systemCalls: SPACE_SYSTEM_CALLS.rawValue
        case .blockDevices: SPACE_BLOCK_DEVICES.rawValue
        case .characterDevices: SPACE_CHARACTER_DEVICES.rawValue
        }
    }
}

/// What is in a slot of such a table.
public struct RegisteredEntry: Equatable, Sendable {
    /// The slot: of devices, the major number.
    public let slot: Int
    /// Where it is: a system call's function, a device's structure.
    public let address: UInt64

    /// An entry of the given parts.
    public init(slot: Int, address: UInt64) {
        self.slot = slot
        self.address = address
    }
}

/// Something to be done with a device.
public struct DeviceOperation: Equatable, Sendable {
    /// What: the functions of `struct cdevsw`.
    public enum Kind: String, Sendable {
        case open
        case close
        case read
        case write
        case ioctl
        /// An ioctl whose argument is a number: 8 bytes, of which nothing comes back.
        case ioctlValue = "ioctl with a number"

        fileprivate var number: UInt64 {
            let operation =
                switch self {
                case .open: SPACE_DEVICE_OPEN
                case .close: SPACE_DEVICE_CLOSE
                case .read: SPACE_DEVICE_READ
                case .write: SPACE_DEVICE_WRITE
                case .ioctl: SPACE_DEVICE_IOCTL
                case .ioctlValue: SPACE_DEVICE_IOCTL_VALUE
                }
            return UInt64(operation.rawValue)
        }
    }

    /// Which device.
    public struct Target: Equatable, Sendable {
        /// The table that it is in, not that of system calls.
        public let table: RegistrationTable
        /// What is in its slot.
        public let entry: RegisteredEntry
        /// The minor number, at most ``DeviceOperation/minorLimit``.
        public let minor: UInt64
        /// The flags of its functions: FREAD is 1, FWRITE is 2.
        public let flags: Int32
        /// The number of the opening: other than that of every other one, and not 0.
        public let opening: UInt64

        /// A device of the given parts.
        public init(
            table: RegistrationTable, entry: RegisteredEntry, minor: UInt64, flags: Int32, opening: UInt64 = 1
        ) {
            self.table = table
            self.entry = entry
            self.minor = minor
            self.flags = flags
            self.opening = opening
        }
    }

    /// The greatest minor number.
    public static let minorLimit = UInt64(SPACE_MINOR_LIMIT)
    /// The most bytes that one operation moves.
    public static let sizeLimit = Int(SPACE_TRANSFER_LIMIT)

    /// What is done.
    public let kind: Kind
    /// With which device.
    public let target: Target
    let number: UInt64
    let size: Int

    /// An operation of the given parts.
    ///
    /// - Parameters:
    ///   - number: the command of an ioctl; where in the device a read or a write begins.
    ///   - size: bytes that are moved, at most ``sizeLimit``; of an ioctl, both ways.
    public init(_ kind: Kind, _ target: Target, number: UInt64 = 0, size: Int = 0) {
        self.kind = kind
        self.target = target
        self.number = number
        self.size = size
    }

    func request(timeout: Duration?) -> space_request {
        var request = packet(
            SPACE_DEVICE, address: UInt64(bitPattern: Int64(target.entry.slot)),
            size: UInt64(bitPattern: Int64(size)), timeout: timeout)
        request.count = target.table.number
        fill(
            &request.arguments,
            with: [kind.number, target.minor, UInt64(bitPattern: Int64(target.flags)), number])
        // Between them is room for where the space puts the bytes.
        fill(&request.addresses, with: [target.entry.address, 0, target.opening])
        return request
    }

    /// How many bytes of the file are what the operation gave, when it has moved so many.
    public func givenSize(moved: Int) -> Int {
        switch kind {
        case .read: moved
        case .ioctl: size
        case .open, .close, .write, .ioctlValue: 0
        }
    }
}

// What can be asked: what modules have registered.
extension Space {
    /// What is in a slot.
    ///
    /// - Throws: ``SpaceError/refused(_:_:)`` with EINVAL when there is no such slot, ENOENT when nothing is there.
    public mutating func entry(_ slot: UInt64, in table: RegistrationTable) throws(SpaceError) -> RegisteredEntry {
        try findEntry(slot, in: table, flags: 0)
    }

    /// The first entry that lies in an image.
    ///
    /// - Parameter image: its lowest address.
    /// - Throws: ``SpaceError/refused(_:_:)`` with ENOENT when none does.
    public mutating func entry(
        ofImage image: UInt64, in table: RegistrationTable
    ) throws(SpaceError) -> RegisteredEntry {
        try findEntry(image, in: table, flags: SPACE_OF_IMAGE.rawValue)
    }

    private mutating func findEntry(
        _ address: UInt64, in table: RegistrationTable, flags: UInt32
    ) throws(SpaceError) -> RegisteredEntry {
        var request = packet(SPACE_FIND_ENTRY, address: address)
        request.count = table.number
        request.flags = flags
        let reply = try ask(.findEntry, request)
        return RegisteredEntry(slot: Int(reply.result), address: words(reply.results)[0])
    }

    /// Calls a system call with up to eight words.
    ///
    /// - Returns: what its function returned, 0 or an error number, ENOSYS where there is no such call; and the two words of its result.
    /// - Throws: as ``call(_:_:timeout:)``.
    public mutating func systemCall(
        _ number: UInt64, _ arguments: [UInt64], timeout: Duration? = nil
    ) throws(SpaceError) -> (error: Int64, values: [Int64]) {
        guard arguments.count <= Int(SPACE_CALL_LIMIT) else {
            throw .refused(.systemCall, ErrorCode.invalidArgument)
        }
        var request = packet(SPACE_SYSTEM_CALL, address: number, timeout: timeout)
        request.count = UInt32(arguments.count)
        fill(&request.addresses, with: arguments)
        let reply = try ask(.systemCall, request)
        return (reply.result, words(reply.results).prefix(2).map { Int64(bitPattern: $0) })
    }
}
