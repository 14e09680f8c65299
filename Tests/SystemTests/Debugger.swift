import Posix
import TestSupport

extension Session {
    /// Compiles a text with debug information, in which its file has that name.
    func compileForDebugger(_ name: String, _ source: String, _ options: [String] = ["-O0"]) throws {
        let file = name.dropLast(2) + ".c"
        try compile(name, "#line 1 \"\(file)\"\n" + source, ["-g"] + options)
    }

    /// Starts gdb with commands, in the folder of the files.
    func startDebugger(_ arguments: [String], _ commands: [String]) throws -> RunningTool {
        try RunningTool(
            executable: "/usr/bin/env",
            ["-C", path, "gdb", "-q", "-nx", "-batch", "-iex", "set filename-display basename"] + arguments
                + commands.flatMap { ["-ex", $0] },
            environment: environment())
    }

    /// What gdb says to commands.
    func debug(_ arguments: [String], _ commands: [String]) throws -> String {
        let result = try startDebugger(arguments, commands).wait()
        return result.output + result.errors
    }

    /// What gdb says to commands of a crash that is kept.
    func debugCrash(_ number: Int, _ commands: [String]) throws -> String {
        let folder = "\(runtime)/crash/\(number)"
        let text = try debug(["\(folder)/images/space", "\(folder)/core"], commands)
        // On some processors gdb 13 says so of every core file, the kernel's own too.
        return text.split(separator: "\n", omittingEmptySubsequences: false)
            .filter { !$0.contains("`.reg-xstate") || !$0.contains("too small") }.joined(separator: "\n")
    }

    /// The native space's process number, as modstat says.
    func debuggee() throws -> String { String(try output("modstat", "--pid").dropLast()) }

    /// Waits until a tool has written something.
    func isWritten(_ text: String, by tool: RunningTool) throws -> Bool {
        try eventually { try tool.output().contains(text) || tool.errors().contains(text) }
    }
}

extension Sources {
    /// For debuggers: `slice` has its body in line 5, and is called by init in line 9.
    static let sliced = """
        #include <stdio.h>
        static int slices = 5;
        int slice(int n)
        {
            return n * slices;
        }
        int init_module(void)
        {
            printf("gurka: sliced into %d\\n", slice(2));
            return 0;
        }
        void cleanup_module(void) { }
        """

    /// Has a thread that runs in `peel` for as long as the module is there.
    static let spinning = """
        #include <pthread.h>
        static volatile int stop;
        static pthread_t thread;
        volatile unsigned long turns;
        __attribute__((noinline)) void peel(void) { for (int i = 0; i < 1000; i++) turns++; }
        static void *work(void *unused) { while (!stop) peel(); return unused; }
        int init_module(void) { return pthread_create(&thread, NULL, work, NULL); }
        void cleanup_module(void) { stop = 1; pthread_join(thread, NULL); }
        """
}
