import Linking
import ModlinkInterface
import ObjectModel
import Posix
import SpaceControl
import SymbolTable

extension ModuleService {
    /// All that is known of one module. What the space alone knows is left out while that is busy.
    func describe(_ parameters: DescribeMethod.Parameters) throws(Failure) -> DescribeMethod.Reply {
        let subject = parameters.name ?? parameters.id.map { "module \($0)" } ?? "module"
        let unknown = Failure(.noSuchModule, subject: subject, reason: "no such module (ENOENT)")
        guard (parameters.name == nil) != (parameters.id == nil) else {
            throw Failure(.systemFailure, subject: "module", reason: "give its name or its number")
        }
        let id = try state.withLock { (state) throws(Failure) -> Int in
            if let id = parameters.id { return id }
            guard let name = parameters.name, let module = state.modules.module(named: name) else {
                throw Failure(.noSuchModule, [state.modules.unknown(parameters.name ?? "")])
            }
            return module.id
        }
        let known = state.withLock { state -> Known? in
            guard let loaded = state.loaded[id], let module = information(of: id, in: state) else { return nil }
            let space = state.spaces[loaded.architecture]
            return Known(
                module: module, loaded: loaded, set: loaded.slot.flatMap { space.symbols.owner($0) }, space: space.host,
                counter: state.counterPlace(id))
        }
        guard let known else { throw unknown }
        let (loaded, set, space) = (known.loaded, known.set, known.space)
        var module = known.module
        // Not under the lock: the space is asked.
        module.useCount = known.counter?.count
        let texts = Self.informationStrings(of: loaded.linked.image.sections, space)
        return DescribeMethod.Reply(
            module: module,
            details: ModuleDetails(
                files: loaded.files, loaded: loaded.time,
                information: texts.filter { !ParameterTexts.isAboutParameter($0.name) },
                parameters: ParameterTexts.parameters(texts).map { parameter in
                    var parameter = parameter
                    if let set, let space { parameter.value = set.value(of: parameter, in: space) }
                    return parameter
                },
                buildID: loaded.linked.image.buildID.map { Self.digits($0) }.joined(),
                sections: loaded.linked.image.sections.map { section in
                    ModuleSection(
                        name: section.name, address: Int(truncatingIfNeeded: section.address),
                        size: Int(clamping: section.size), access: section.protection.letters)
                },
                exports: (set?.exportedNames ?? []).sorted(),
                threads: space.map { listThreads(inside: loaded.linked, $0) } ?? [],
                descriptors: space?.listDescriptors(loaded.linked.range) ?? [],
                holds: (try? holds(on: id, leaving: [], waits: false)) ?? []))
    }

    /// What is known of a module at one moment.
    private struct Known {
        let module: ModuleInformation
        let loaded: LoadedModule
        let set: SymbolSet?
        let space: SpaceHost?
        let counter: CounterPlace?
    }

    private static func digits(_ byte: UInt8) -> String { String(byte >> 4, radix: 16) + String(byte & 15, radix: 16) }

    /// More than any module says of itself.
    private static let informationLimit: UInt64 = 64 << 10

    /// The strings `KEY=VALUE` in the section `.modinfo` of a module that is mapped.
    private static func informationStrings(of sections: [ImageSection], _ space: SpaceHost?) -> [ModuleField] {
        guard let space else { return [] }
        return sections.filter { $0.name == ".modinfo" }.flatMap { section -> [ModuleField] in
            let count = Int(min(section.size, informationLimit))
            let bytes = space.readUnlessBusy(section.address, count: count) ?? []
            return bytes.split(separator: 0).compactMap { string -> ModuleField? in
                guard let equals = string.firstIndex(of: UInt8(ascii: "=")) else { return nil }
                return ModuleField(
                    name: readable(string[..<equals]), value: readable(string[(equals + 1)...]))
            }
        }
    }

    /// Bytes of a space as text for people.
    fileprivate static func readable(_ bytes: ArraySlice<UInt8>) -> String {
        printable(Array(bytes), NameRange(0..<bytes.count), limit: 1024)
    }
}

extension SpaceHost {
    /// The descriptors that an image's code has opened and not closed: each with the file, as proc_pid_fd(5) has it.
    fileprivate func listDescriptors(_ range: Range<UInt64>) -> [ModuleDescriptor] {
        let open = unlessBusy { (space) throws(SpaceError) in try space.descriptors(ofImage: range.lowerBound) }
        return (open?.numbers ?? []).map { number in
            let path = "/proc/\(information.process)/fd/\(number)"
            return ModuleDescriptor(number: Int(number), file: (try? File.readLink(path)) ?? "unknown")
        }
    }
}

/// What the strings of `.modinfo` say of parameters.
private enum ParameterTexts {
    static func isAboutParameter(_ key: String) -> Bool {
        key == "parm" || key == "parmtype" || key.hasPrefix("parm_")
    }

