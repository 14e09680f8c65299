import Linking
import Logging
import ModlinkInterface
import ModuleTable
import ObjectModel
import Posix
import SpaceControl

// Devices of modules that clients have open: how they are opened, and how they keep their modules.

/// A device that a client has open, or is about to have.
struct OpenDevice: Sendable {
    /// The number of the module that has it, and its name.
    let module: Int
    let name: String
    /// Which it is, and how it is open.
    let target: DeviceOperation.Target
    /// Who has opened it.
    let owner: ModuleOwner
    /// The space that it is in, and the connection over which its functions are called.
    let space: SpaceHost
    let lane: Lane
    /// The function that is being called.
    var running: RunningOperation?

    /// What a refusal calls it: `3,0 (process 4711 of user 1000)`, as ls(1) shows the numbers of a device; with `, in read` when it is
    /// being read.
    fileprivate var label: String {
        let function = running.map { ", in \($0.kind.rawValue)" } ?? ""
        return "\(target.label) (process \(owner.process) of user \(owner.user)\(function))"
    }
}

/// A function of a device that is being called.
struct RunningOperation: Sendable {
    let kind: DeviceOperation.Kind
    /// When it was called, in nanoseconds of the monotonic clock.
    let begin = Clock.nanoseconds()
    /// Fulfilled when it has returned.
    let end = Promise<Bool>()
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
    /// Finds a device that is to be opened, and keeps its module from now on. On the linker's thread.
    ///
    /// - Returns: the number that the opening has.
    func prepareDevice(_ parameters: OpenDeviceMethod.Parameters, owner: ModuleOwner) throws(Failure) -> Int {
        let (minor, flags) = try Self.check(parameters)
        let table = parameters.block == true ? RegistrationTable.blockDevices : .characterDevices
        let (architecture, entry) = try findDevice(parameters, table)
        guard let module = module(at: entry.address, in: architecture) else {
            throw .refused("ENXIO", parameters.device, "the device is no module's (ENXIO)")
        }
        do throws(Failure) { try refuseFaulted(module.name) } catch { throw .refused("EIO", error) }
        let space = try space(architecture)
        let lane: Lane
        do throws(SpaceError) {
            lane = try space.connect()
        } catch .refused(_, let code) {
            let name = errorName(code)
            throw .refused(name, module.name, "the space has no room for one more open device (\(name))")
        } catch {
            throw Failure(.systemFailure, subject: module.name, reason: "\(error)")
        }
        return state.withLock { state in
            // The device may want to know its openings apart before it is known whether this one comes about.
            state.lastDevice += 1
            let target = DeviceOperation.Target(
                table: table, entry: entry, minor: minor, flags: flags, opening: UInt64(state.lastDevice))
            state.devices[state.lastDevice] = OpenDevice(
                module: module.id, name: module.name, target: target, owner: owner, space: space, lane: lane)
            return state.lastDevice
        }
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
            state.module(known: name).flatMap { state.loaded[$0]?.linked }
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
}
