import ModlinkInterface
import Testing

/// The packets that go over the descriptor of an open device.
@Suite struct DeviceMessageTests {
    @Test("requests are a header of 16 bytes and what they give")
    func requests() {
        let zeros = [UInt8](repeating: 0, count: 8)
        #expect(DeviceRequest.read(65536).packet == [1, 0, 0, 0, 0, 0, 1, 0] + zeros)
        #expect(DeviceRequest.write([7, 8]).packet == [2, 0, 0, 0, 2, 0, 0, 0] + zeros + [7, 8])
        #expect(
            DeviceRequest.ioctl(0x0102_0304_0506_0708, [9]).packet == [
                3, 0, 0, 0, 1, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, 9,
            ])
        #expect(DeviceRequest.close.packet == [4, 0, 0, 0, 0, 0, 0, 0] + zeros)
        for request in [DeviceRequest.read(0), .write([]), .write([1]), .ioctl(.max), .ioctl(1, [1, 2]), .close] {
            #expect(DeviceRequest(packet: request.packet) == request)
        }
    }

    @Test("of sizes, the last that is taken and the first that is not")
    func limits() {
        #expect(DeviceRequest(packet: DeviceRequest.read(65536).packet) != nil)
        #expect(DeviceRequest(packet: DeviceRequest.read(65537).packet) == nil)
        let most = [UInt8](repeating: 1, count: 65536)
        #expect(DeviceRequest(packet: DeviceRequest.write(most).packet) != nil)
        #expect(DeviceRequest(packet: DeviceRequest.write(most + [1]).packet) == nil)
        #expect(DeviceRequest(packet: Array(DeviceRequest.close.packet.dropLast())) == nil)
        #expect(DeviceRequest(packet: DeviceRequest.close.packet + [0]) == nil)
    }

    @Test("replies have the error with its sign, the result and the bytes")
    func replies() {
        let reply = DeviceReply(error: -1, result: 258, data: [5])
        #expect(reply.packet == [255, 255, 255, 255, 1, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 5])
        #expect(DeviceReply(packet: reply.packet) == reply)
        #expect(DeviceReply(packet: Array(reply.packet.dropLast())) == nil)
        #expect(DeviceReply(packet: reply.packet + [0]) == nil)
        #expect(DeviceReply(packet: []) == nil)
    }
}
