import Linking
import ModlinkInterface
import ModuleIndex
import ObjectFormats
import ObjectModel
import Posix

/// What helps against a refusal: only the tool knows what lies beside the files that were named. Nothing is looked at before something
/// has failed.
struct Cures {
    /// The modules of the command line.
    let modules: [LoadArguments.Module]

    /// The failure, with what helps at the end of its lines.
    func added(to failure: Failure) -> Failure {
        var failure = failure
        switch failure.kind {
        case .noSuchModule:
            failure.problems = failure.problems.map(withFileMeant)
        case .notAnObject:
            failure.problems = failure.problems.map(withSourceMeant)
        case .moduleExists:
            failure.problems = failure.problems.map { problem in
                Problem(
                    subject: problem.subject, place: problem.place,
                    reason: problem.reason + "; " + cure(ofTwice: problem))
            }
        case .linkFailed:
            failure.problems = UndefinedCures(modules).added(to: failure.problems)
        default: break
        }
        return failure
    }

    // MARK: Names that are none

    private func withFileMeant(_ problem: Problem) -> Problem {
        guard modules.contains(where: { $0.files.contains(problem.subject) }) else { return problem }
        let name = problem.subject
        let cure: String
        if let object = object(withParameter: name) {
            cure = "\(object) has a variable of that name: write \(name)=VALUE behind it"
        } else if let file = [".o", ".ko", ".a"].lazy.map({ name + $0 }).first(where: Self.isThere) {
            cure = "for the file here, 'modload \(file)'; a name alone is looked for in the folders of MODLINK_PATH"
        } else if let source = Self.source(of: name) {
            cure = "'cc -c \(source)' makes \(name).o, and 'modload \(name).o' loads it"
        } else if problem.reason.contains("MODLINK_PATH") {
            return problem
        } else {
            cure = "MODLINK_PATH names the folders"
        }
        return Problem(subject: name, place: problem.place, reason: "\(problem.reason); \(cure)")
    }

    /// The file before that argument whose module has such a variable.
    private func object(withParameter name: String) -> String? {
        guard let index = modules.firstIndex(where: { $0.files == [name] }), index > 0,
            let path = modules[index - 1].files.first, let bytes = try? File.read(path: path, limit: 64 << 20),
            let object = try? ObjectReader.read(bytes, name: path)
        else { return nil }
        let declared = DeclaredParameter.all(of: [object])
        let isOne =
            declared.isEmpty
            ? object.symbols.contains { $0.type == .object && object.text($0.name) == name }
            : declared.contains { $0.name == name }
        return isOne ? path : nil
    }

    private func withSourceMeant(_ problem: Problem) -> Problem {
        guard problem.reason.hasSuffix("(ENOENT)"), problem.subject.hasSuffix(".o"),
            let source = Self.source(of: String(problem.subject.dropLast(2)))
        else { return problem }
        return Problem(
            subject: problem.subject, place: problem.place, reason: "\(problem.reason); 'cc -c \(source)' makes it")
    }

    private static func source(of stem: String) -> String? {
        [".c", ".cc", ".cpp", ".f90", ".s", ".S"].lazy.map { stem + $0 }.first(where: isThere)
    }

    private static func isThere(_ path: String) -> Bool {
        (try? File.status(path: path))?.isRegular == true
    }

    // MARK: Loaded twice

    private func cure(ofTwice problem: Problem) -> String {
        modules.count(where: { $0.name == problem.subject }) > 1
            ? "two of the files here would have it; load one with --name"
            : "'modunload \(problem.subject)' takes it out, --name gives this one another"
    }
}
