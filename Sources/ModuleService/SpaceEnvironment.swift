import ModlinkInterface

/// The environment of spaces: the same whoever starts the daemon, and whatever that user's own environment has.
struct SpaceEnvironment: Sendable, Equatable {
    /// `NAME=value` each, every name once.
    let variables: [String]

    /// What spaces have when nothing else is said. There is no `TZ`, so that the time zone is the machine's, and no `USER`: the C library
    /// knows the user.
    ///
    /// - Parameter additions: more of them, `NAME=value` each; the last of a name counts, before those that are always there.
    init(_ directory: RuntimeDirectory, _ additions: [String] = []) {
        let standard = [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "LANG=C.UTF-8",
            // What a module starts finds the daemon.
            "MODLINK_RUNTIME_DIR=\(directory.path)",
        ]
        var variables: [String] = []
        for text in standard + additions {
            let name = Self.name(text)
            if let place = variables.firstIndex(where: { Self.name($0) == name }) {
                variables[place] = text
            } else {
                variables.append(text)
            }
        }
        self.variables = variables
    }

    private static func name(_ variable: String) -> Substring { variable.prefix { $0 != "=" } }
}
