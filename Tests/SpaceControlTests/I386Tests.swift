import ObjectModel
import Posix
import SpaceControl
import TestSupport
import Testing

/// The space of i386, where words have 32 bits. What is tested here is what the machine makes different.
@Suite(.enabled(if: Compiler.makesI386Programs, "\(Compiler.noI386Programs)"))
struct I386Tests {
    /// Calls a function, and returns the fault that it ends in.
    private func fault(
        _ test: inout TestSpace, _ function: UInt64, timeout: Duration? = nil
    ) throws -> Fault {
        let error = try test.failure(calling: function, timeout: timeout)
        switch error {
        case .faulted(_, let fault): return fault
        case .timedOut(_, let fault?): return fault
        default: throw error
        }
    }

    @Test("it says its process number, the window that all spaces have, and its page size")
    func information() throws {
        let test = try TestSpace(.i386)
        #expect(test.space.information.process == test.space.process.process)
        #expect(test.space.information.window == 0x1000_0000..<0x7000_0000)
        #expect(test.space.information.pageSize == 4096)
    }

    @Test("a function gets four words of 32 bits on its stack, and its word comes back with its sign")
    func words() throws {
        var test = try TestSpace(.i386)
        let symbols = try test.load(try Image.commonI386.get())
        let four = try test.space.call(symbols["words"], [1, 2, 3, 4])
        #expect(four == 4321)
        let negative = try test.space.call(symbols["words"], [UInt64(bitPattern: -9)])
        #expect(negative == -9)
        let lower = try test.space.call(symbols["words"], [0x1_0000_0007])
        #expect(lower == 7)
        let largest = try test.space.call(symbols["words"], [0x7fff_ffff])
        #expect(largest == 0x7fff_ffff)
        let wrapped = try test.space.call(symbols["words"], [0x8000_0000])
        #expect(wrapped == -0x8000_0000)
    }

