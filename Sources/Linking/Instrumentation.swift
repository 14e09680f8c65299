import ObjectModel

/// Code that a compiler adds when it is asked to, and whose functions are in a run-time library of the compiler's.
struct Instrumentation {
    /// What the names of those functions begin with.
    let prefix: String
    /// The option that asks for it.
    let option: String
    /// What can be done about it.
    let remedy: String

    private static let wholeProcess =
        "its library has to be there before anything else is, which no module can be; compile without it"

    private static let all = [
        Instrumentation(prefix: "__asan_", option: "-fsanitize=address", remedy: wholeProcess),
        Instrumentation(prefix: "__hwasan_", option: "-fsanitize=hwaddress", remedy: wholeProcess),
        Instrumentation(prefix: "__tsan_", option: "-fsanitize=thread", remedy: wholeProcess),
        Instrumentation(prefix: "__msan_", option: "-fsanitize=memory", remedy: wholeProcess),
        Instrumentation(
            prefix: "__ubsan_", option: "-fsanitize=undefined",
            remedy: "add libubsan.a, or compile with -fsanitize-undefined-trap-on-error, too"),
        Instrumentation(prefix: "__gcov_", option: "--coverage", remedy: "add libgcov.a"),
        Instrumentation(
            prefix: "__llvm_profile_", option: "-fprofile-instr-generate", remedy: "add libclang_rt.profile.a"),
        Instrumentation(
            prefix: "__sanitizer_cov_", option: "-fsanitize-coverage",
            remedy: "define it, or compile without the option"),
    ]

    /// What is told of the library of the first of them, which refers to what no static program has, a space among them.
    static let addressLibrary =
        "undefined symbol '_DYNAMIC': the library of -fsanitize=address works in no static program, and a space is one; compile without it"

    /// What a function belongs to; nil for all others.
    static func of(_ name: String) -> Instrumentation? {
        name.hasPrefix("__") ? all.first { name.hasPrefix($0.prefix) } : nil
    }

    /// What is told of an object that refers to such a function, which nobody defines.
    func reason(_ name: String) -> String { "undefined symbol '\(name)': compiled with \(option); \(remedy)" }
}
