import ObjectModel

/// What a module says about the values of a parameter: of which type, and how many.
struct ParameterType: Equatable {
    enum Element: Equatable {
        case number(NumberType)
        case bool(isInverted: Bool)
        /// A pointer to text.
        case text
        /// An array of that many bytes that holds text; nil: as many as the variable has.
        case characters(UInt64?)
        /// A type that is not known here: it can be listed, and not be set.
        case other(String)
    }

    var element: Element
    /// How many values an array takes, nil where it is one and no array. Without a maximum it is what the variable has room for.
    var counts: (minimum: UInt64, maximum: UInt64?)?

    static func == (left: ParameterType, right: ParameterType) -> Bool {
        left.element == right.element && left.counts?.minimum == right.counts?.minimum
            && left.counts?.maximum == right.counts?.maximum && (left.counts == nil) == (right.counts == nil)
    }
}

/// A type of numbers: the name that messages have for it, its width in bytes, and which numbers it takes.
struct NumberType: Equatable {
    let name: String
    let width: UInt64
    let minimum: Int64
    let maximum: UInt64

    static func signed(_ name: String, _ width: UInt64) -> NumberType {
        NumberType(name: name, width: width, minimum: .min >> (64 - 8 * width), maximum: 1 << (8 * width - 1) - 1)
    }

    static func unsigned(_ name: String, _ width: UInt64) -> NumberType {
        NumberType(name: name, width: width, minimum: 0, maximum: .max >> (64 - 8 * width))
    }

    /// The signed and the unsigned ones of a width.
    static func either(_ name: String, _ width: UInt64) -> NumberType {
        NumberType(
            name: name, width: width, minimum: signed(name, width).minimum, maximum: unsigned(name, width).maximum)
    }
}

extension ParameterType {
    /// The type that `parmtype=NAME:TYPE` declares (Linux, include/linux/moduleparam.h): `int`, `array of int`.
    init(modern text: String, pointerSize: UInt64) {
        let prefix = "array of "
        let isArray = text.hasPrefix(prefix)
        let name = isArray ? String(text.dropFirst(prefix.count)) : text
        let element: Element =
            switch name {
            case "byte": .number(.unsigned(name, 1))
            case "short": .number(.signed(name, 2))
            case "ushort": .number(.unsigned(name, 2))
            case "int": .number(.signed(name, 4))
            case "uint", "hexint": .number(.unsigned(name, 4))
            case "long": .number(.signed(name, pointerSize))
            case "ulong": .number(.unsigned(name, pointerSize))
            case "ullong": .number(.unsigned(name, 8))
            case "bool", "_Bool", "bint": .bool(isInverted: false)
            case "invbool": .bool(isInverted: true)
            case "charp": .text
            case "string" where !isArray: .characters(nil)
            default: .other(name)
            }
        self.init(element: element, counts: isArray ? (1, nil) : nil)
    }

    /// The type that `parm_NAME=[MIN[-MAX]]TYPE` declares (modutils 2.4, insmod): `i`, `1-4i`, `c8`.
    init(letters text: String, pointerSize: UInt64) {
        var rest = text[...]
        // One that 64 bits do not hold is more than there can be.
        func digits() -> UInt64? {
            let number = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(number.count)
            return number.isEmpty ? nil : UInt64(number) ?? .max
        }
        var counts: (minimum: UInt64, maximum: UInt64?)?
        if let minimum = digits() {
            var maximum: UInt64? = minimum
            if rest.first == "-" {
                rest = rest.dropFirst()
                maximum = digits()
            }
            if let maximum, minimum <= maximum, maximum > 0, maximum < .max {
                counts = (minimum, maximum)
            } else {
                rest = ""
            }
        }
        let letter = rest.popFirst()
        var element: Element =
            switch letter {
            case "b": .number(.either("byte", 1))
            case "h": .number(.either("short", 2))
            case "i": .number(.either("int", 4))
            case "l": .number(.either("long", pointerSize))
            case "s": .text
            case "c": digits().flatMap { $0 > 0 && $0 < .max ? .characters($0) : nil } ?? .other(text)
            default: .other(text)
            }
        if !rest.isEmpty { element = .other(text) }
        // One value is one, whether the declaration says so or not.
        if let few = counts, few == (1, 1) { counts = nil }
        self.init(element: element, counts: counts)
    }
}

extension ParameterType: CustomStringConvertible {
    /// The type as messages and lists have it: `int`, `text`, `array of int, 1 to 4`.
    var description: String {
        let one =
            switch element {
            case .number(let type): type.name
            case .bool(let isInverted): isInverted ? "inverted bool" : "bool"
            case .text: "text"
            case .characters(let size): size.map { "text of at most \($0 - min($0, 1)) bytes" } ?? "text"
            case .other(let name): name
            }
        guard let counts else { return one }
        guard let maximum = counts.maximum else { return "array of \(one)" }
        let range = counts.minimum == maximum ? "\(maximum)" : "\(counts.minimum) to \(maximum)"
        return "array of \(one), \(range)"
    }

    /// The size of an element in a variable whose elements are said to have `recorded` bytes; nil when the type is not known, or
    /// there is none of that size.
    func width(recorded: UInt64, pointerSize: UInt64) -> UInt64? {
        switch element {
        case .number(let type): type.width
        case .bool: recorded == 1 || recorded == 4 ? recorded : nil
        case .text: pointerSize
        case .characters(let size): size
        case .other: nil
        }
    }

    /// The type with what the size of its variable says: how long a text, how many values.
    func completed(size: UInt64, element recorded: UInt64, pointerSize: UInt64) -> ParameterType {
        var type = self
        if element == .characters(nil) { type.element = .characters(size) }
        if let counts, counts.maximum == nil, let width = width(recorded: recorded, pointerSize: pointerSize) {
            type.counts = (counts.minimum, size / width)
        }
        return type
    }
}