    @Test("an address that no pointer holds is refused, in a call and in a list of resolvers")
    func longAddress() throws {
        var test = try TestSpace(.i386)
        let symbols = try test.load(try Image.commonI386.get())
        let address = symbols["words"] | 1 << 32
        #expect(
            message { () throws(SpaceError) in _ = try test.space.call(address) }
                == "space: call: bad address (EFAULT)")
        #expect(
            message { () throws(SpaceError) in _ = try test.space.resolve([symbols["chooses"], address]) }
                == "space: resolve: bad address (EFAULT)")
    }

    @Test("the elements of an array have four bytes; the one that faults is named")
    func array() throws {
        var test = try TestSpace(.i386)
        let symbols = try test.load(try Image.commonI386.get())
        try test.space.callArray(address: symbols["functions"], count: 2)
        try test.space.callArray(address: symbols["functions"], count: 2, reverse: true)
        let order = try test.space.read(address: symbols["order"], count: 4)
        #expect(order == [0xc5, 0x04, 0, 0], "1221, little-endian")
        let text = message { () throws(SpaceError) in try test.space.callArray(address: symbols["faulty"], count: 2) }
        #expect(text.hasPrefix("space: call array: SIGSEGV at 0x1000"), "\(text)")
        #expect(text.hasSuffix(", address 0xf00, element 1"), "\(text)")
    }

    @Test("resolvers of a module and of the mathematical library choose addresses below 4 GiB")
    func resolve() throws {
        var test = try TestSpace(.i386)
        let symbols = try test.load(try Image.commonI386.get())
        let resident = try Symbols(of: try SpaceProgram.path(.i386))
        let chosen = try test.space.resolve([symbols["chooses"], resident["__fma"]])
        #expect(chosen.first == symbols["words"])
        #expect((0x7000_0000..<0x8000_0000).contains(chosen.last ?? 0))
    }

    @Test("a fault says EIP and the other registers by their names, and the space goes on")
    func registers() throws {
        var test = try TestSpace(.i386)
        let source = """
            int variable = 1;
            int faults(int first) {
                __asm__ volatile("movl $0x11, %eax; movl $0x22, %ecx; movl $0x33, %edx; movl $0x44, %ebx;"
                    "movl $0x55, %esi; movl $0x66, %edi; movl $0xf00, %ebp; .globl place; place: movl (%ebp), %eax");
                return first;
            }
            void *thread_pointer(void) { void *p; __asm__("movl %%gs:0, %0" : "=r"(p)); return p; }
            """
        let symbols = try test.load(try Image(source, for: .i386))
        let pointer = try test.space.call(symbols["thread_pointer"])
        let fault = try fault(&test, symbols["faults"])
        #expect(fault.signalName == "SIGSEGV" && fault.code == 1 && fault.address == 0xf00)
        let names = Fault.registerNames(on: .i386)
        #expect(fault.registers.count == names.count)
        let named = Dictionary(uniqueKeysWithValues: zip(names, fault.registers))
        let values: [String: UInt64] = [
            "eax": 0x11, "ecx": 0x22, "edx": 0x33, "ebx": 0x44, "esi": 0x55, "edi": 0x66, "ebp": 0xf00,
            "eip": symbols["place"], "gs_base": UInt64(UInt32(truncatingIfNeeded: pointer)),
        ]
        for (name, value) in values { #expect(named[name] == value, "\(name)") }
        // The bit that is always set, and the one that says that interrupts are on (Intel SDM, "EFLAGS Register").
        #expect((named["eflags"] ?? 0) & 0x202 == 0x202)
        #expect(fault.instructionPointer == symbols["place"])
        #expect(fault.framePointer == 0xf00)
        #expect(fault.stackPointer == named["esp"] && fault.stack.contains(fault.stackPointer))
        #expect(fault.stack.count == 8 << 20 && fault.stack.upperBound < 1 << 32)
        let again = try test.space.call(symbols["thread_pointer"])
        #expect(again != 0)
    }

    @Test("a function that is late is stopped; after a fault inside printf the console still works")
    func threads() throws {
        var test = try TestSpace(.i386)
        let symbols = try test.load(try Image.commonI386.get())
        let late = try fault(&test, symbols["spins"], timeout: .milliseconds(50))
        #expect(late.signalName == "deadline")
        #expect((symbols["spins"]..<symbols["spins"] + 32).contains(late.instructionPointer))
        #expect(try fault(&test, symbols["prints_badly"]).signalName == "SIGSEGV")
        #expect(try test.printed() == "before ")
        let result = try test.space.call(symbols["prints"], timeout: .seconds(10))
        #expect(result == 3)
        #expect(try test.printed() == "one\ntwo")
    }

    @Test("frames are registered, with them a thread can be ended through a module's function, and taken back")
    func frames() throws {
        var test = try TestSpace(.i386)
        let image = try Image.commonI386.get()
        let symbols = try test.load(image)
        let (start, end) = (symbols["frames"], symbols["frames_end"])
        try test.space.registerFrames(address: start, size: end - start)
        #expect(
            message { () throws(SpaceError) in _ = try test.space.call(symbols["leaves"]) }
                == "space: call: ended its thread instead of returning")
        #expect(
            message { () throws(SpaceError) in
                try test.space.unmap(address: image.segments[0].address, size: image.size)
            } == "space: unmap: device or resource busy (EBUSY)")
        try test.space.unregisterFrames(address: start, size: end - start)
        try test.space.unmap(address: image.segments[0].address, size: image.size)
    }

    @Test("a fault in a module's own thread is told, and the space goes on")
    func threadFaults() throws {
        var test = try TestSpace(.i386)
        let symbols = try test.load(try Image.commonI386.get())
        for starter in ["starts_thread", "starts_detached"] {
            _ = try test.space.call(symbols[starter])
            let event = try #require(test.space.events.next())
            let fault = try #require(event.fault)
            #expect(fault.address == 0xf00 && fault.signalName == "SIGSEGV")
            #expect(fault.startRoutine.map { (0x1000_0000..<0x1001_0000).contains($0) } == true)
            let thread = "/proc/\(test.space.process.process)/task/\(fault.thread)"
            test.space.events.release(event)
            #expect(try eventually { (try? File.status(path: thread)) == nil })
        }
        let result = try test.space.call(symbols["words"], [5])
        #expect(result == 5)
    }
}
