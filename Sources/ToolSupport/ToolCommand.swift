import ArgumentParser
import ModlinkInterface
import Posix

/// A tool: complains of how it is called in one line that begins with its name, as it complains of everything else, and completes its
/// own command line.
public protocol ToolCommand: ParsableCommand {
    /// What completes its arguments and the values of its options.
    static var completion: CompletionRules { get }
    /// The letters of its options, for ``ShortOptions``: a value may stand directly behind one.
    static var letters: String { get }
}

extension ToolCommand {
    /// None.
    public static var letters: String { "" }

    /// The name that messages begin with.
    static var toolName: String { configuration.commandName ?? _commandName }

    /// Runs the tool with the arguments of this process.
    public static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.first == CompletionRequest.keyword {
            return ToolOutput.print(CompletionRequest(Array(arguments.dropFirst()))?.answer(of: Self.self) ?? "")
        }
        if let shell = CompletionScript.shell(askedForBy: arguments),
            let script = CompletionScript.text(toolName, shell)
        {
            return ToolOutput.print(script)
        }
        let separated = ShortOptions(letters).separated(arguments)
        do {
            var command = try parseAsRoot(separated)
            try command.run()
        } catch {
            end(with: error, separated)
        }
    }

    /// Prints help or the version; or says what is wrong with the arguments.
    private static func end(with error: any Error, _ arguments: [String]) -> Never {
        let code = exitCode(for: error)
        guard !code.isSuccess else { exit(withError: error) }
        let text = complaint(error, arguments)
        ToolOutput.complain(toolName, "\(text); see '\(toolName) --help'")
        CurrentProcess.exit(ExitStatusCode.usage)
    }

    /// What is wrong with the arguments, in one line that begins small.
    static func complaint(_ error: any Error, _ arguments: [String]) -> String {
        let text = sentence(error)
        // A misspelt option matters more than what else is wrong, such as that there is no argument.
        guard !text.hasPrefix("unknown option") else { return text }
        do {
            _ = try parseAsRoot(arguments + ["x"])
        } catch {
            let other = sentence(error)
            if other.hasPrefix("unknown option") { return other }
        }
        return text
    }

    private static func sentence(_ error: any Error) -> String {
        var text = message(for: error).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        if text.hasSuffix(".") { text.removeLast() }
        if let end = text.firstRange(of: ". Did you mean") { text.replaceSubrange(end, with: "; did you mean") }
        // Abbreviations stay as they are.
        guard text.dropFirst().first?.isUppercase == false else { return text }
        return text.prefix(1).lowercased() + text.dropFirst()
    }
}
