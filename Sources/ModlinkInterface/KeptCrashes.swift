import CrashReport
import ObjectModel
import Posix

/// The crashes that are kept in a runtime directory; no daemon needs to run.
public struct KeptCrashes: Sendable {
    private let directory: RuntimeDirectory

    private static let recordLimit = 64 << 20
    private static let reportLimit = 64 << 20

    /// Those of a runtime directory.
    public init(_ directory: RuntimeDirectory) {
        self.directory = directory
    }

    /// All of them, in the order of their numbers. None where there is no folder of crashes.
    public func list() -> [CrashInformation] {
        // One that is being made has a name that is no number.
        let names = (try? File.list(directory.crashes)) ?? []
        return names.compactMap(Self.number(of:)).sorted().compactMap(information)
    }

    /// What is kept of a crash.
    public func crash(_ number: Int) throws(Failure) -> CrashInformation {
        guard let crash = information(number) else {
            throw Failure(.noSuchCrash, subject: "crash \(number)", reason: "no such crash, or no longer kept (ENOENT)")
        }
        return crash
    }

    /// The report of a crash, with ``opening(of:)`` behind it.
    public func report(_ number: Int) throws(Failure) -> String {
        let crash = try crash(number)
        let report = try report(of: crash)
        return report + (report.hasSuffix("\n") ? "" : "\n") + Self.opening(of: crash.folder)
    }

    /// Where the core file of a crash's folder is, and the command that opens it, as a shell takes it: two lines; empty where there is no core
    /// file, and the report says why.
    public static func opening(of folder: String) -> String {
        let core = folder + "/core"
        guard isFile(core) else { return "" }
        var program = folder + "/images/space"
        if !isFile(program) {
            // It could not be kept: the one that ran may still be there.
            program = record(folder + "/modules.json", CrashModules.self)?.space?.executable ?? program
        }
        return "Core: \(safe(core))\nDebug: gdb \(quoted(program)) \(quoted(core))\n"
    }

    private static func isFile(_ path: String) -> Bool { (try? File.status(path: path))?.isRegular == true }

    /// A word of a shell's command line.
    private static func quoted(_ path: String) -> String {
        let isPlain = path.utf8.allSatisfy { byte in
            byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z")
                || byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
                || byte >= UInt8(ascii: "+") && byte <= UInt8(ascii: "9") || byte == UInt8(ascii: "_")
        }
        return isPlain ? path : "'" + safe(path).replacing("'", with: "'\\''") + "'"
    }

    private static func safe(_ text: String) -> String {
        let bytes = Array(text.utf8)
        return printable(bytes, NameRange(offset: 0, count: UInt32(truncatingIfNeeded: bytes.count)), limit: 4096)
    }

    /// The report that was made when it happened, else one that is made now.
    private func report(of crash: CrashInformation) throws(Failure) -> String {
        if let kept = try? File.read(path: crash.folder + "/report", limit: Self.reportLimit), !kept.isEmpty {
            return String(decoding: kept, as: UTF8.self)
        }
        guard let report = CrashReporter.report(crash.folder) else {
            throw Failure(
                .systemFailure, subject: crash.folder,
                reason: "has no report, and none can be made; its core file may still tell gdb more")
        }
        return report
    }

    /// The number of the crash whose folder has that name: digits, the first of them no 0; nil when it is no crash's.
    public static func number(of name: String) -> Int? {
        guard let number = Int(name), number > 0, "\(number)" == name else { return nil }
        return number
    }

    private func information(_ number: Int) -> CrashInformation? {
        let folder = "\(directory.crashes)/\(number)"
        guard (try? File.status(path: folder, followsLinks: false))?.isDirectory == true else { return nil }
        let fault = Self.record(folder + "/fault.json", CrashFault.self) ?? CrashFault()
        let modules = Self.record(folder + "/modules.json", CrashModules.self) ?? CrashModules()
        var crash = CrashInformation(
            number: number, time: modules.time.flatMap { Int(exactly: $0.rounded(.down)) },
            space: modules.architecture, module: fault.module, what: Self.event(fault).text,
            place: fault.programCounter.map { hexadecimal($0.value) }, folder: folder)
        // The report knows it better.
        if let summary = Self.firstLine(folder + "/report").flatMap(CrashReport.Summary.init(firstLine:)) {
            (crash.what, crash.place) = (summary.what, summary.place ?? crash.place)
        }
        return crash
    }

    private static func event(_ fault: CrashFault) -> CrashReport.Event {
        CrashReport.Event(
            fault.kind.flatMap(CrashReport.Event.Kind.init(rawValue:)) ?? .fault, signal: fault.signal ?? 0,
            code: fault.code ?? 0, address: fault.address?.value)
    }

    private static func record<Value: Decodable>(_ path: String, _ type: Value.Type) -> Value? {
        (try? File.read(path: path, limit: recordLimit)).flatMap { CrashJSON.decode(type, $0) }
    }

    private static func firstLine(_ path: String) -> String? {
        guard let file = try? File.open(path, .read), let bytes = try? File.readSome(file, maximum: 4096) else {
            return nil
        }
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }
}

/// The program that makes a report of a crash's folder. It reads what nobody has checked, so it is a process of its own.
public enum CrashReporter {
    /// The most that it may print.
    private static let textLimit = 16 << 20
    /// What it prints comes at once, or it has been lost.
    private static let seconds: Int = 5

    /// The report of a crash's folder; nil when the program is missing, fails or takes too long.
    public static func report(_ folder: String) -> String? {
        guard let program = try? Programs.path(of: "modreport"), let pipe = try? DescriptorPair.pipe(),
            let null = try? File.open("/dev/null", .readWrite)
        else { return nil }
        let process = try? ChildProcess.spawn(
            executable: program, arguments: [folder], environment: ["LC_ALL=C"],
            descriptors: [(null.number, 0), (pipe.second.number, 1), (null.number, 2)])
        guard let process else { return nil }
        let reading = pipe.first
        // Kept open here, it would hide the program's closing it.
        try? pipe.second.close()
        let text = read(reading)
        if text == nil { try? process.signal(9) }
        guard case .exited(0)? = try? process.wait(), let text, !text.isEmpty else { return nil }
        return String(decoding: text, as: UTF8.self)
    }

    private static func read(_ pipe: borrowing Descriptor) -> [UInt8]? {
        let end = Clock.nanoseconds() + UInt64(seconds) * 1_000_000_000
        var text: [UInt8] = []
        while true {
            let now = Clock.nanoseconds()
            guard now < end,
                (try? Poll.waitReadable(pipe.number, timeout: Int((end - now) / 1_000_000) + 1)) == true,
                let more = try? File.readSome(pipe, maximum: 65536)
            else { return nil }
            if more.isEmpty { return text }
            text += more
            guard text.count <= textLimit else { return nil }
        }
    }
}
