import Glibc
import ObjectModel
import Posix
import SpaceControl
import TestSupport
import Testing

@Suite struct CallTests {
    @Test("a function gets four words and its word comes back, also a negative one")
    func words() throws {
        var test = try TestSpace()
        let symbols = try test.load(try Image.common.get())
        let four = try test.space.call(symbols["words"], [1, 2, 3, 4])
        #expect(four == 4321)
        let negative = try test.space.call(symbols["words"], [UInt64(bitPattern: -9)])
        #expect(negative == -9)
        #expect(
            message { () throws(SpaceError) in _ = try test.space.call(symbols["words"], [1, 2, 3, 4, 5]) }
                == "space: call: invalid argument (EINVAL)")
    }

    @Test("an array's functions are called in order, or in reverse")
    func array() throws {
        var test = try TestSpace()
        let symbols = try test.load(try Image.common.get())
        try test.space.callArray(address: symbols["functions"], count: 2)
        try test.space.callArray(address: symbols["functions"], count: 2, reverse: true)
        let order = try test.space.read(address: symbols["order"], count: 2)
        #expect(order == [0xc5, 0x04], "1221, little-endian")
        #expect(
            message { () throws(SpaceError) in try test.space.callArray(address: 0x6fff_0000, count: 1) }
                == "space: call array: bad address (EFAULT)")
    }

    @Test("the element that faults is named")
    func arrayFault() throws {
        var test = try TestSpace()
        let symbols = try test.load(try Image.common.get())
        let text = message { () throws(SpaceError) in
            try test.space.callArray(address: symbols["faulty"], count: 2)
        }
        #expect(text.hasPrefix("space: call array: SIGSEGV at 0x1000"))
        #expect(text.hasSuffix(", address 0x123456789000, element 1"))
    }

    @Test("resolvers are called, more than one message holds, and the one that faults is named")
    func resolve() throws {
        var test = try TestSpace()
        let symbols = try test.load(try Image.common.get())
        let resident = try Symbols(of: try SpaceProgram.path())
        let chooser = symbols["chooses"]
        let chosen = try test.space.resolve(Array(repeating: chooser, count: 17) + [resident["memcpy"]])
        #expect(Array(chosen.dropLast()) == Array(repeating: symbols["words"], count: 17))
        #expect((0x7000_0000..<0x8000_0000).contains(chosen[17]))
        let none = try test.space.resolve([])
        #expect(none == [])
        do throws(SpaceError) {
            _ = try test.space.resolve(Array(repeating: chooser, count: 20) + [symbols["faults"]])
            Issue.record("no error")
        } catch {
            guard case .faulted(.resolve, let fault) = error else { throw error }
            #expect(fault.index == 20)
        }
    }

    @Test("a fault says signal, address, registers and stack, and the space goes on")
    func fault() throws {
        var test = try TestSpace()
        let symbols = try test.load(try Image.common.get())
        guard case .faulted(.call, let fault) = try test.failure(calling: symbols["faults"]) else {
            Issue.record("no fault")
            return
        }
        #expect(fault.signalName == "SIGSEGV")
        #expect(fault.code == 1)
        #expect(fault.address == 0x1234_5678_9000)
        #expect((symbols["faults"]..<symbols["faults"] + 32).contains(fault.instructionPointer))
        #expect(fault.registers.count == Fault.registerNames(on: .x86_64).count)
        let named = Dictionary(uniqueKeysWithValues: zip(Fault.registerNames(on: .x86_64), fault.registers))
        #expect(named["rip"] == fault.instructionPointer)
        #expect(named["rsp"] == fault.stackPointer)
        #expect(named["rbp"] == fault.framePointer)
        #expect(fault.stack.count == 8 << 20)
        #expect(fault.stack.contains(fault.stackPointer))
        #expect(fault.index == nil)
        let after = try test.space.call(symbols["words"], [1, 1, 1, 1])
        #expect(after == 1111)
    }

    @Test("a thread that was stopped stands until it is released")
    func release() throws {
        var test = try TestSpace()
        let symbols = try test.load(try Image.common.get())
        guard case .faulted(.call, let fault) = try test.failure(calling: symbols["aborts"]) else {
            Issue.record("no fault")
            return
        }
        #expect(fault.signalName == "SIGABRT")
        let threads = "/proc/\(test.space.process.process)/task"
        #expect(try File.list(threads).contains("\(fault.thread)"))
        try test.space.release()
        #expect(try !File.list(threads).contains("\(fault.thread)"))
    }

    @Test("after a fault inside printf the console still works")
    func printing() throws {
        var test = try TestSpace()
        let symbols = try test.load(try Image.common.get())
        _ = try test.failure(calling: symbols["prints_badly"])
        #expect(try test.printed() == "before ")
        let result = try test.space.call(symbols["prints"], timeout: .seconds(10))
        #expect(result == 3)
        #expect(try test.printed() == "one\ntwo")
    }

    @Test("a function that is late is stopped and its place is known; one that is in time is not")
    func timeout() throws {
        var test = try TestSpace()
        let symbols = try test.load(try Image.common.get())
        guard
            case .timedOut(.call, let fault?) = try test.failure(calling: symbols["spins"], timeout: .milliseconds(50))
        else {
            Issue.record("not stopped")
            return
        }
        #expect(fault.signalName == "deadline")
        #expect((symbols["spins"]..<symbols["spins"] + 32).contains(fault.instructionPointer))
        let result = try test.space.call(symbols["words"], [5], timeout: .seconds(60))
        #expect(result == 5)
    }

    @Test("a function that is late is stopped, although it blocks all signals")
    func blocked() throws {
        var test = try TestSpace()
        let symbols = try test.load(try Image.common.get())
        guard
            case .timedOut(.call, let fault?) = try test.failure(
                calling: symbols["spins_blocked"], timeout: .milliseconds(50))
        else {
            Issue.record("not stopped")
            return
        }
        #expect((symbols["spins_blocked"]..<symbols["spins_blocked"] + 256).contains(fault.instructionPointer))
    }

    @Test("a function that is late and waits for what no signal ends is left, and the space goes on")
    func uninterruptible() throws {
        var test = try TestSpace()
        let symbols = try test.load(try Image.common.get())
        let error = try test.failure(calling: symbols["waits"], timeout: .milliseconds(50))
        #expect(error == .timedOut(.call, nil))
        #expect(
            error.description
                == "space: call: not back in time; cannot be stopped, since no signal ends what it waits for")
        let result = try test.space.call(symbols["words"], [5])
        #expect(result == 5)
    }

    @Test("a function that ends its thread is told from one that returns")
    func threadEnds() throws {
        var test = try TestSpace()
        let symbols = try test.load(try Image.common.get())
        let error = try test.failure(calling: symbols["leaves"])
        #expect(error == .threadEnded(.call))
        #expect(error.description == "space: call: ended its thread instead of returning")
        let result = try test.space.call(symbols["words"], [5])
        #expect(result == 5)
    }
}

