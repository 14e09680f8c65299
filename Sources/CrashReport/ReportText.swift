import ObjectModel

// The report as text, in the shape of Linux's oops (arch/x86/kernel/dumpstack.c of its sources).

extension CrashReport {
    /// The report's lines, each ended by a line feed. Names in it are safe on a terminal.
    public var text: String {
        lines.joined(separator: "\n") + "\n"
    }

    /// The report's lines.
    public var lines: [String] {
        var lines = [oops, circumstances]
        if let request = requestLine { lines.append(request) }
        if let place = event.addressPlace, let address = event.address {
            lines.append("Address: \(hexadecimal(address)) is \(place.text)")
        } else if let past = event.addressPast, let address = event.address {
            lines.append("Address: \(hexadecimal(address)) was \(safe(past))")
        }
        if let first = threads.first?.frames.first {
            lines.append((architecture == .i386 ? "EIP: " : "RIP: ") + first.line)
        }
        if let code { lines.append("Code: " + code.text) }
        lines += RegisterLayout(architecture).lines(registers)
        for (number, thread) in threads.enumerated() {
            lines.append(number == 0 ? "Call Trace:" : "Thread \(thread.thread):")
            lines += thread.lines
        }
        lines.append(moduleLine)
        return lines + notes.map { "Note: " + safe($0) }
    }

    private var oops: String {
        Summary.start + event.text + (place.map { Summary.separator + $0 } ?? "")
    }

    private var circumstances: String {
        var parts: [String] = []
        if let number { parts.append("crash \(number)") }
        if let time { parts.append(Self.text(time: time)) }
        parts.append("space" + (space.map { " \($0)" } ?? "") + " (\(architecture.name))")
        if let thread = threads.first?.thread { parts.append("thread \(thread)") }
        return "In: " + parts.joined(separator: ", ")
    }

    private var requestLine: String? {
        let doing = activity.map { Self.activities[$0] ?? safe($0) }
        guard let request else { return doing.map { "Activity: " + $0 } }
        var text = "Request: " + safe(request.method)
        if let module = request.module { text += " of " + safe(module) }
        let process = request.process.map { "process \($0)" }
        let user = request.user.map { "user \($0)" }
        let who = [process, user].compactMap { $0 }.joined(separator: ", ")
        if let program = request.program {
            text += ", for " + safe(program) + (who.isEmpty ? "" : " (\(who))")
        } else if !who.isEmpty {
            text += ", for " + who
        }
        return text + (doing.map { "; " + $0 } ?? "")
    }

    private static let activities = [
        "initialize": "during its init", "cleanup": "during its cleanup", "constructor": "in a constructor",
        "destructor": "in a destructor", "call": "in a call", "device": "in an operation of a device",
        "systemCall": "in a system call", "resolver": "in a resolver of an indirect function",
        "state": "when asked for its state", "autounload": "when asked whether it may go",
        "thread": "in a thread of its own",
    ]

    private var moduleLine: String {
        let names = modules.map { " " + safe($0.name) + ($0.isFaulty ? "(F)" : "") }.joined()
        return "Modules linked in:" + names + (lastUnloaded.map { " [last unloaded: \(safe($0))]" } ?? "")
    }

    /// `2026-11-21 16:50:59 UTC` of seconds since 1970.
    public static func text(time seconds: Int64) -> String {
        let remainder = seconds % 86400
        let day = seconds / 86400 - (remainder < 0 ? 1 : 0)
        let second = remainder < 0 ? remainder + 86400 : remainder
        // Days are counted from a first of March, so that the leap day comes last: civil_from_days of Howard Hinnant's "chrono-Compatible
        // Low-Level Date Algorithms".
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let date = [
            yearOfEra + era * 400 + (month >= 10 ? 1 : 0), month < 10 ? month + 3 : month - 9,
            dayOfYear - (153 * month + 2) / 5 + 1,
        ]
        let time = [second / 3600, second / 60 % 60, second % 60]
        return date.map(twoDigits).joined(separator: "-") + " " + time.map(twoDigits).joined(separator: ":") + " UTC"
    }

    private static func twoDigits(_ number: Int64) -> String {
        (0..<10).contains(number) ? "0\(number)" : "\(number)"
    }
}

