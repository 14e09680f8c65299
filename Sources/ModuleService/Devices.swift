import Linking
import Logging
import ModlinkInterface
import ModuleTable
import ObjectModel
import Posix
import SpaceControl

// Devices of modules that clients have open: what is done with them on the linker's thread.

/// A device that a client has open.
struct OpenDevice: Sendable {
    /// The number of the module that has it.
    let module: Int
    /// Which it is, and how it is open.
    let target: DeviceOperation.Target
    /// Who has opened it.
    let owner: ModuleOwner

    /// What a refusal calls it: `3,0 (process 4711 of user 1000)`, as ls(1) shows the numbers of a device.
    fileprivate var label: String {
        "\(target.label) (process \(owner.process) of user \(owner.user))"
    }
}

extension DeviceOperation.Target {
    /// `3,0`, `block 3,0`.
    var label: String { "\(table == .blockDevices ? "block " : "")\(entry.slot),\(minor)" }
}

extension ModuleService.State {
    /// Whether a client has a device of the module open.
    func hasOpenDevice(_ module: Int) -> Bool { devices.values.contains { $0.module == module } }

    /// How open devices keep a module: one hold for each device and process.
    func deviceHolds(on module: Int, named name: String) -> [Hold] {
        var counts: [String: Int] = [:]
        for device in devices.values where device.module == module { counts[device.label, default: 0] += 1 }
        return counts.sorted { $0.key < $1.key }.map {
            Hold(module: name, kind: .device, holder: $0.key, count: $0.value)
        }
    }
}

extension ModuleService {
    /// A device that has been opened.
    struct OpenedDevice: Sendable {
        let number: Int
        let module: String
        let target: DeviceOperation.Target
        let output: String
    }

    /// Opens a device. On the linker's thread.
    func openDevice(
        _ parameters: OpenDeviceMethod.Parameters, owner: ModuleOwner
    ) throws(Failure) -> OpenedDevice {
        let (minor, flags) = try Self.check(parameters)
        let table = parameters.block == true ? RegistrationTable.blockDevices : .characterDevices
        let (architecture, entry) = try findDevice(parameters, table)
        guard let module = module(at: entry.address, in: architecture), let space = host(of: architecture) else {
            throw .refused("ENXIO", parameters.device, "the device is no module's (ENXIO)")
        }
        do throws(Failure) { try refuseFaulted(module.name) } catch { throw .refused("EIO", error) }
        // The device may want to know its openings apart before it is known whether this one comes about.
        let number = state.withLock { state in
            state.lastDevice += 1
            return state.lastDevice
        }
        let target = DeviceOperation.Target(
            table: table, entry: entry, minor: minor, flags: flags, opening: UInt64(number))
        console.beginCapture()
        let outcome = operate(DeviceOperation(.open, target), of: module.name, space, data: [], patience: nil)
        let output = console.endCapture()
        switch outcome {
        case .success(let reply) where reply.error == 0: break
        case .success(let reply):
            let code = errorName(reply.error)
            var failure = Failure.refused(code, module.name, "device \(target.label) cannot be opened (\(code))")
            failure.output = output
            throw failure
        case .failure(var failure):
            failure.output = output
            replaceEndedSpaces()
            throw failure
        }
        state.withLock { $0.devices[number] = OpenDevice(module: module.id, target: target, owner: owner) }
        return OpenedDevice(number: number, module: module.name, target: target, output: output)
    }

    private static func check(
        _ parameters: OpenDeviceMethod.Parameters
    ) throws(Failure) -> (minor: UInt64, flags: Int32) {
        guard (0...OpenDeviceMethod.minorLimit).contains(parameters.minor) else {
            throw .refused(
                "EINVAL", parameters.device,
                "minor number \(parameters.minor) is not in 0 to \(OpenDeviceMethod.minorLimit) (EINVAL)")
        }
        let modes = OpenDeviceMethod.readFlag | OpenDeviceMethod.writeFlag
        guard parameters.flags & ~(modes | OpenDeviceMethod.nonblockingFlag) == 0, parameters.flags & modes != 0 else {
            throw .refused(
                "EINVAL", parameters.device,
                "flags \(parameters.flags) are not 1 (read), 2 (write) or both, and 2048 (do not wait) (EINVAL)")
        }
        return (UInt64(parameters.minor), Int32(parameters.flags))
    }