@Suite struct DeathTests {
    @Test("a module that exits has faulted, and the space goes on", arguments: [0, 7])
    func exits(status: Int32) throws {
        var test = try TestSpace()
        let symbols = try test.load(try Image.common.get())
        let error = try test.failure(calling: symbols["exits"], arguments: [UInt64(status)])
        guard case .faulted(.call, let fault) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(
            fault.kind == .exit && fault.code == status && fault.signal == 0 && fault.signalName == "exit(\(status))")
        let result = try test.space.call(symbols["words"], [5])
        #expect(result == 5)
    }

    @Test("a death is noticed though a child that a module forked holds the connection open")
    func child() throws {
        var test = try TestSpace()
        let symbols = try test.load(try Image.common.get())
        let child = Int32(truncatingIfNeeded: try test.space.call(symbols["forks"]))
        #expect(
            message { () throws(SpaceError) in _ = try test.space.call(symbols["dies"]) }
                == "space: call: process ended by SIGKILL")
        // It outlives what was waited for.
        #expect(child > 0 && kill(child, SIGKILL) == 0)
    }

    @Test(
        "a thread of a module that faults tells so and stands still; released, it ends, and all else goes on",
        arguments: ["starts_thread", "starts_detached"])
    func threadFaults(starter: String) throws {
        var test = try TestSpace()
        let symbols = try test.load(try Image.common.get())
        var mappings = 0
        for round in 0..<10 {
            _ = try test.space.call(symbols[starter])
            let event = try #require(test.space.events.next())
            guard case .threadFaulted(let fault) = event else {
                Issue.record("\(event)")
                return
            }
            #expect(fault.address == 0x1234_5678_9000 && fault.signalName == "SIGSEGV" && fault.stack.isEmpty)
            #expect(fault.startRoutine.map { (0x1000_0000..<0x1001_0000).contains($0) } == true)
            let thread = "/proc/\(test.space.process.process)/task/\(fault.thread)"
            #expect((try? File.status(path: thread)) != nil)
            test.space.events.release(event)
            #expect(try eventually { (try? File.status(path: thread)) == nil })
            // What nobody can join is freed; for what somebody may join there is its stack, and a guard.
            if round == 0 { mappings = try ProcessFiles.mappings(of: test.space.process.process).count }
            // One may still be there, and one be kept for the next, when the next thread starts.
            let more = starter == "starts_detached" ? 6 : 6 + 2 * round
            #expect(
                try eventually { try ProcessFiles.mappings(of: test.space.process.process).count <= mappings + more })
        }
        let result = try test.space.call(symbols["words"], [5])
        #expect(result == 5)
    }

    @Test("a module's handler that faults on the initial thread is given up, and the thread goes on")
    func initialThread() throws {
        var test = try TestSpace()
        let symbols = try test.load(try Image.common.get())
        for _ in 0..<3 {
            _ = try test.space.call(symbols["hits_initial_thread"])
            let event = try #require(test.space.events.next())
            let fault = try #require(event.fault)
            let process = test.space.process.process
            #expect(fault.thread == process && fault.startRoutine == nil)
            test.space.events.release(event)
            // It takes signals again: none is blocked.
            #expect(
                try eventually {
                    String(decoding: try File.read(path: "/proc/\(process)/status", limit: 1 << 16), as: UTF8.self)
                        .contains("\nSigBlk:\t0000000000000000\n")
                })
        }
        let result = try test.space.call(symbols["words"], [5])
        #expect(result == 5)
    }

    @Test("a death between requests makes the process's descriptor readable and is found by looking")
    func between() throws {
        var test = try TestSpace()
        let before = try test.space.checkDeath()
        #expect(before == nil)
        try test.space.process.signal(11)
        let event = try #require(test.space.events.next())
        guard case .dying(let fault) = event else {
            Issue.record("\(event)")
            return
        }
        #expect(fault.signalName == "SIGSEGV" && fault.thread == test.space.process.process)
        let during = try test.space.checkDeath()
        #expect(during == nil)
        test.space.events.release(event)
        #expect(try Poll.waitReadable(test.space.processDescriptorNumber, timeout: 60_000))
        let death = try test.space.checkDeath()
        #expect(death?.status == .signaled(11))
        #expect(death?.fault?.signalName == "SIGSEGV")
    }

    @Test("a space that is killed has died without a word")
    func killed() throws {
        var test = try TestSpace()
        try test.space.process.signal(9)
        #expect(
            message { () throws(SpaceError) in _ = try test.space.read(address: 0x1000_0000, count: 1) }
                == "space: read: process ended by SIGKILL")
    }
}
