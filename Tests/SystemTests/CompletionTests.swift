import ModlinkInterface
import Posix
import TestSupport
import Testing

/// What a TAB does, in the shells themselves, on a terminal.
@Suite struct CompletionTests {
    private static let tools = ManualTests.tools

    /// Types lines up to a TAB in a shell, and says what each has become.
    ///
    /// - Parameter started: arguments of python3: the shell, the folder, and the lines.
    private static let script = #"""
        import os, pexpect, sys
        shell, folder, lines = sys.argv[1], sys.argv[2], sys.argv[3:]
        command = {"bash": "bash --norc --noprofile -i", "zsh": "zsh -f -i", "fish": "fish --no-config -i"}[shell]
        setup = {
            "bash": f'bind "set enable-bracketed-paste off"; for f in {folder}/*.bash; do . $f; done',
            "zsh": f"bindkey -e; unsetopt beep; fpath=({folder} $fpath); autoload -U compinit; compinit -u -D",
            "fish": f"for f in {folder}/*.fish; source $f; end",
        }[shell]
        child = pexpect.spawn(command, timeout=120, encoding="utf-8", dimensions=(50, 250), env=dict(os.environ, TERM="xterm"))
        child.send(setup + '; echo re""ady\r')
        child.expect("ready\r")
        for line in lines:
            # At the start of the line, where it has been completed: a command that prints it.
            child.send(line + '\t\x01echo DO""NE \r')
            child.expect("DONE ([^\r\n]*)\r")
            print(child.match.group(1).rstrip())
        """#

    private func complete(_ lines: [String], in shell: String, _ session: Session) throws -> [String] {
        let folder = session.path + "/completions"
        try? File.createDirectory(folder, permissions: 0o755)
        for tool in Self.tools {
            let text = try session.output(tool, "--generate-completion-script", shell)
            try session.write("completions/" + (shell == "zsh" ? "_\(tool)" : "\(tool).\(shell)"), Array(text.utf8))
        }
        let path = Session.programs + ":" + (Environment.value("PATH") ?? "/usr/bin:/bin")
        let result = try RunningTool(
            executable: "/usr/bin/env",
            ["-C", session.path, "/usr/bin/python3", "-c", Self.script, shell, folder] + lines,
            environment: session.environment([
                "PATH": path, "HOME": session.path, "MODLINK_PATH": session.path + "/path",
            ])
        ).wait()
        #expect(result.status == .exited(0), "\(result.errors)")
        return result.output.split(separator: "\n").map(String.init)
    }

    private static let shells = ["bash", "zsh", "fish"]

    @Test("TAB completes files, modules, spaces, options and parameters, and offers nothing else", arguments: shells)
    func completes(shell: String) throws {
        let session = try Session()
        try session.compile(
            "gurka.o",
            """
            #include <linux/moduleparam.h>
            static int slices; module_param(slices, int, 0);
            """, ["-O2", "-I" + ModuleHeaders.directory])
        try session.output("modload", "gurka.o")
        try File.createDirectory(session.path + "/folder", permissions: 0o755)
        try File.createDirectory(session.path + "/path", permissions: 0o755)
        try session.write("path/tomat.o", [])
        try session.write("notes.txt", [])
        try session.write("my file.o", [])
        let wanted = [
            ("modload gu", "modload gurka.o"), ("modload fo", "modload folder"), ("modload to", "modload tomat"),
            ("modload my", "modload my file.o"),
            ("modload he", "modload he"), ("modload --space i", "modload --space i386"),
            ("modload --space=i", "modload --space=i386"), ("modload --whole", "modload --whole-archive"),
            ("modload gurka.o sl", "modload gurka.o slices="), ("modload -o no", "modload -o notes.txt"),
            ("modunload g", "modunload gurka"), ("modunload -i ", "modunload -i 1"), ("modunload he", "modunload he"),
            ("modstat g", "modstat gurka"), ("ksyms --module g", "ksyms --module gurka"),
            ("ksyms --undefined gu", "ksyms --undefined gurka.o"),
            ("modlinkd --on-fault r", "modlinkd --on-fault restart"),
        ]
        let lines = try complete(wanted.map(\.0), in: shell, session)
        // zsh takes the slash away again when the line goes on elsewhere.
        #expect(lines.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 } == wanted.map(\.1))
    }

    @Test("TAB starts no daemon", arguments: shells) func startsNothing(shell: String) throws {
        let session = try Session()
        let lines = try complete(["modunload g", "modstat ", "ksyms --module "], in: shell, session)
        #expect(lines == ["modunload g", "modstat", "ksyms --module"])
        #expect((try? File.status(path: session.runtime)) == nil)
    }
}
