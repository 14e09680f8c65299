import Logging
import ModlinkInterface
import Posix
import SpaceControl

// What is done with open devices, on the threads of their clients.

/// On whose behalf a function of a device is called, and over which connection.
struct DeviceCall: Sendable {
    let lane: Lane
    let caller: CrashRequest
    /// The client's socket: what is called for it is given up when it goes.
    let client: Int32
}

/// A device that has been opened.
struct OpenedDevice: Sendable {
    let number: Int
    let module: String
    let target: DeviceOperation.Target
    let output: String
}

extension ModuleService {
    /// Opens a device that has been prepared. When it cannot be opened its module is not kept any more.
    func openDevice(_ number: Int, for client: Int32, by caller: CrashRequest) throws(Failure) -> OpenedDevice {
        guard let device = state.withLock({ $0.devices[number] }) else { throw Self.ending }
        let call = DeviceCall(lane: device.lane, caller: caller, client: client)
        console.beginCapture(number)
        let outcome = run(DeviceOperation(.open, device.target), number, [], call, patience: nil)
        let output = console.endCapture(number)
        var failure: Failure
        switch outcome {
        case .success(let reply) where reply.error == 0:
            return OpenedDevice(number: number, module: device.name, target: device.target, output: output)
        case .success(let reply):
            let code = errorName(reply.error)
            failure = .refused(code, device.name, "device \(device.target.label) cannot be opened (\(code))")
        case .failure(let error):
            failure = error
        }
        failure.output = output
        forget(number)
        noteEnd(of: device.space)
        throw failure
    }

    /// Does something with an open device.
    ///
    /// - Parameter position: where in the device a read or a write begins.
    /// - Returns: ENXIO when the device has gone with its module's space; EIO, and the console has a line, when the module crashed.
    func use(
        _ number: Int, _ request: DeviceRequest, position: UInt64, for client: Int32, by caller: CrashRequest
    ) -> DeviceReply {
        let found = state.withLock { state in
            state.devices[number].map { ($0, isFaulted: state.modules[$0.module]?.state == .faulted) }
        }
        guard let (device, isFaulted) = found else { return DeviceReply(error: ErrorCode.noSuchDevice) }
        let isClose = request.operation == .close
        // It is closed without its function.
        defer { if isClose { forget(number) } }
        if isFaulted { return DeviceReply(error: isClose ? 0 : ErrorCode.inputOutput) }
        let target = device.target
        let operation: DeviceOperation =
            switch request.operation {
            case .read: DeviceOperation(.read, target, number: position, size: request.size)
            case .write: DeviceOperation(.write, target, number: position, size: request.size)
            case .ioctl: DeviceOperation(.ioctl, target, number: request.command, size: request.size)
            case .ioctlValue: DeviceOperation(.ioctlValue, target, number: request.command, size: request.size)
            case .close: DeviceOperation(.close, target)
            }
        let call = DeviceCall(lane: device.lane, caller: caller, client: client)
        let outcome = run(operation, number, request.data, call, patience: isClose ? Self.closePatience : nil)
        switch outcome {
        case .success(let reply):
            return reply
        case .failure(let failure):
            tell(failure, of: device)
            return DeviceReply(error: ErrorCode.inputOutput)
        }
    }

    /// How long a device may take to be closed: there may be nobody any more who could give it up.
    private static let closePatience = Duration.seconds(10)
    /// How long a function keeps others of the same module waiting, in milliseconds.
    private static let turnMilliseconds = 50

    /// The device is not open any more.
    private func forget(_ number: Int) {
        state.withLock { $0.devices[number] = nil }
    }

    private func tell(_ failure: Failure, of device: OpenDevice) {
        let line = failure.problems.first?.description ?? device.name
        log.warning("\(line)")
        console.note(line)
        noteEnd(of: device.space)
    }

    /// When a space has ended, that is known before anybody hears of it.
    private func noteEnd(of space: SpaceHost) {
        guard space.hasEnded else { return }
        _ = try? perform { service in service.replaceEndedSpaces() }
    }

