import Glibc
import Posix
import Testing

@testable import Varlink

/// Another implementation of the protocol as the client: the Python package varlink.
@Suite("Python client")
struct PythonClientTests {
    /// What a Python program prints that is given the address of the example service.
    private func output(of program: String) throws -> String {
        let packages = try #require(
            Environment.value("MODLINK_PYTHON_PATH"), "python package varlink is missing: run Scripts/test")
        let parent = Environment.value("TMPDIR") ?? "/tmp"
        var template = Array("\(parent)/varlink-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError(call: "mkdtemp", subject: parent, code: errno) }
        let directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        let path = directory + "/socket"
        defer {
            unlink(path)
            rmdir(directory)
        }
        let listening = SharedDescriptor(try LocalSocket.listen(path, backlog: 8))
        // Wakes the accepting thread, which ends with that.
        defer { try? LocalSocket.shutdown(listening.descriptor) }
        let service = try Example.service()
        try Threads.start(name: "accept") { accept(listening, service) }
        return try run(program, arguments: ["unix:" + path], packages: packages)
    }

    private func accept(_ listening: SharedDescriptor, _ service: Service) {
        while let number = try? LocalSocket.accept(listening.descriptor).release() {
            try? Threads.start(name: "service") {
                do throws(VarlinkError) {
                    try service.serve(Connection(Descriptor(owning: number)))
                } catch {
                    Issue.record("the service gave up: \(error)")
                }
            }
        }
    }

    private func run(_ program: String, arguments: [String], packages: String) throws -> String {
        let pipe = try DescriptorPair.pipe()
        let writing = SharedDescriptor(pipe.second)
        var variables = Environment.all().filter { !$0.hasPrefix("PYTHON") }
        variables += ["PYTHONPATH=" + packages, "PYTHONDONTWRITEBYTECODE=1", "PYTHONIOENCODING=utf-8"]
        let child = try ChildProcess.spawn(
            executable: "/usr/bin/env", arguments: ["python3", "-c", program] + arguments, environment: variables,
            descriptors: [(writing.number, 1), (writing.number, 2)])
        _ = consume writing
        let output = try readAll(pipe.first)
        #expect(try child.wait() == .exited(0), "\(output)")
        return output
    }

    @Test("reads the service's own description and lists its interfaces")
    func introspection() throws {
        let output = try output(
            of: """
                import sys, varlink
                with varlink.Client(sys.argv[1]) as client:
                    print(client.get_interfaces())
                    print(client.info["vendor"], client.info["product"], client.info["version"], client.info["url"])
                    print(sorted(client.get_interface("org.varlink.service").members))
                    print(list(client.get_interface("org.example.test").members))
                """)
        #expect(
            output == """
                ['org.varlink.service', 'org.example.test']
                Example Test 7 https://example.org/
                ['GetInfo', 'GetInterfaceDescription', 'InterfaceNotFound', 'InvalidParameter', 'MethodNotFound', \
                'MethodNotImplemented']
                ['Item', 'Echo', 'Sum', 'Count', 'Write', 'Keep', 'Kept', 'Fail', 'Forgotten', 'Refused', 'Bare']

                """)
    }

    @Test("calls methods, with one reply, with several and with none")
    func calls() throws {
        let output = try output(
            of: """
                import sys, varlink
                with varlink.Client(sys.argv[1]) as client, client.open("org.example.test") as test:
                    print(test.Echo("gurka/\\u00e5\\u0001\\U0001f952"))
                    print(test.Echo(text="a", note="b"))
                    print(test.Sum([{"name": "x", "counts": [1, 2]}, {"name": "y", "counts": [-9007199254740993]}]))
                    print([reply["number"] for reply in test.Count(3, _more=True)])
                    print(test.Keep("one", _oneway=True))
                    print(test.Keep("two"))
                    print(test.Kept()["texts"])
                """)
        #expect(
            output == """
                {'text': 'gurka/å\\x01🥒'}
                {'text': 'a', 'note': 'b'}
                {'sum': -9007199254740990}
                [1, 2, 3]
                None
                {}
                ['one', 'two']

                """)
    }

    @Test("gets the errors that the interface declares and those of the protocol")
    func errors() throws {
        let output = try output(
            of: """
                import sys, varlink
                def attempt(call):
                    try:
                        call()
                    except varlink.VarlinkError as error:
                        print(type(error).__name__, error.error(), error.parameters())
                with varlink.Client(sys.argv[1]) as client, client.open("org.example.test") as test:
                    attempt(lambda: test.Fail("too green"))
                    attempt(lambda: test.Fail(""))
                    attempt(lambda: test.Forgotten())
                    attempt(lambda: test.Count(2))
                    attempt(lambda: test.Echo())
                    attempt(lambda: client.open("org.example.absent"))
                    print(test.Echo("on"))
                """)
        #expect(
            output == """
                VarlinkError org.example.test.Refused {'why': 'too green'}
                VarlinkError org.example.test.Bare {}
                MethodNotImplemented org.varlink.service.MethodNotImplemented {'method': 'org.example.test.Forgotten'}
                InvalidParameter org.varlink.service.InvalidParameter {'parameter': 'more'}
                InvalidParameter org.varlink.service.InvalidParameter {'parameter': 'text'}
                InterfaceNotFound org.varlink.service.InterfaceNotFound {'interface': 'org.example.absent'}
                {'text': 'on'}

                """)
    }
}