extension CrashReport.Place {
    /// `gurka:slice+0x1d/0x40`, `memcpy+0x12/0x80`, `gurka+0x40` where no symbol is.
    public var text: String {
        let owner = module.isEmpty ? (symbol.isEmpty ? "space" : "") : safe(module) + (symbol.isEmpty ? "" : ":")
        return owner + safe(symbol: symbol) + "+" + hexadecimal(offset) + (size > 0 ? "/" + hexadecimal(size) : "")
    }
}

extension CrashReport.SourceLine {
    /// `gurka.c:12`.
    public var text: String { "\(safe(file)):\(line)" }
}

extension CrashReport.Frame {
    /// Where it is, on one line: with the innermost of what the compiler has put there.
    var line: String {
        guard let inner = inlined.first else { return own }
        let source = inner.source.map { $0.text + ", " } ?? ""
        return bare + " (\(source)inlined \(safe(symbol: inner.name)))"
    }

    private var bare: String {
        place?.text ?? hexadecimal(address) + (past.map { " (\(safe($0)))" } ?? "")
    }

    private var own: String { bare + (source.map { " (\($0.text))" } ?? "") }

    /// A line for each function, the innermost first.
    fileprivate var lines: [String] {
        let mark = isGuess ? " ? " : " "
        let owner = place.map { $0.module.isEmpty ? "" : safe($0.module) + ":" } ?? ""
        let inner = inlined.map { function in
            mark + owner + safe(symbol: function.name) + (function.source.map { " (\($0.text))" } ?? "") + " [inlined]"
        }
        return inner + [mark + own]
    }
}

extension CrashReport.ThreadTrace {
    fileprivate var lines: [String] {
        var lines: [String] = []
        for (number, frame) in frames.enumerated() {
            if let omitted, omitted.position == number { lines.append(" ... \(omitted.count) frames left out") }
            if frame.isInterrupted, number > 0 { lines.append(" <signal>") }
            lines += frame.lines
        }
        if !isComplete { lines.append(" ... nothing is known of what called this") }
        return lines
    }
}

extension CrashReport.Code {
    /// The bytes in hexadecimal digits, the marked one in angle brackets: `8b 07 <0f> 0b`. What could not be read at either end is left
    /// out.
    public var text: String {
        let known = bytes.indices.filter { bytes[$0] != nil }
        guard let first = known.first, let last = known.last, bytes.indices.contains(marked), bytes[marked] != nil
        else {
            return "cannot be read"
        }
        return bytes[first...last].indices.map { index in
            let digits = bytes[index].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) } ?? "??"
            return index == marked ? "<\(digits)>" : digits
        }.joined(separator: " ")
    }
}

/// Which registers stand on which line.
private struct RegisterLayout {
    private let rows: [[String]]
    private let width: Int

    init(_ architecture: Architecture) {
        width = Int(architecture.pointerSize) * 2
        rows =
            switch architecture {
            case .x86_64:
                [
                    ["rsp", "rflags", "fs_base"], ["rax", "rbx", "rcx"], ["rdx", "rsi", "rdi"], ["rbp", "r8", "r9"],
                    ["r10", "r11", "r12"], ["r13", "r14", "r15"],
                ]
            case .i386: [["eax", "ebx", "ecx", "edx"], ["esi", "edi", "ebp", "esp"], ["eflags", "gs_base"]]
            }
    }

    /// Linux's names for some of them.
    private static let titles = [
        "rflags": "EFLAGS", "r8": "R08", "r9": "R09", "fs_base": "FS", "gs_base": "GS",
    ]

    func lines(_ registers: [CrashReport.Register]) -> [String] {
        rows.compactMap { row in
            let present = row.compactMap { name in registers.first { $0.name == name } }
            guard !present.isEmpty else { return nil }
            return present.map { register in
                let title = Self.titles[register.name] ?? register.name.uppercased()
                let width = ["rflags", "eflags"].contains(register.name) ? 8 : width
                return title + ": " + digits(register.value, width)
            }.joined(separator: " ")
        }
    }

    private func digits(_ value: UInt64?, _ width: Int) -> String {
        guard let value else { return String(repeating: "?", count: width) }
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

/// A name as it may go to a terminal.
func safe(_ name: String, limit: Int = 256) -> String {
    let bytes = Array(name.utf8)
    return printable(bytes, NameRange(offset: 0, count: UInt32(truncatingIfNeeded: bytes.count)), limit: limit)
}

/// The same for a function or a variable: in C++ its name has its types in it.
private func safe(symbol: String) -> String { safe(symbol, limit: 1024) }
