import Posix
import SpaceControl
import Testing

@Suite("Interrupting a call")
struct InterruptTests {
    /// Interrupts as soon as a request is under way.
    private func interruptSoon(_ interrupter: Interrupter) throws {
        try Threads.start(name: "interrupt") {
            while (try? interrupter.interrupt()) == false {}
        }
    }

    @Test("an interrupt ends a function that does not return, and its place is known")
    func spinning() throws {
        var test = try TestSpace()
        let symbols = try test.load(try Image.common.get())
        try interruptSoon(test.space.interrupter)
        do throws(SpaceError) {
            _ = try test.space.call(symbols["spins"], timeout: .seconds(60))
            Issue.record("returned")
        } catch {
            guard case .timedOut(.call, let fault?) = error else {
                Issue.record("\(error)")
                return
            }
            #expect((symbols["spins"]..<symbols["spins"] + 32).contains(fault.instructionPointer))
        }
    }

    @Test("after an interrupt the next call is not interrupted")
    func afterwards() throws {
        var test = try TestSpace()
        let symbols = try test.load(try Image.common.get())
        try interruptSoon(test.space.interrupter)
        _ = try? test.space.call(symbols["spins"], timeout: .seconds(60))
        let result = try test.space.call(symbols["words"], [5], timeout: .seconds(60))
        #expect(result == 5)
    }

    @Test("between requests there is nothing to interrupt")
    func idle() throws {
        let test = try TestSpace()
        #expect(try test.space.interrupter.interrupt() == false)
    }
}
