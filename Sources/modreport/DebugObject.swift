import CLibDW
import CallFrames
import CrashReport
import Demangling
import Glibc

/// The debug information of one object of a module, as it was loaded: libdwfl relocates it by the sections' addresses. Or that of an
/// executable, in which addresses are those of the process.
final class DebugObject {
    /// What holds the debug information of an object.
    private let session: OpaquePointer?
    /// The file of an executable.
    private let descriptor: Int32
    private let dwarf: OpaquePointer
    /// Where its sections of code are.
    private let ranges: [Range<UInt64>]
    /// Call frame information that is for debuggers only (`.debug_frame`).
    let frames: CallFrameTable?
    /// The unit that was found last.
    private var lastUnit: Dwarf_Die?

    /// Reads an object: an ET_REL with `sh_addr` filled in. Nil when it has no debug information.
    init?(path: String, _ convention: RegisterConvention) {
        guard let session = dwfl_begin(Callbacks.shared.pointer) else { return nil }
        // The callback finds the file by the module's name.
        guard let module = dwfl_report_module(session, path, 1, UInt64.max - 1),
            dwfl_report_end(session, nil, nil) == 0
        else {
            dwfl_end(session)
            return nil
        }
        var bias: Dwarf_Addr = 0
        guard let elf = dwfl_module_getelf(module, &bias), let dwarf = dwfl_module_getdwarf(module, &bias) else {
            dwfl_end(session)
            return nil
        }
        self.session = session
        descriptor = -1
        self.dwarf = dwarf
        ranges = Self.code(elf)
        frames = dwfl_module_dwarf_cfi(module, &bias).map { CallFrameTable($0, convention) }
    }

    /// Reads an executable, or a file that has its debug information alone (`objcopy --only-keep-debug`). Nil when it has none.
    init?(executable path: String) {
        elf_version(UInt32(EV_CURRENT))
        let descriptor = libdw_open(path)
        guard descriptor >= 0 else { return nil }
        guard let dwarf = dwarf_begin(descriptor, DWARF_C_READ) else {
            close(descriptor)
            return nil
        }
        session = nil
        self.descriptor = descriptor
        self.dwarf = dwarf
        ranges = dwarf_getelf(dwarf).map(Self.code) ?? []
        // Its calls are followed by .eh_frame, which has all of them.
        frames = nil
    }

    deinit {
        if let session {
            dwfl_end(session)
        } else {
            dwarf_end(dwarf)
            close(descriptor)
        }
    }

    private static func code(_ elf: OpaquePointer) -> [Range<UInt64>] {
        var ranges: [Range<UInt64>] = []
        var section: OpaquePointer?
        while let next = elf_nextscn(elf, section) {
            section = next
            var header = GElf_Shdr()
            let wanted = UInt64(SHF_ALLOC | SHF_EXECINSTR)
            guard gelf_getshdr(next, &header) != nil, header.sh_flags & wanted == wanted, header.sh_addr != 0 else {
                continue
            }
            let (end, overflow) = header.sh_addr.addingReportingOverflow(header.sh_size)
            if !overflow, end > header.sh_addr { ranges.append(header.sh_addr..<end) }
        }
        return ranges
    }

    /// Whether an address is in its code.
    func contains(_ address: UInt64) -> Bool { ranges.contains { $0.contains(address) } }

    /// Fills in the source lines of an instruction's frame, and the functions that are inlined there.
    func describe(_ instruction: UInt64, in frame: inout CrashReport.Frame) {
        guard var unit = unit(at: instruction) else { return }
        var source = line(&unit, instruction)
        var scopes: UnsafeMutablePointer<Dwarf_Die>?
        let depth = dwarf_getscopes(&unit, instruction, &scopes)
        defer { free(scopes) }
        if depth > 0, let innermost = scopes {
            // Of an inlined function, that list goes on where the function is declared; this one where its code is.
            var parents: UnsafeMutablePointer<Dwarf_Die>?
            let count = dwarf_getscopes_die(innermost, &parents)
            defer { free(parents) }
            for index in 0..<Int(max(count, 0)) {
                guard let scope = parents.map({ $0 + index }) else { break }
                if dwarf_tag(scope) == DW_TAG_subprogram { break }
                guard dwarf_tag(scope) == DW_TAG_inlined_subroutine else { continue }
                frame.inlined.append(CrashReport.InlinedFunction(Self.name(scope), source))
                source = call(scope, &unit)
            }
        }
        frame.source = source
    }

    /// The whole name of a function, as far as it is said: with namespaces and types in C++.
    private static func name(_ function: UnsafeMutablePointer<Dwarf_Die>) -> String {
        for attribute in [DW_AT_linkage_name, DW_AT_MIPS_linkage_name] {
            var found = Dwarf_Attribute()
            guard dwarf_attr_integrate(function, UInt32(attribute), &found) != nil,
                let name = dwarf_formstring(&found)
            else { continue }
            return demangled(String(cString: name))
        }
        return dwarf_diename(function).map { String(cString: $0) } ?? "?"
    }

