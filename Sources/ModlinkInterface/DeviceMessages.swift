/// What a client asks of a device that it has opened: one packet over the device's descriptor (modlink(4), "Open devices").
///
/// A header of 16 bytes in the byte order of the machine: the operation and the size, 4 bytes each, and the command, 8 bytes. Behind it what is
/// written, or an ioctl is given: as many bytes as the size says.
public struct DeviceRequest: Equatable, Sendable {
    /// What can be asked.
    public enum Operation: UInt32, Sendable {
        /// Reads up to `size` bytes.
        case read = 1
        /// Writes the bytes behind the header.
        case write = 2
        /// Does `command` with the bytes behind the header, and gives back as many.
        case ioctl = 3
        /// Closes the device. The connection ends behind the reply.
        case close = 4
        /// Does `command` with a number: the 8 bytes behind the header, of which nothing comes back.
        case ioctlValue = 5
    }

    /// Bytes before the data.
    public static let headerSize = 16
    /// The most bytes of data.
    public static let dataLimit = 65536
    /// Bytes of a number that an ioctl is given.
    private static let valueSize = 8

    /// What is asked.
    public let operation: Operation
    /// Bytes that are wanted, or that are there.
    public let size: Int
    /// Of an ioctl.
    public let command: UInt64
    /// What is written, or an ioctl is given; for other operations none.
    public let data: [UInt8]

    /// A request to read so many bytes.
    public static func read(_ size: Int) -> DeviceRequest {
        DeviceRequest(operation: .read, size: size, command: 0, data: [])
    }

    /// A request to write these bytes.
    public static func write(_ data: [UInt8]) -> DeviceRequest {
        DeviceRequest(operation: .write, size: data.count, command: 0, data: data)
    }

    /// A request to do something with these bytes.
    public static func ioctl(_ command: UInt64, _ data: [UInt8] = []) -> DeviceRequest {
        DeviceRequest(operation: .ioctl, size: data.count, command: command, data: data)
    }

    /// A request to do something with this number.
    public static func ioctl(_ command: UInt64, value: UInt64) -> DeviceRequest {
        DeviceRequest(
            operation: .ioctlValue, size: valueSize, command: command, data: littleEndianBytes(value, valueSize))
    }

    /// A request to close the device.
    public static var close: DeviceRequest { DeviceRequest(operation: .close, size: 0, command: 0, data: []) }

    private init(operation: Operation, size: Int, command: UInt64, data: [UInt8]) {
        self.operation = operation
        self.size = size
        self.command = command
        self.data = data
    }

    /// The packet.
    public var packet: [UInt8] {
        littleEndianBytes(UInt64(operation.rawValue), 4) + littleEndianBytes(UInt64(truncatingIfNeeded: size), 4)
            + littleEndianBytes(command, 8) + data
    }

    /// What a packet asks; nil when it breaks a rule.
    public init?(packet: [UInt8]) {
        guard packet.count >= Self.headerSize,
            let operation = Operation(rawValue: UInt32(truncatingIfNeeded: number(packet[0..<4])))
        else { return nil }
        let size = Int(number(packet[4..<8]))
        let command = number(packet[8..<16])
        let data = Array(packet[Self.headerSize...])
        let isIoctl = operation == .ioctl || operation == .ioctlValue
        let hasData = operation == .write || isIoctl
        guard size <= Self.dataLimit, data.count == (hasData ? size : 0), command == 0 || isIoctl,
            size == 0 || operation != .close, size == Self.valueSize || operation != .ioctlValue
        else { return nil }
        self.init(operation: operation, size: size, command: command, data: data)
    }
}

/// What a device answers, one packet for each ``DeviceRequest``.
///
/// A header of 16 bytes: the error number, with its sign, and the size, 4 bytes each, and the result, 8 bytes. Behind it as many bytes as the
/// size says: what was read, or what an ioctl has made of what it was given.
public struct DeviceReply: Equatable, Sendable {
    /// What the device's function returned: 0, or a number of errno(3); or why it was not called.
    public let error: Int32
    /// How many bytes were read or written, or what an ioctl returned to its caller; else 0.
    public let result: Int64
    /// What was read, or what an ioctl gave; none after an error.
    public let data: [UInt8]

    /// A reply of the given parts.
    public init(error: Int32 = 0, result: Int64 = 0, data: [UInt8] = []) {
        self.error = error
        self.result = result
        self.data = data
    }

    /// The packet.
    public var packet: [UInt8] {
        littleEndianBytes(UInt64(UInt32(bitPattern: error)), 4)
            + littleEndianBytes(UInt64(data.count), 4) + littleEndianBytes(UInt64(bitPattern: result), 8) + data
    }

    /// What a packet says; nil when it is no reply.
    public init?(packet: [UInt8]) {
        guard packet.count >= DeviceRequest.headerSize,
            UInt64(packet.count - DeviceRequest.headerSize) == number(packet[4..<8])
        else { return nil }
        error = Int32(bitPattern: UInt32(truncatingIfNeeded: number(packet[0..<4])))
        result = Int64(bitPattern: number(packet[8..<16]))
        data = Array(packet[DeviceRequest.headerSize...])
    }
}

// All machines that the daemon runs on are little-endian.

private func littleEndianBytes(_ number: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) }
}

private func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
}
