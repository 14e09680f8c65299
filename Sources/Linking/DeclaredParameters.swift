import ObjectModel
import Relocation

/// What a module says about one of its parameters.
public struct DeclaredParameter: Sendable, Equatable {
    /// Its name.
    public let name: String
    /// Its type, in words: `int`, `text`, `array of int, 1 to 4`.
    public let type: String
    /// What it is for, if the module says it.
    public let description: String?

    /// The parameters that objects declare, in the order of the declarations (`module_param`, `MODULE_PARM`).
    public static func all(of objects: [Object]) -> [DeclaredParameter] {
        objects.enumerated().flatMap { index, object in
            ParameterDeclaration.all(of: object, index).map { declaration in
                DeclaredParameter(
                    name: object.text(declaration.name), type: "\(declaration.type)",
                    description: declaration.description.map(object.text))
            }
        }
    }
}

/// A declaration of a parameter in an object.
struct ParameterDeclaration {
    let object: Int
    let name: NameRange
    /// With what the record says of the variable.
    private(set) var type: ParameterType
    private(set) var description: NameRange?
    private(set) var record: ParameterRecord?
}

/// What an object says of a parameter's variable: `struct modlink_parameter` of linux/moduleparam.h.
struct ParameterRecord {
    /// Where the variable is, or its first element.
    let variable: VariablePlace?
    /// The variable that gets the number of values.
    let count: VariablePlace?
    /// The size of the variable, and of one of its elements: 0 where the type says it. Where both are 0 the variable is the one that is
    /// called as the parameter is.
    let size: UInt64
    let element: UInt64
}

/// A place in an object: a symbol, and how many bytes behind it.
struct VariablePlace {
    let symbol: Int
    let offset: Int64
}

extension ParameterDeclaration {
    /// The section of the records. They are for the linker only.
    static let recordSection: StaticString = ".modlink.params"

    /// The parameters that an object declares.
    static func all(of object: Object, _ index: Int) -> [ParameterDeclaration] {
        let lines = object.informationLines()
        guard !lines.isEmpty else { return [] }
        let records = ParameterRecord.all(of: object)
        let word = object.architecture.pointerSize
        var declarations: [ParameterDeclaration] = []
        for line in lines {
            guard let (name, type) = declared(by: line, in: object) else { continue }
            let record = records[ParameterRecord.Key(section: line.section, offset: line.offset)]
            let whole =
                record.map { type.completed(size: $0.size, element: $0.element, pointerSize: word) } ?? type
            declarations.append(ParameterDeclaration(object: index, name: name, type: whole, record: record))
        }
        for line in lines { describe(line, in: object, &declarations) }
        return declarations
    }

    private static func declared(
        by line: InformationLine, in object: Object
    ) -> (name: NameRange, type: ParameterType)? {
        let word = object.architecture.pointerSize
        if object.bytes[line.key.indices].elementsEqual("parmtype".utf8) {
            guard let (name, type) = object.halves(of: line.value) else { return nil }
            return (name, ParameterType(modern: object.text(type), pointerSize: word))
        }
        // The descriptions of that time look alike.
        guard let name = object.rest(of: line.key, behind: "parm_"),
            !nameBegins(object.bytes, line.key, with: "parm_desc_")
        else { return nil }
        return (name, ParameterType(letters: object.text(line.value), pointerSize: word))
    }

    /// Takes in what a line says a parameter is for: `parm=NAME:TEXT`, or `parm_desc_NAME=TEXT` of kernels before 2.6.
    private static func describe(
        _ line: InformationLine, in object: Object, _ declarations: inout [ParameterDeclaration]
    ) {
        let (name, text): (NameRange, NameRange)
        if object.bytes[line.key.indices].elementsEqual("parm".utf8) {
            guard let halves = object.halves(of: line.value) else { return }
            (name, text) = halves
        } else if let rest = object.rest(of: line.key, behind: "parm_desc_") {
            (name, text) = (rest, line.value)
        } else {
            return
        }
        let index = declarations.firstIndex {
            $0.description == nil && sameName(object.bytes, $0.name, object.bytes, name)
        }
        if let index { declarations[index].description = text }
    }
}

extension ParameterRecord {
    /// Where the string is that a record belongs to.
    struct Key: Hashable {
        let section: UInt32
        let offset: UInt64
    }

    /// How many words a record has.
    private static let words: UInt64 = 5

    /// The records of an object, by the string that each belongs to. What is no record is none.
    static func all(of object: Object) -> [Key: ParameterRecord] {
        var records: [Key: ParameterRecord] = [:]
        for section in object.sections
        where object.hasContents(section, named: ParameterDeclaration.recordSection) {
            let places = object.addresses(in: section)
            let word = object.architecture.pointerSize
            let bytes = object.bytes
            let contents = unsafe bytes.span.bytes
            let start = UInt64(section.contentsOffset)
            for position in stride(from: 0, through: Int64(section.size) - Int64(words * word), by: Int(words * word)) {
                let offset = UInt64(position)
                guard let text = places[offset], case .section(let target) = object.symbols[text.symbol].place,
                    let own = UInt64(exactly: text.offset),
                    let size = contents.word(at: start + offset + 3 * word, of: word),
                    let element = contents.word(at: start + offset + 4 * word, of: word)
                else { continue }
                let key = Key(section: target, offset: object.symbols[text.symbol].value &+ own)
                records[key] = ParameterRecord(
                    variable: places[offset + word], count: places[offset + 2 * word], size: size, element: element)
            }
        }
        return records
    }
}

extension Object {
    /// Where the addresses point that a section holds, by the offset of each.
    fileprivate func addresses(in section: Section) -> [UInt64: VariablePlace] {
        let address = architecture.addressKind
        var places: [UInt64: VariablePlace] = [:]
        for entry in relocations[section.relocations] where entry.kind == address {
            places[entry.offset] = VariablePlace(symbol: Int(entry.symbol), offset: entry.addend)
        }
        return places
    }

    /// The two parts of `NAME:REST`; nil when it has no colon or no name.
    fileprivate func halves(of range: NameRange) -> (NameRange, NameRange)? {
        guard let colon = bytes[range.indices].firstIndex(of: UInt8(ascii: ":")), colon > range.indices.lowerBound
        else { return nil }
        return (NameRange(range.indices.lowerBound..<colon), NameRange(colon + 1..<range.indices.upperBound))
    }

    /// What stands behind the beginning of a name; nil when it does not begin so or that is all.
    fileprivate func rest(of name: NameRange, behind prefix: StaticString) -> NameRange? {
        guard Int(name.count) > prefix.utf8CodeUnitCount, nameBegins(bytes, name, with: prefix) else { return nil }
        return NameRange(name.indices.dropFirst(prefix.utf8CodeUnitCount))
    }
}

extension Architecture {
    /// The kind of relocation that stores an address.
    fileprivate var addressKind: UInt8 {
        switch self {
        case .x86_64: X86_64.Kind.absolute64.rawValue
        case .i386: I386.Kind.absolute32.rawValue
        }
    }
}

extension RawSpan {
    /// The little-endian number of a machine's word, or nil when it lies outside.
    fileprivate func word(at offset: UInt64, of size: UInt64) -> UInt64? {
        size == 4 ? integer(at: offset, as: UInt32.self).map(UInt64.init) : integer(at: offset, as: UInt64.self)
    }
}
