import Glibc
import Posix
import TestSupport
import Testing

/// Tools that know nothing of debuggers' lists: they read names out of the images, which are ELF files.
@Suite struct ProfilerTests {
    @Test("eu-stack names functions of modules, with the image and its build ID, in a live space and in a core")
    func stack() throws {
        let session = try Session()
        try session.compile("spin.o", Sources.spinning, ["-O1"])
        try session.output("modload", "spin.o")
        let space = try session.debuggee()
        let alive = try Tool.output("eu-stack", ["-m", "-b", "-p", space])
        let image = "\(session.runtime)/images/spin"
        #expect(alive.contains(" work - \(image)\n"), "\(alive)")
        #expect(alive.contains("[\(try buildID(image))]@0x10000000+0x"), "\(alive)")
        #expect(alive.contains(" space_serve\n") || alive.contains(" space_serve - "), "\(alive)")
        _ = try session.debug(["-p", space], ["gcore core"])
        let dead = try Tool.output(
            "eu-stack", ["--core", session.path + "/core", "-e", Session.programs + "/modspace"])
        #expect(dead.contains(" work\n"), "\(dead)")
    }

    private func buildID(_ file: String) throws -> String {
        let notes = try Tool.output("readelf", ["-n", file])
        let line = try #require(notes.split(separator: "\n").first { $0.contains("Build ID: ") })
        return String(line.split(separator: " ").last ?? "")
    }

    @Test("strace -k names a module's functions down to the start of the thread")
    func systemCalls() throws {
        guard Tool.find("strace") != nil else { return print("skipped: strace is not installed") }
        let session = try Session()
        let source = """
            #include <pthread.h>
            #include <unistd.h>
            static __attribute__((noinline)) int tick(void) { return getppid() + 1; }
            static __attribute__((noinline)) int work(void) { usleep(10000); return tick() + 1; }
            static void *run(void *p) { while (work() != 0) { } return p; }
            int init_module(void) { pthread_t thread; return pthread_create(&thread, 0, run, 0); }
            """
        try session.compile("tick.o", source, ["-O1", "-fno-pic"])
        try session.output("modload", "tick.o")
        let space = try session.debuggee()
        let tracer = try RunningTool(
            executable: "/usr/bin/env",
            ["strace", "-k", "-f", "-e", "trace=getppid", "-o", session.path + "/trace", "-p", "\(space)"],
            environment: Tool.englishEnvironment())
        // One call is whole when the next begins.
        #expect(
            try eventually {
                (try? session.read("trace")).map {
                    String(decoding: $0, as: UTF8.self).split(separator: "getppid").count > 3
                } == true
            })
        try tracer.process.signal(15)
        _ = try tracer.wait()
        let calls = String(decoding: try session.read("trace"), as: UTF8.self).split(separator: "getppid()")
        let frames = try #require(calls.dropFirst().first).split(separator: "\n").compactMap { line in
            line.hasPrefix(" > ") ? line.split(separator: "(").last?.prefix { $0 != "+" } : nil
        }
        #expect(frames.dropFirst().prefix(4).map(String.init) == ["tick", "work", "run", "start_thread"], "\(frames)")
    }

    @Test("perf counts the time of a module's functions by their names")
    func perf() throws {
        let session = try Session()
        try session.compile("spin.o", Sources.spinning, ["-O1"])
        try session.output("modload", "spin.o")
        let record = try? Tool.run(
            "perf",
            [
                "record", "-q", "-e", "cpu-clock", "-p", try session.debuggee(), "-o", session.path + "/perf.data",
                "--", "sleep", "0.3",
            ])
        guard let record, record.status == .exited(0) else {
            return print("skipped: perf cannot count here: \(record?.errors ?? "it is not installed (linux-perf)")")
        }
        let report = try Tool.output(
            "perf", ["report", "-i", session.path + "/perf.data", "--stdio", "-F", "overhead,dso,sym"])
        let lines = report.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        let peel = try #require(lines.first { $0.suffix(3) == ["spin", "[.]", "peel"] }, "\(report)")
        #expect((Double(peel[0].dropLast()) ?? 0) > 50, "\(report)")
    }

    @Test("a module that is unloaded while perf records has its names in the report, and leaves nothing afterwards")
    func perfAfterUnload() throws {
        let session = try Session()
        try session.compile("spin.o", Sources.spinning, ["-O1"])
        try session.compile("other.o", Sources.gurka)
        try session.output("modload", "spin.o")
        let data = session.path + "/perf.data"
        guard let perf = Tool.find("perf") else { return print("skipped: linux-perf is not installed") }
        let record = try RunningTool(
            executable: perf,
            ["record", "-q", "-e", "cpu-clock", "-p", try session.debuggee(), "-o", data],
            environment: session.environment())
        // Some of what it has counted is written already.
        let enough: UInt64 = 100_000
        let counts = try eventually {
            try (try? File.status(path: data)).map { $0.size > enough } ?? false || record.errors() != ""
        }
        guard counts, try record.errors() == "" else {
            return print("skipped: perf cannot count here: \(try record.errors())")
        }
        try session.output("modunload", "-f", "spin")
        #expect(try File.list(session.runtime + "/images") == ["spin"])
        try record.process.signal(2)
        _ = try record.wait()
        let report = try Tool.output("perf", ["report", "-i", data, "--stdio", "-F", "overhead,dso,sym"])
        #expect(report.contains(#/spin +\[\.\] peel/#), "\(report)")
        #expect(
            try eventually {
                try session.output("modload", "other.o")
                try session.output("modunload", "other")
                return try File.list(session.runtime + "/images") == []
            })
    }

    @Test("debuginfod that is pointed at the folder of images serves them by build ID")
    func server() throws {
        guard Tool.find("debuginfod") != nil else { return print("skipped: debuginfod is not installed") }
        let session = try Session()
        try session.compile("gurka.o", Sources.gurka)
        try session.output("modload", "gurka.o")
        let image = "\(session.runtime)/images/gurka"
        let identifier = try buildID(image)
        // Somebody else may have the port: another is tried then.
        for port in 20_000..<20_020 {
            let server = try RunningTool(
                executable: "/usr/bin/env",
                ["debuginfod", "-p", "\(port)", "-d", ":memory:", "-F", session.runtime + "/images"],
                environment: session.environment(["HOME": session.path]))
            let started = try eventually {
                try server.errors().contains("started http server") || server.output().contains("started http server")
                    || !Session.isAlive(server.process.process)
            }
            guard started, Session.isAlive(server.process.process) else { continue }
            var served = ""
            let isServed = try eventually {
                served = try fetch(identifier, port: port)
                return served.hasPrefix("HTTP/1.1 200 ")
            }
            #expect(isServed, "\(served.prefix(200))")
            #expect(served.contains("\r\n\r\n\u{7f}ELF"))
            return
        }
        Issue.record("no port was free")
    }

    /// The answer of the server, as text.
    private func fetch(_ identifier: String, port: Int) throws -> String {
        let request = "GET /buildid/\(identifier)/executable HTTP/1.0\\r\\n\\r\\n"
        let script = "exec 3<>/dev/tcp/127.0.0.1/\(port) && printf '\(request)' >&3 && tr -d '\\0' <&3"
        return try Tool.run("bash", ["-c", script]).output
    }
}
