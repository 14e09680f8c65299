import ObjectModel

extension X86_64 {
    /// Code that asks for the address of a thread-local variable, and that becomes shorter where the distance of all variables
    /// from the thread pointer (`%fs:0`) is known when it is linked: always, in a space.
    ///
    /// Old and new forms are those of the psABI, "TLS Linker Optimization" (general dynamic, local dynamic and initial exec to
    /// local exec; with a code model other than large, with `-fno-plt`, and large) and of "Thread-Local Storage Descriptors for
    /// IA32 and AMD64/EM64T"; where those leave bytes open, they are what binutils' ld writes.
    enum ThreadSequence: Equatable {
        /// `data16 lea x@tlsgd(%rip), %rdi; data16 data16 rex.W call __tls_get_addr`, or with a call through the global offset table.
        case generalDynamic
        /// `lea x@tlsgd(%rip), %rdi; movabs $__tls_get_addr@pltoff, %rax; add %rbx or %r15, %rax; call *%rax`.
        case largeGeneralDynamic
        /// `lea x@tlsld(%rip), %rdi; call __tls_get_addr`.
        case localDynamic
        /// The same with a call that is one byte longer.
        case longLocalDynamic
        /// The same as `largeGeneralDynamic`.
        case largeLocalDynamic
        /// `mov x@gottpoff(%rip), %reg`. The payloads: REX, and the register's number without what REX adds.
        case load(rex: UInt8, register: UInt8)
        /// `add x@gottpoff(%rip), %reg`.
        case add(rex: UInt8, register: UInt8)
        /// `lea x@tlsdesc(%rip), %reg`.
        case descriptor(rex: UInt8, register: UInt8)
        /// The same to one of 32 registers: the payload is that of the prefix REX2.
        case extendedDescriptor(rex2: UInt8, register: UInt8)
        /// `call *x@tlscall(%rax)`.
        case descriptorCall

        /// The sequence that a relocation is part of, or nil when its bytes are others.
        init?(of entry: RelocationEntry, _ kind: Kind, in original: RawSpan) {
            switch kind {
            case .generalDynamic:
                guard entry.addend == -4, let found = Self.general(entry, original) else { return nil }
                self = found
            case .localDynamic:
                guard entry.addend == -4, let found = Self.local(entry, original) else { return nil }
                self = found
            case .threadTableEntryRelative32, .descriptorRelative32:
                guard entry.addend == -4, let found = Self.load(entry, kind, original) else { return nil }
                self = found
            case .descriptorRelative32Code4:
                guard entry.addend == -4, let found = Self.extended(entry, original) else { return nil }
                self = found
            case .descriptorCall:
                guard original.starts(at: entry.offset, with: [0xff, 0x10]) else { return nil }
                self = .descriptorCall
            default: return nil
            }
        }

        private static func general(_ entry: RelocationEntry, _ original: RawSpan) -> ThreadSequence? {
            let (end, _) = entry.offset.addingReportingOverflow(4)
            if entry.offset >= 4, original.starts(at: entry.offset - 4, with: [0x66, 0x48, 0x8d, 0x3d]),
                original.contains(offset: entry.offset, count: 12),
                original.starts(at: end, with: [0x66, 0x66, 0x48, 0xe8])
                    || original.starts(at: end, with: [0x66, 0x48, 0xff, 0x15])
                    || original.starts(at: end, with: [0x66, 0x48, 0x67, 0xe8])
            {
                return .generalDynamic
            }
            return isLarge(entry, original) ? .largeGeneralDynamic : nil
        }

        private static func local(_ entry: RelocationEntry, _ original: RawSpan) -> ThreadSequence? {
            guard entry.offset >= 3, original.starts(at: entry.offset - 3, with: [0x48, 0x8d, 0x3d]) else { return nil }
            let end = entry.offset + 4
            if original.starts(at: end, with: [0xe8]), original.contains(offset: end, count: 5) {
                return .localDynamic
            }
            if original.starts(at: end, with: [0xff, 0x15]) || original.starts(at: end, with: [0x67, 0xe8]),
                original.contains(offset: end, count: 6)
            {
                return .longLocalDynamic
            }
            return isLarge(entry, original) ? .largeLocalDynamic : nil
        }

        private static func isLarge(_ entry: RelocationEntry, _ original: RawSpan) -> Bool {
            guard entry.offset >= 3, original.contains(offset: entry.offset, count: 19) else { return false }
            return original.starts(at: entry.offset - 3, with: [0x48, 0x8d, 0x3d])
                && original.starts(at: entry.offset + 4, with: [0x48, 0xb8])
                && (original.starts(at: entry.offset + 14, with: [0x48, 0x01, 0xd8, 0xff, 0xd0])
                    || original.starts(at: entry.offset + 14, with: [0x4c, 0x01, 0xf8, 0xff, 0xd0]))
        }

        private static func load(_ entry: RelocationEntry, _ kind: Kind, _ original: RawSpan) -> ThreadSequence? {
            guard entry.offset >= 3, let rex = original.integer(at: entry.offset - 3, as: UInt8.self),
                let opcode = original.integer(at: entry.offset - 2, as: UInt8.self),
                let modRM = original.integer(at: entry.offset - 1, as: UInt8.self),
                // 64 bits wide, and memory addressed by `disp32(%rip)`.
                rex == 0x48 || rex == 0x4c, modRM & 0xc7 == 0x05
            else { return nil }
            let register = modRM >> 3 & 7
            switch (kind, opcode) {
            case (.threadTableEntryRelative32, 0x8b): return .load(rex: rex, register: register)
            case (.threadTableEntryRelative32, 0x03): return .add(rex: rex, register: register)
            case (.descriptorRelative32, 0x8d): return .descriptor(rex: rex, register: register)
            default: return nil
            }
        }

