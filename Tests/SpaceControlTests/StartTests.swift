import Posix
import SpaceControl
import TestSupport
import Testing

@Suite struct StartTests {
    private func start(_ executable: String, timeout: Duration = .seconds(10)) throws -> String {
        let console = try File.open("/dev/null", .write)
        return message { () throws(SpaceError) in
            _ = try Space.start(executable: executable, console: console, timeout: timeout)
        }
    }

    private func startScript(_ script: String, timeout: Duration = .seconds(10)) throws -> String {
        let directory = try ScratchDirectory()
        let path = directory.path + "/x"
        try File.writeAtomically(path, Array("#!/bin/sh\n\(script)\n".utf8), permissions: 0o700)
        return try start(path, timeout: timeout)
    }

    @Test("a space says its process number, window and page size")
    func information() throws {
        let test = try TestSpace()
        let information = test.space.information
        #expect(information.process == test.space.process.process)
        #expect(information.window == 0x1000_0000..<0x7000_0000)
        #expect(information.pageSize == 4096)
        #expect(test.space.death == nil)
    }

    @Test("an executable that is not there is execve's error")
    func missing() throws {
        #expect(try start("/nonexistent") == "/nonexistent: execve: no such file or directory (ENOENT)")
    }

    @Test("a program that ends at once has died")
    func ended() throws {
        #expect(try startScript("exit 3") == "space: start: process exited with status 3")
    }

    @Test("a program that says nothing is killed when its time is up")
    func silent() throws {
        #expect(try startScript("exec sleep 1000", timeout: .milliseconds(100)) == "space: start: no answer in time")
    }

    @Test("a program that says something else is refused, by length and by content")
    func stranger() throws {
        #expect(try startScript("printf hello >&3; exec sleep 1000") == "space: start: packet of 5 bytes is no reply")
        #expect(
            try startScript("head -c 728 /dev/zero >&3; exec sleep 1000") == "space: start: first packet is no greeting"
        )
        #expect(
            try startScript("head -c 730 /dev/zero >&3; exec sleep 1000")
                == "space: start: packet is longer than a reply")
    }

    @Test("a space of another protocol version is refused")
    func version() throws {
        // kind 1, sequence 0, status 0, version 1; result; process, page size 1; the rest is zero.
        let hello = #"{ printf '\1\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0'; printf '\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0'; "#
        let script = hello + "head -c 696 /dev/zero; } | dd bs=728 iflag=fullblock 2>/dev/null >&3; exec sleep 1000"
        #expect(
            try startScript(script)
                == "space: start: protocol version 1, not 7; install modspace and modlinkd of one version")
    }

    @Test("exit ends the process with status 0, and what was printed is there")
    func exit() throws {
        var test = try TestSpace()
        let symbols = try test.load(try Image.common.get())
        let result = try test.space.call(symbols["prints"])
        #expect(result == 3)
        #expect(try test.printed() == "one\ntwo")
        let console = try File.open("/dev/null", .write)
        let other = try Space.start(executable: try SpaceProgram.path(), console: console)
        let status = try other.exit()
        #expect(status == .exited(0))
    }

    @Test("letting go of a space ends its process, whatever it is doing")
    func drop() throws {
        let process: ChildProcess
        do {
            var test = try TestSpace()
            process = test.space.process
            let symbols = try test.load(try Image.common.get())
            _ = message { () throws(SpaceError) in
                _ = try test.space.call(symbols["waits"], timeout: .milliseconds(10))
            }
            try process.signal(0)
        }
        #expect(throws: SystemError(call: "kill", subject: "process \(process.process)", code: ErrorCode.noSuchProcess))
        {
            try process.signal(0)
        }
    }
}
