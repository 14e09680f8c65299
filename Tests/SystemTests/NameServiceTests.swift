import TestSupport
import Testing

/// Users, groups and hosts where the system's configuration names shared libraries for them, which no static program can have.
@Suite struct NameServiceTests {
    /// Looks up what there is not, and what `files` has.
    private static let source = """
        #define _GNU_SOURCE
        #include <errno.h>
        #include <grp.h>
        #include <iconv.h>
        #include <netdb.h>
        #include <pwd.h>
        #include <stdio.h>
        #include <sys/socket.h>
        static int host(const char *name, int flags)
        {
            struct addrinfo hints = {.ai_flags = flags, .ai_socktype = SOCK_STREAM}, *found;
            int error = getaddrinfo(name, "80", &hints, &found);
            if (error == 0) freeaddrinfo(found);
            return error;
        }
        int init_module(void)
        {
            struct passwd user, *found;
            char room[4096];
            int error = getpwnam_r("nosuch", &user, room, sizeof room, &found);
            printf("%d %d %d\\n", error, found == NULL, getgrnam("nosuch") == NULL);
            printf("%s %d\\n", getpwuid(0)->pw_name, getgrnam("root")->gr_gid);
            printf("%d\\n", host("127.0.0.1", AI_NUMERICHOST));
            printf("%d %d\\n", host("gurka.invalid", 0) != 0, host("gurk\\303\\245.invalid", AI_IDN) != 0);
            return 0;
        }
        """

    private func load(_ session: Session, _ configuration: String) throws -> ToolResult {
        try session.write("nsswitch.conf", Array(configuration.utf8))
        // A hosts file is all that there is to look hosts up in: no test waits for a name server.
        let script = """
            mount --bind \(session.path)/nsswitch.conf /etc/nsswitch.conf && cd \(session.path) && \(Session.programs)/modload gurka.o
            """
        return try RunningTool(
            executable: "/usr/bin/env", ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
            environment: session.environment(["LD_LIBRARY_PATH": session.path])
        ).wait()
    }

    @Test(
        "a look-up passes over libraries that the configuration names, and finds what is in files",
        arguments: DynamicLinkerTests.machines) func libraries(_ options: [String]) throws
    {
        let session = try Session()
        try session.compile("gurka.o", Self.source, ["-O1"] + options)
        try session.compile(
            "library.o", "#include <stdlib.h>\n__attribute__((constructor)) static void crash(void) { abort(); }",
            ["-fPIC"] + options)
        try Tool.output(
            "gcc",
            options + ["-shared", "-o", session.path + "/libnss_tomat.so.2", session.path + "/library.o"])
        let configuration = """
            passwd: files tomat systemd
            group: files tomat systemd
            hosts: tomat files
            """
        expect(
            try load(session, configuration + "\n"),
            .done("0 1 1\nroot 0\n0\n1 1\nModule loaded as ID 1\n"))
    }

    @Test("character sets that the C library has as libraries can be converted", arguments: DynamicLinkerTests.machines)
    func characterSets(_ options: [String]) throws {
        let session = try Session()
        try session.compile(
            "gurka.o",
            """
            #include <errno.h>
            #include <iconv.h>
            #include <stdio.h>
            static void convert(const char *to)
            {
                char text[] = "gurk\\303\\245", result[32], *in = text, *out = result;
                size_t left = sizeof text - 1, room = sizeof result;
                iconv_t it = iconv_open(to, "UTF-8");
                if (it == (iconv_t)-1) { printf("%s: %d\\n", to, errno == EINVAL); return; }
                size_t made = iconv(it, &in, &left, &out, &room);
                printf("%s: %d %d\\n", to, (int)made, (int)(sizeof result - room));
                iconv_close(it);
            }
            int init_module(void) { convert("UTF-16LE"); convert("ISO-8859-1"); convert("NOSUCH"); return 0; }
            """, ["-O1"] + options)
        // Those libraries may not be installed.
        let output = try session.output("modload", "gurka.o").split(separator: "\n")
        #expect(output.count == 4)
        #expect(["UTF-16LE: 0 10", "UTF-16LE: 1"].contains(output[0]))
        #expect(["ISO-8859-1: 0 5", "ISO-8859-1: 1"].contains(output[1]))
        #expect(output[2] == "NOSUCH: 1")
    }
}