    /// The thread of a device runs the destructors that it has left, as long as their code is there.
    private func finishThread(of device: OpenDevice, _ call: DeviceCall) {
        do throws(SpaceError) {
            try device.space.finishThread(of: device.lane, timeout: Self.closePatience)
        } catch .refused {
            // The space has gone, and with it all that was to be done.
        } catch {
            tell(
                failure(error, in: device.name, calling: "destructor", for: .destructor, device.space, device: call),
                of: device)
        }
    }

    /// Calls a function of a device when it is its turn.
    private func run(
        _ operation: DeviceOperation, _ number: Int, _ data: [UInt8], _ call: DeviceCall, patience: Duration?
    ) -> Result<DeviceReply, Failure> {
        guard let device = takeTurn(number, operation.kind) else {
            return .success(DeviceReply(error: ErrorCode.noSuchDevice))
        }
        let speech = console.beginSpeech(device.name)
        defer {
            if operation.kind == .close { finishThread(of: device, call) }
            console.endSpeech(speech)
            state.withLock { state in
                device.running?.end.fulfil(true)
                state.devices[number]?.running = nil
            }
        }
        let place = "\(operation.kind.rawValue) of device \(operation.target.label)"
        do throws(SystemError) {
            let file = SharedDescriptor(try MemoryFile.create(name: "device"))
            try File.write(file.descriptor, data, at: 0)
            let outcome: (error: Int64, count: Int)
            do throws(SpaceError) {
                // Nobody gives up a close: who wanted it may have gone for that very reason.
                outcome = try device.space.operate(
                    operation, over: device.lane, file: file, timeout: patience,
                    client: operation.kind == .close ? nil : call.client)
            } catch {
                return .failure(
                    failure(error, in: device.name, calling: place, for: .device, device.space, device: call))
            }
            guard outcome.error == 0 else {
                return .success(DeviceReply(error: Int32(truncatingIfNeeded: outcome.error)))
            }
            let size = operation.givenSize(moved: outcome.count)
            return .success(
                DeviceReply(result: Int64(outcome.count), data: try File.read(file.descriptor, at: 0, count: size)))
        } catch {
            return .failure(Failure(.systemFailure, subject: device.name, place: place, reason: "\(error)"))
        }
    }

    /// Waits for other functions of devices of the same module, which is written for kernels that call one at a time; but not for one
    /// that has gone to sleep, or takes as long. Nil when the device is not there any more.
    private func takeTurn(_ number: Int, _ kind: DeviceOperation.Kind) -> OpenDevice? {
        while true {
            let (device, other) = state.withLock { state -> (OpenDevice?, RunningOperation?) in
                guard let module = state.devices[number]?.module else { return (nil, nil) }
                let now = Clock.nanoseconds()
                let other = state.devices.values.first {
                    $0.module == module && $0.running.map { now - $0.begin < Self.turnNanoseconds } == true
                }
                if other == nil { state.devices[number]?.running = RunningOperation(kind: kind) }
                return (state.devices[number], other?.running)
            }
            guard let other else { return device }
            _ = other.end.wait(timeout: Self.turnMilliseconds)
        }
    }

    private static var turnNanoseconds: UInt64 { UInt64(turnMilliseconds) * 1_000_000 }

    /// Ends the functions of a module's devices that are being called, and forgets the devices: the module is to go without being
    /// called. On the linker's thread.
    ///
    /// - Returns: false when one of them does not end.
    func discardDevices(of module: Int) -> Bool {
        while true {
            let running = state.withLock { state -> [OpenDevice] in
                for (number, device) in state.devices where device.module == module && device.running == nil {
                    state.devices[number] = nil
                }
                return state.devices.values.filter { $0.module == module }
            }
            guard let device = running.first, let operation = device.running else { return true }
            for device in running { device.lane.interrupt() }
            guard operation.end.wait(timeout: Self.discardMilliseconds) != nil else { return false }
        }
    }

    /// How long a function may take to end then: as long as the space gives it, and some more.
    private static let discardMilliseconds = 5_000
}