    /// The parameters, in the order of their declarations: `parmtype=NAME:TYPE`, or `parm_NAME=TYPE` of kernels before 2.6.
    static func parameters(_ texts: [ModuleField]) -> [ModuleParameter] {
        var parameters: [ModuleParameter] = []
        for text in texts {
            if text.name == "parmtype", let (name, type) = halves(text.value) {
                parameters.append(ModuleParameter(name: name, type: type))
            } else if text.name.hasPrefix("parm_"), !text.name.hasPrefix("parm_desc_") {
                parameters.append(ModuleParameter(name: String(text.name.dropFirst(5)), type: text.value))
            }
        }
        for text in texts {
            let named: (name: String, text: String)? =
                text.name == "parm"
                ? halves(text.value)
                : text.name.hasPrefix("parm_desc_") ? (name: String(text.name.dropFirst(10)), text: text.value) : nil
            guard let named, let index = parameters.firstIndex(where: { $0.name == named.name }) else { continue }
            parameters[index].description = named.text
        }
        return parameters
    }

    private static func halves(_ text: String) -> (name: String, text: String)? {
        guard let colon = text.firstIndex(of: ":"), colon != text.startIndex else { return nil }
        return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }
}

extension SymbolSet {
    /// The names that other modules may refer to.
    fileprivate var exportedNames: [String] {
        symbols.entries.indices.filter { symbols.entries[$0].isExported }.map(name)
    }

    /// What the variable of a parameter holds now.
    fileprivate func value(of parameter: ModuleParameter, in space: SpaceHost) -> String? {
        let wanted = Array(parameter.name.utf8)
        let variable = symbols.entries.first { entry in
            entry.type == .object && Int(entry.name.count) == wanted.count
                && symbols.names[entry.name.indices].elementsEqual(wanted)
        }
        guard let variable, variable.size > 0, range.contains(variable.address) else { return nil }
        let limit: UInt64 = 256
        guard let bytes = space.readUnlessBusy(variable.address, count: Int(min(variable.size, limit))) else {
            return nil
        }
        return ParameterValueText(parameter.type, space).text(bytes, isWhole: variable.size <= limit)
    }
}

/// The value of a variable in the form in which it is set.
private struct ParameterValueText {
    private enum Element {
        case integer(size: Int, isSigned: Bool)
        case boolean
        case text
        case pointerToText
    }

    private let element: Element?
    private let space: SpaceHost

    init(_ type: String, _ space: SpaceHost) {
        self.space = space
        let word = space.useCountSize
        // `array of int`; or of kernels before 2.6 the least and the greatest count and a letter, `1-4i`.
        var name = type.hasPrefix("array of ") ? String(type.dropFirst(9)) : type
        if let last = name.last, name.dropLast().allSatisfy({ $0.isNumber || $0 == "-" }) { name = String(last) }
        switch name {
        case "byte", "b": element = .integer(size: 1, isSigned: false)
        case "short", "h": element = .integer(size: 2, isSigned: true)
        case "ushort": element = .integer(size: 2, isSigned: false)
        case "int", "i": element = .integer(size: 4, isSigned: true)
        case "uint", "hexint": element = .integer(size: 4, isSigned: false)
        case "long", "l": element = .integer(size: word, isSigned: true)
        case "ulong": element = .integer(size: word, isSigned: false)
        case "llong": element = .integer(size: 8, isSigned: true)
        case "ullong": element = .integer(size: 8, isSigned: false)
        case "bool", "invbool": element = .boolean
        case "charp", "s": element = .pointerToText
        case "string", "c": element = .text
        default: element = nil
        }
    }

    func text(_ bytes: [UInt8], isWhole: Bool) -> String? {
        switch element {
        case .integer(let size, let isSigned):
            let values = stride(from: 0, through: bytes.count - size, by: size).map { offset in
                Self.number(bytes[offset..<(offset + size)], isSigned)
            }
            return values.isEmpty ? nil : values.joined(separator: ",") + (isWhole ? "" : ",...")
        case .boolean:
            return bytes.contains { $0 != 0 } ? "Y" : "N"
        case .text:
            return ModuleService.readable(bytes.prefix { $0 != 0 })
        case .pointerToText:
            let word = space.useCountSize
            guard bytes.count >= word else { return nil }
            let address = bytes.prefix(word).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            guard address != 0 else { return "(null)" }
            // It may stand at the end of what is mapped.
            for count in [256, 16, 1] {
                guard let text = space.readUnlessBusy(address, count: count) else { continue }
                return ModuleService.readable(text.prefix { $0 != 0 })
            }
            return nil
        case nil:
            return nil
        }
    }

    private static func number(_ bytes: ArraySlice<UInt8>, _ isSigned: Bool) -> String {
        let word = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard isSigned else { return "\(word)" }
        let shift = UInt64(64 - 8 * bytes.count)
        return "\(Int64(bitPattern: word << shift) >> Int64(shift))"
    }
}

extension Protection {
    /// As ls(1) and /proc write it.
    fileprivate var letters: String {
        (contains(.read) ? "r" : "-") + (contains(.write) ? "w" : "-") + (contains(.execute) ? "x" : "-")
    }
}
