import ModlinkInterface
import SymbolTable
import Testing

@testable import ModuleService

@Suite struct DepartedTests {
    private static let gurka = (name: "gurka", text: "int slice(void) { return 1; }")

    @Test(
        "a module that comes and goes without end has other addresses each time, and the oldest again once the window is full"
    )
    func wrap() throws {
        let test = try TestService()
        // Room for eight.
        let window: Range<UInt64> = 0x2000_0000..<0x2001_0000
        test.service.state.withLock {
            $0.spaces[.native].ranges = AddressRanges(window: window, restingLimit: DepartedOwners.limit)
        }
        for round in 0..<100 {
            let module = try #require(try test.load([Self.gurka]).modules.first)
            #expect(module.address == Int(window.lowerBound) + round % 8 * 0x2000)
            let address = try test.address("slice")
            #expect(test.service.departed(address, in: .native) == nil)
            try test.unload(module.id)
            let departed = try #require(test.service.departed(address + 1, in: .native))
            #expect(departed.departed == "slice+0x1 in gurka, unloaded less than 1 s ago")
            #expect(departed.unsignedAddress == address)
        }
        #expect(test.service.lastUnloaded(in: .native) == "gurka")
    }

    @Test("a space that is started anew has no past")
    func restart() throws {
        let test = try TestService()
        let module = try #require(try test.load([Self.gurka]).modules.first)
        let address = try test.address("slice")
        try test.unload(module.id)
        #expect(test.service.departed(address, in: .native) != nil)
        try test.service.perform { service in service.replaceSpace(.native) }
        #expect(test.service.departed(address, in: .native) == nil)
        #expect(test.service.lastUnloaded(in: .native) == nil)
        let again = try #require(try test.load([Self.gurka]).modules.first)
        #expect(again.address == module.address)
    }
}