    /// The unit that has an instruction.
    private func unit(at instruction: UInt64) -> Dwarf_Die? {
        if var last = lastUnit, dwarf_haspc(&last, instruction) == 1 { return last }
        var unit: OpaquePointer?
        while true {
            var next: OpaquePointer?
            var die = Dwarf_Die()
            guard dwarf_get_units(dwarf, unit, &next, nil, nil, &die, nil) == 0, next != nil else { return nil }
            unit = next
            if dwarf_haspc(&die, instruction) == 1 {
                lastUnit = die
                return die
            }
        }
    }

    private func line(_ unit: inout Dwarf_Die, _ instruction: UInt64) -> CrashReport.SourceLine? {
        guard let line = row(&unit, instruction) else { return nil }
        var number: Int32 = 0
        guard dwarf_lineno(line, &number) == 0, number > 0, let file = dwarf_linesrc(line, nil, nil) else { return nil }
        return CrashReport.SourceLine(Self.relative(String(cString: file), &unit), Int(number))
    }

    /// The row of a unit's line table for an instruction, as gdb chooses it: of several for one address, the last that begins a statement.
    private func row(_ unit: inout Dwarf_Die, _ instruction: UInt64) -> OpaquePointer? {
        var rows: OpaquePointer?
        var count = 0
        guard dwarf_getsrclines(&unit, &rows, &count) == 0 else { return nil }
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if Self.address(dwarf_onesrcline(rows, middle)) <= instruction { low = middle + 1 } else { high = middle }
        }
        guard low > 0, let last = dwarf_onesrcline(rows, low - 1), !Self.isEnd(last) else { return nil }
        let address = Self.address(last)
        for index in stride(from: low - 1, through: 0, by: -1) {
            guard let row = dwarf_onesrcline(rows, index), Self.address(row) == address, !Self.isEnd(row) else { break }
            var beginsStatement = false
            if dwarf_linebeginstatement(row, &beginsStatement) == 0, beginsStatement { return row }
        }
        return last
    }

    private static func address(_ row: OpaquePointer?) -> UInt64 {
        var address: Dwarf_Addr = 0
        return dwarf_lineaddr(row, &address) == 0 ? address : .max
    }

    private static func isEnd(_ row: OpaquePointer) -> Bool {
        var isEnd = false
        return dwarf_lineendsequence(row, &isEnd) == 0 && isEnd
    }

    /// Where an inlined function is called from.
    private func call(_ function: UnsafeMutablePointer<Dwarf_Die>, _ unit: inout Dwarf_Die) -> CrashReport.SourceLine? {
        var files: OpaquePointer?
        var count = 0
        guard let line = Self.number(function, DW_AT_call_line), let index = Self.number(function, DW_AT_call_file),
            let number = Int(exactly: line), number > 0, dwarf_getsrcfiles(&unit, &files, &count) == 0,
            index < UInt64(count), let file = dwarf_filesrc(files, Int(index), nil, nil)
        else { return nil }
        return CrashReport.SourceLine(Self.relative(String(cString: file), &unit), number)
    }

    private static func number(_ die: UnsafeMutablePointer<Dwarf_Die>, _ attribute: Int) -> UInt64? {
        var found = Dwarf_Attribute()
        var value: Dwarf_Word = 0
        guard dwarf_attr(die, UInt32(attribute), &found) != nil, dwarf_formudata(&found, &value) == 0 else {
            return nil
        }
        return value
    }

    /// A file's name without the folder that the compiler ran in.
    private static func relative(_ file: String, _ unit: inout Dwarf_Die) -> String {
        var attribute = Dwarf_Attribute()
        guard dwarf_attr(&unit, UInt32(DW_AT_comp_dir), &attribute) != nil,
            let text = dwarf_formstring(&attribute)
        else { return file }
        let folder = String(cString: text) + "/"
        var rest = file.hasPrefix(folder) ? file.dropFirst(folder.count) : file[...]
        while rest.hasPrefix("./") { rest = rest.dropFirst(2) }
        return rest.isEmpty ? file : String(rest)
    }
}

/// What libdwfl asks: where the file is, and where its sections are.
private struct Callbacks: @unchecked Sendable {
    static let shared = Callbacks()
    let pointer: UnsafeMutablePointer<Dwfl_Callbacks>

    private init() {
        pointer = .allocate(capacity: 1)
        var callbacks = Dwfl_Callbacks()
        callbacks.find_elf = { _, _, name, _, _, _ in name.map(libdw_open) ?? -1 }
        // What is not in the object is nowhere: no file is looked for in the system, and no server is asked.
        callbacks.find_debuginfo = { _, _, _, _, _, _, _, _ in -1 }
        callbacks.section_address = { _, _, _, _, _, _, _, address in
            // Only asked of those that have no address: they were not loaded.
            address?.pointee = Dwarf_Addr.max
            return 0
        }
        pointer.initialize(to: callbacks)
    }
}