    /// The entry of a device that is named by its module or its number.
    private func findDevice(
        _ parameters: OpenDeviceMethod.Parameters, _ table: RegistrationTable
    ) throws(Failure) -> (Architecture, RegisteredEntry) {
        let name = parameters.device
        let kind = table == .blockDevices ? "block" : "character"
        let wanted = try parameters.space.map { (space) throws(Failure) in try Architecture(space: space) }
        let linked = state.withLock { state in
            state.modules.module(named: name).flatMap { state.loaded[$0.id]?.linked }
        }
        if let linked, wanted == nil || wanted == linked.image.architecture {
            let architecture = linked.image.architecture
            let space = try space(architecture)
            return (
                architecture,
                try Self.entry("ENODEV", name, "has no \(kind) device (ENODEV)") { () throws(SpaceError) in
                    try space.entry(ofImage: linked.range, in: table)
                }
            )
        }
        guard let number = UInt64(name) else {
            throw Failure(.noSuchModule, subject: name, reason: "no such module (ENOENT)")
        }
        let architecture = try runningSpace(parameters.space)
        let space = try space(architecture)
        return (
            architecture,
            try Self.entry("ENXIO", name, "no \(kind) device has that major number (ENXIO)") { () throws(SpaceError) in
                try space.entry(number, in: table)
            }
        )
    }

    /// Looks into a table; what it has not is refused.
    private static func entry(
        _ code: String, _ subject: String, _ reason: String, _ look: () throws(SpaceError) -> RegisteredEntry
    ) throws(Failure) -> RegisteredEntry {
        do throws(SpaceError) {
            return try look()
        } catch .refused {
            throw .refused(code, subject, reason)
        } catch {
            throw Failure(.systemFailure, subject: subject, reason: "\(error)")
        }
    }

    private func host(of architecture: Architecture) -> SpaceHost? {
        state.withLock { $0.spaces[architecture].host }
    }

    /// Does something with an open device. On the linker's thread.
    ///
    /// - Parameter position: where in the device a read or a write begins.
    /// - Returns: ENXIO when the device has gone with its module's space; EIO, and the console has a line, when the module crashed.
    func use(_ number: Int, _ request: DeviceRequest, position: UInt64) -> DeviceReply {
        let found = state.withLock { state in
            state.devices[number].flatMap { device in
                state.loaded[device.module].flatMap { loaded in
                    state.spaces[loaded.architecture].host.map { (device, loaded.linked.name, $0) }
                }
            }
        }
        guard let (device, module, space) = found else { return DeviceReply(error: ErrorCode.noSuchDevice) }
        if state.withLock({ $0.modules[device.module]?.state }) == .faulted {
            // It is closed without its function.
            if request.operation == .close { state.withLock { $0.devices[number] = nil } }
            return DeviceReply(error: request.operation == .close ? 0 : ErrorCode.inputOutput)
        }
        let target = device.target
        let operation: DeviceOperation
        switch request.operation {
        case .read: operation = DeviceOperation(.read, target, number: position, size: request.size)
        case .write: operation = DeviceOperation(.write, target, number: position, size: request.size)
        case .ioctl: operation = DeviceOperation(.ioctl, target, number: request.command, size: request.size)
        case .close:
            // Before its function has returned it is as good as closed: that is called once.
            state.withLock { $0.devices[number] = nil }
            operation = DeviceOperation(.close, target)
        }
        let patience = request.operation == .close ? Self.closePatience : nil
        switch operate(operation, of: module, space, data: request.data, patience: patience) {
        case .success(let reply):
            return reply
        case .failure(let failure):
            let line = failure.problems.first?.description ?? module
            log.warning("\(line)")
            console.note(line)
            replaceEndedSpaces()
            return DeviceReply(error: ErrorCode.inputOutput)
        }
    }

    /// How long a device may take to be closed: there may be nobody any more who could give it up.
    private static let closePatience = Duration.seconds(10)

    /// Calls a function of a device with bytes in a file of its own.
    private func operate(
        _ operation: DeviceOperation, of module: String, _ space: SpaceHost, data: [UInt8], patience: Duration?
    ) -> Result<DeviceReply, Failure> {
        let place = "\(operation.kind.rawValue) of device \(operation.target.label)"
        do throws(SystemError) {
            let file = SharedDescriptor(try MemoryFile.create(name: "device"))
            try File.write(file.descriptor, data, at: 0)
            let outcome: (error: Int64, count: Int)
            do throws(SpaceError) {
                outcome = try space.busy(with: "the \(place) of \(module)") { () throws(SpaceError) in
                    try space.interruptibly { () throws(SpaceError) in
                        try space.operate(operation, file: file, timeout: patience)
                    }
                }
            } catch {
                return .failure(failure(error, in: module, calling: place, for: .device, space))
            }
            guard outcome.error == 0 else {
                return .success(DeviceReply(error: Int32(truncatingIfNeeded: outcome.error)))
            }
            let size = operation.givenSize(moved: outcome.count)
            return .success(
                DeviceReply(result: Int64(outcome.count), data: try File.read(file.descriptor, at: 0, count: size)))
        } catch {
            return .failure(Failure(.systemFailure, subject: module, place: place, reason: "\(error)"))
        }
    }
}
