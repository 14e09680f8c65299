import ObjectModel

extension I386 {
    /// Code that asks for the address of a thread-local variable, and that becomes shorter where the distance of all variables
    /// from the thread pointer (`%gs:0`) is known when it is linked: always, in a space.
    ///
    /// Old and new forms are those of "ELF Handling For Thread-Local Storage" (4.1.2, 4.2.2, 5.1: IA-32, to local exec) and of
    /// "Thread-Local Storage Descriptors for IA32 and AMD64/EM64T"; where those leave bytes open, and for calls through the
    /// global offset table (`-fno-plt`), they are what binutils' ld writes.
    enum ThreadSequence: Equatable {
        /// `lea x@tlsgd(, %ebx, 1), %eax; call ___tls_get_addr`.
        case generalDynamic
        /// `lea x@tlsgd(%ebx), %eax; call ___tls_get_addr; nop`.
        case paddedGeneralDynamic
        /// `lea x@tlsgd(%reg), %eax` with a call that is one byte longer: after `addr32`, or through the table.
        case longGeneralDynamic
        /// `lea x@tlsldm(%ebx), %eax; call ___tls_get_addr`.
        case localDynamic
        /// The same with a call that is one byte longer.
        case longLocalDynamic
        /// `mov x@indntpoff, %eax`, which is one byte shorter than with another register.
        case shortLoad
        /// `mov`, `add` or `sub` of what an entry of the table holds. The payloads: what is done with the register that is
        /// ModRM's middle field, and whether the entry holds what is subtracted from the thread pointer.
        case operate(Operation, register: UInt8, isDistance: Bool)
        /// `lea x@tlsdesc(%ebx), %reg`.
        case descriptor(register: UInt8)
        /// `call *x@tlscall(%eax)`.
        case descriptorCall

        /// An instruction with a register and a number: the opcode in the high byte, ModRM without the register in the low.
        enum Operation: UInt16 {
            case load = 0xc7c0
            case add = 0x81c0
            case subtract = 0x81e8
        }

        /// The sequence that a relocation is part of, or nil when its bytes are others.
        init?(of entry: RelocationEntry, _ kind: Kind, in original: RawSpan) {
            let found: ThreadSequence? =
                switch kind {
                case .generalDynamic where entry.addend == 0: Self.general(entry.offset, original)
                case .localDynamic where entry.addend == 0: Self.local(entry.offset, original)
                case .threadTableEntry32 where entry.addend == 0: Self.access(entry.offset, original)
                // Go's assembler puts the table's address into the same field: what stands there is that relocation's addend.
                case .threadTableEntryOffset32: Self.access(entry.offset, original, isDistance: false)
                case .threadTableDistance32 where entry.addend == 0:
                    Self.access(entry.offset, original, isDistance: true)
                case .descriptorOffset32 where entry.addend == 0: Self.descriptor(entry.offset, original)
                case .descriptorCall where original.starts(at: entry.offset, with: [0xff, 0x10]): .descriptorCall
                default: nil
                }
            guard let found else { return nil }
            self = found
        }

        private static func general(_ offset: UInt64, _ original: RawSpan) -> ThreadSequence? {
            if offset >= 3, original.starts(at: offset - 3, with: [0x8d, 0x04, 0x1d]),
                original.contains(offset: offset, count: 9), original.starts(at: offset + 4, with: [0xe8])
            {
                return .generalDynamic
            }
            guard let base = argument(offset, original), original.contains(offset: offset, count: 10) else {
                return nil
            }
            if base == 3, original.starts(at: offset + 4, with: [0xe8]), original.starts(at: offset + 9, with: [0x90]) {
                return .paddedGeneralDynamic
            }
            return isLong(offset + 4, base, original) ? .longGeneralDynamic : nil
        }

        private static func local(_ offset: UInt64, _ original: RawSpan) -> ThreadSequence? {
            guard let base = argument(offset, original) else { return nil }
            if base == 3, original.contains(offset: offset, count: 9), original.starts(at: offset + 4, with: [0xe8]) {
                return .localDynamic
            }
            return original.contains(offset: offset, count: 10) && isLong(offset + 4, base, original)
                ? .longLocalDynamic : nil
        }

        /// The base register in `lea disp32(%base), %eax`; nil for other bytes, and for %eax, which a call through the table
        /// could not use after it.
        private static func argument(_ offset: UInt64, _ original: RawSpan) -> UInt8? {
            guard offset >= 2, original.starts(at: offset - 2, with: [0x8d]),
                let modRM = original.integer(at: offset - 1, as: UInt8.self), modRM & 0xf8 == 0x80
            else { return nil }
            let base = modRM & 7
            return base == 0 || base == 4 ? nil : base
        }

        /// Whether a call is `addr32 call` or `call *disp32(%base)`.
        private static func isLong(_ offset: UInt64, _ base: UInt8, _ original: RawSpan) -> Bool {
            original.starts(at: offset, with: [0x67, 0xe8]) || original.starts(at: offset, with: [0xff, 0x90 | base])
        }