        private static func extended(_ entry: RelocationEntry, _ original: RawSpan) -> ThreadSequence? {
            guard entry.offset >= 4, let rex2 = original.integer(at: entry.offset - 3, as: UInt8.self),
                let modRM = original.integer(at: entry.offset - 1, as: UInt8.self),
                original.starts(at: entry.offset - 4, with: [0xd5]),
                original.starts(at: entry.offset - 2, with: [0x8d]),
                // The first map of opcodes, 64 bits wide, neither base nor index, and memory addressed by `disp32(%rip)`.
                rex2 & 0xbb == 0x08, modRM & 0xc7 == 0x05
            else { return nil }
            return .extendedDescriptor(rex2: rex2, register: modRM >> 3 & 7)
        }

        /// Where the field of the call's relocation is, from that of this one; nil when there is no call.
        var call: UInt64? {
            switch self {
            case .generalDynamic: 8
            case .localDynamic: 5
            case .longLocalDynamic, .largeGeneralDynamic, .largeLocalDynamic: 6
            case .load, .add, .descriptor, .extendedDescriptor, .descriptorCall: nil
            }
        }

        /// Writes the short form. `offset` is that of the relocation, `distance` the variable's from the thread pointer.
        func rewrite(_ contents: inout MutableRawSpan, at offset: Int, distance: Int32) {
            let load: [9 of UInt8] = [0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0]  // mov %fs:0, %rax
            let add: [3 of UInt8] = [0x48, 0x8d, 0x80]  // lea distance(%rax), %rax
            switch self {
            case .generalDynamic:
                contents.write(load, at: offset - 4)
                contents.write(add, at: offset + 5)
                contents.store(distance, at: offset + 8)
            case .largeGeneralDynamic:
                contents.write(load, at: offset - 3)
                contents.write(add, at: offset + 6)
                contents.store(distance, at: offset + 9)
                contents.write([0x66, 0x0f, 0x1f, 0x44, 0, 0], at: offset + 13)  // nopw 0(%rax, %rax)
            case .localDynamic:
                contents.write([0x66, 0x66, 0x66], at: offset - 3)
                contents.write(load, at: offset)
            case .longLocalDynamic:
                contents.write([0x66, 0x66, 0x66, 0x66], at: offset - 3)
                contents.write(load, at: offset + 1)
            case .largeLocalDynamic:
                // data16, three times; cs nopw 0(%rax, %rax)
                contents.write([0x66, 0x66, 0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0], at: offset - 3)
                contents.write(load, at: offset + 10)
            case .load(let rex, let register), .descriptor(let rex, let register):
                // mov $distance, %reg: the register moves from ModRM's middle field to its last, and from REX.R to REX.B.
                contents.write([rex == 0x4c ? 0x49 : 0x48, 0xc7, 0xc0 | register], at: offset - 3)
                contents.store(distance, at: offset)
            case .add(let rex, 4):
                // add $distance, %rsp or %r12: they cannot be the base of a `lea` of this length.
                contents.write([rex == 0x4c ? 0x49 : 0x48, 0x81, 0xc4], at: offset - 3)
                contents.store(distance, at: offset)
            case .add(let rex, let register):
                // lea distance(%reg), %reg
                contents.write([rex == 0x4c ? 0x4d : 0x48, 0x8d, 0x80 | register << 3 | register], at: offset - 3)
                contents.store(distance, at: offset)
            case .extendedDescriptor(let rex2, let register):
                // mov $distance, %reg: the register's upper bits move from R4 and R3 to B4 and B3.
                contents.write([0xd5, 0x08 | (rex2 & 0x44) >> 2, 0xc7, 0xc0 | register], at: offset - 4)
                contents.store(distance, at: offset)
            case .descriptorCall: contents.write([0x66, 0x90], at: offset)  // xchg %ax, %ax
            }
        }
    }

    /// What a relocation of a thread-local kind comes to; see `Machine`.
    public static func threadAccess(_ entry: RelocationEntry, _ kind: Kind, in original: RawSpan) -> ThreadAccess {
        switch kind {
        case .threadOffset32, .threadOffset64, .blockOffset32, .blockOffset64: .distance
        case .threadTableEntryRelative32:
            ThreadSequence(of: entry, kind, in: original) == nil ? .tableEntry : .distance
        case .threadTableEntryRelative32Code4, .threadTableEntryRelative32Code5, .threadTableEntryRelative32Code6:
            .tableEntry
        default: ThreadSequence(of: entry, kind, in: original) == nil ? .unknown : .distance
        }
    }

    /// The function whose calls disappear; see `Machine`.
    public static let threadGetter: StaticString = "__tls_get_addr"

    /// Where the call is that belongs to a relocation; see `Machine`.
    public static func threadCall(_ entry: RelocationEntry, in original: RawSpan) -> UInt64? {
        guard let kind = Kind(rawValue: entry.kind), kind == .generalDynamic || kind == .localDynamic,
            let call = ThreadSequence(of: entry, kind, in: original)?.call
        else { return nil }
        return entry.offset + call
    }
}
