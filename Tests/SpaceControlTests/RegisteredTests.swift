import Posix
import SpaceControl
import Testing

/// What a space says to requests about its tables that no daemon makes, and to the last that it takes.
@Suite struct RegisteredTests {
    private func target(slot: Int = 511, minor: UInt64 = 0) -> DeviceOperation.Target {
        let entry = RegisteredEntry(slot: slot, address: 0x1000_0000)
        return DeviceOperation.Target(table: .characterDevices, entry: entry, minor: minor, flags: 3)
    }

    @Test("each slot of a table has an entry or none; there are 512")
    func entries() throws {
        var test = try TestSpace()
        let first = try test.space.entry(0, in: .systemCalls)
        let last = try test.space.entry(511, in: .systemCalls)
        #expect(first.slot == 0 && last.slot == 511 && first.address != last.address)
        for table in [RegistrationTable.blockDevices, .characterDevices] {
            #expect(
                message { () throws(SpaceError) in _ = try test.space.entry(511, in: table) }
                    == "space: find entry: no such file or directory (ENOENT)")
        }
        for table in [RegistrationTable.systemCalls, .blockDevices, .characterDevices] {
            #expect(
                message { () throws(SpaceError) in _ = try test.space.entry(512, in: table) }
                    == "space: find entry: invalid argument (EINVAL)")
            #expect(
                message { () throws(SpaceError) in _ = try test.space.entry(ofImage: 0x1000_0000, in: table) }
                    == "space: find entry: no such file or directory (ENOENT)")
        }
    }

    @Test("system calls take eight words, and what is none is ENOSYS")
    func systemCalls() throws {
        var test = try TestSpace()
        let (error, values) = try test.space.systemCall(.max, Array(repeating: 1, count: 8))
        #expect(error == 38 && values == [0, 0])
        #expect(
            message { () throws(SpaceError) in _ = try test.space.systemCall(0, Array(repeating: 1, count: 9)) }
                == "space: system call: invalid argument (EINVAL)")
    }

    @Test("a device that is not there is ENXIO, whatever is done with it; what is beyond a limit is refused")
    func devices() throws {
        var test = try TestSpace()
        let lane = try test.space.connect()
        let file = SharedDescriptor(try MemoryFile.create(name: "test"))
        try File.write(file.descriptor, [UInt8](repeating: 1, count: 65536), at: 0)
        for kind in [DeviceOperation.Kind.open, .close, .read, .write, .ioctl] {
            let most = DeviceOperation(kind, target(minor: 0xfffff), size: 65536)
            let (error, count) = try lane.operate(most, file: file.descriptor)
            #expect(error == Int64(ErrorCode.noSuchDevice) && count == 0)
            for beyond in [
                DeviceOperation(kind, target(), size: 65537), DeviceOperation(kind, target(), size: -1),
                DeviceOperation(kind, target(minor: 0x100000)), DeviceOperation(kind, target(slot: 512)),
            ] {
                #expect(
                    message { () throws(SpaceError) in _ = try lane.operate(beyond, file: file.descriptor) }
                        == "space: device: invalid argument (EINVAL)")
            }
        }
    }

    @Test("what a device is given has to be in the file")
    func shortFile() throws {
        var test = try TestSpace()
        let lane = try test.space.connect()
        let file = SharedDescriptor(try MemoryFile.create(name: "test"))
        try File.write(file.descriptor, [1], at: 0)
        let (error, _) = try lane.operate(DeviceOperation(.write, target(), size: 1), file: file.descriptor)
        #expect(error == Int64(ErrorCode.noSuchDevice))
        #expect(
            message { () throws(SpaceError) in
                _ = try lane.operate(DeviceOperation(.write, target(), size: 2), file: file.descriptor)
            } == "space: device: input/output error (EIO)")
    }
}