        /// An access by the address of an entry.
        private static func access(_ offset: UInt64, _ original: RawSpan) -> ThreadSequence? {
            guard offset >= 1, let last = original.integer(at: offset - 1, as: UInt8.self) else { return nil }
            if last == 0xa1 { return .shortLoad }
            // Memory addressed by `disp32`.
            guard offset >= 2, last & 0xc7 == 0x05, let operation = operation(offset - 2, original),
                operation != .subtract
            else { return nil }
            return .operate(operation, register: last >> 3 & 7, isDistance: false)
        }

        /// An access by the offset of an entry from a register.
        private static func access(_ offset: UInt64, _ original: RawSpan, isDistance: Bool) -> ThreadSequence? {
            guard offset >= 2, let modRM = original.integer(at: offset - 1, as: UInt8.self),
                modRM & 0xc0 == 0x80, modRM & 7 != 4, let operation = operation(offset - 2, original)
            else { return nil }
            return .operate(operation, register: modRM >> 3 & 7, isDistance: isDistance)
        }

        private static func operation(_ offset: UInt64, _ original: RawSpan) -> Operation? {
            switch original.integer(at: offset, as: UInt8.self) {
            case 0x8b: .load
            case 0x03: .add
            case 0x2b: .subtract
            default: nil
            }
        }

        private static func descriptor(_ offset: UInt64, _ original: RawSpan) -> ThreadSequence? {
            guard offset >= 2, original.starts(at: offset - 2, with: [0x8d]),
                let modRM = original.integer(at: offset - 1, as: UInt8.self), modRM & 0xc7 == 0x83
            else { return nil }
            return .descriptor(register: modRM >> 3 & 7)
        }

        /// Where the field of the call's relocation is, from that of this one; nil when there is no call.
        var call: UInt64? {
            switch self {
            case .generalDynamic, .paddedGeneralDynamic, .localDynamic: 5
            case .longGeneralDynamic, .longLocalDynamic: 6
            case .shortLoad, .operate, .descriptor, .descriptorCall: nil
            }
        }

        /// Writes the short form. `place` is the offset of the relocation, `offset` that of the variable from the thread pointer.
        func rewrite(_ contents: inout MutableRawSpan, at place: Int, offset: UInt32) {
            let load: [6 of UInt8] = [0x65, 0xa1, 0, 0, 0, 0]  // mov %gs:0, %eax
            switch self {
            case .generalDynamic: writeAddress(&contents, at: place - 3, load, offset)
            case .paddedGeneralDynamic, .longGeneralDynamic: writeAddress(&contents, at: place - 2, load, offset)
            case .localDynamic:
                contents.write(load, at: place - 2)
                contents.write([0x90, 0x8d, 0x74, 0x26, 0], at: place + 4)  // nop; lea 0(%esi), %esi
            case .longLocalDynamic:
                contents.write(load, at: place - 2)
                contents.write([0x8d, 0xb6, 0, 0, 0, 0], at: place + 4)  // lea 0(%esi), %esi
            case .shortLoad:
                contents.write([0xb8], at: place - 1)  // mov $offset, %eax
                contents.store(offset, at: place)
            case .operate(let operation, let register, let isDistance):
                contents.write(
                    [UInt8(operation.rawValue >> 8), UInt8(operation.rawValue & 0xff) | register], at: place - 2)
                contents.store(isDistance ? 0 &- offset : offset, at: place)
            case .descriptor(let register):
                contents.write([0x8d, 0x05 | register << 3], at: place - 2)  // lea offset, %reg
                contents.store(offset, at: place)
            case .descriptorCall: contents.write([0x66, 0x90], at: place)  // xchg %ax, %ax
            }
        }

        /// The thread pointer, and `sub $distance, %eax`.
        private func writeAddress(
            _ contents: inout MutableRawSpan, at start: Int, _ load: [6 of UInt8], _ offset: UInt32
        ) {
            contents.write(load, at: start)
            contents.write([0x81, 0xe8], at: start + 6)
            contents.store(0 &- offset, at: start + 8)
        }
    }

    /// What a relocation of a thread-local kind comes to; see `Machine`.
    public static func threadAccess(_ entry: RelocationEntry, _ kind: Kind, in original: RawSpan) -> ThreadAccess {
        switch kind {
        case .threadOffset32, .threadDistance32, .blockOffset32: .distance
        case .threadTableEntry32, .threadTableEntryOffset32:
            ThreadSequence(of: entry, kind, in: original) == nil ? .tableEntry : .distance
        default: ThreadSequence(of: entry, kind, in: original) == nil ? .unknown : .distance
        }
    }

    /// The function whose calls disappear; see `Machine`. Its name has one underscore more than elsewhere: the argument is in %eax.
    public static let threadGetter: StaticString = "___tls_get_addr"

    /// Where the call is that belongs to a relocation; see `Machine`.
    public static func threadCall(_ entry: RelocationEntry, in original: RawSpan) -> UInt64? {
        guard let kind = Kind(rawValue: entry.kind), kind == .generalDynamic || kind == .localDynamic,
            let call = ThreadSequence(of: entry, kind, in: original)?.call
        else { return nil }
        return entry.offset + call
    }
}
