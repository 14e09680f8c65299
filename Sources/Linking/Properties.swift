import ObjectModel

// A module of MODULE() may be given properties (NetBSD modload(8), -b, -i and -s): they come to its function in a dictionary, which
// there is no list of known names for. Only one that calls functions of proplib(3) can look into it; of any other, values are for
// variables, and those that there are not are refused.

/// A value of a dictionary.
enum Property: Equatable {
    case bool(Bool)
    case number(bits: UInt64, isNegative: Bool)
    case text(String)

    /// What a text stands for.
    ///
    /// - Parameter type: what it has to be; nil: what it looks like.
    init(_ text: String, _ type: PropertyType?) throws(BadValue) {
        switch type {
        case .boolean:
            guard let value = ParameterType.bool(text) else {
                throw BadValue(reason: "the value '\(shown(text))' is no bool: true or false")
            }
            self = .bool(value)
        case .integer:
            guard let number = WrittenNumber(text[...]), number.isIn(.min, .max) else {
                throw BadValue(
                    reason: "the value '\(shown(text))' is no integer: a number from \(Int64.min) to \(UInt64.max)")
            }
            self = .number(bits: number.bits, isNegative: number.isNegative)
        case .string: self = .text(text)
        case nil:
            if text == "true" || text == "false" {
                self = .bool(text == "true")
            } else if let number = WrittenNumber(text[...]), number.isIn(.min, .max) {
                self = .number(bits: number.bits, isNegative: number.isNegative)
            } else {
                self = .text(text)
            }
        }
    }

    /// The property as the space reads it (modlink_initialize_module of Sources/modspace/kernel.h).
    func record(_ name: String) -> [UInt8] {
        let (letter, value) =
            switch self {
            case .bool(let value): ("b", value ? "1" : "0")
            case .number(let bits, true): ("i", "\(Int64(bitPattern: bits))")
            case .number(let bits, false): (bits > Int64.max ? "u" : "i", "\(bits)")
            case .text(let text): ("s", text)
            }
        return Array(letter.utf8) + Array(name.utf8) + [0] + Array(value.utf8) + [0]
    }
}

extension Draft {
    /// Whether values may be properties: the module has a MODULE(), and calls functions that look into a dictionary.
    var takesProperties: Bool {
        guard declaration != nil else { return false }
        return objects.contains { object in
            object.symbols.contains { $0.place == .undefined && nameBegins(object.bytes, $0.name, with: "prop_") }
        }
    }

    /// Keeps a value for the dictionary.
    mutating func planProperty(_ parameter: Parameter) throws(BadValue) {
        let name = parameter.name.utf8
        // The kernel's own limit (PDK_MAXKEY), with the zero byte.
        guard name.count < 128 else { throw BadValue(reason: "a property's name has at most 127 bytes") }
        guard !name.contains(0), !parameter.value.utf8.contains(0) else {
            throw BadValue(reason: "a zero byte would end it")
        }
        propertyRecords += try Property(parameter.value, parameter.type).record(parameter.name)
    }

    /// Gives the properties room in the module's data.
    mutating func placeProperties(_ problems: inout ProblemList) {
        guard !propertyRecords.isEmpty else { return }
        properties = keep(propertyRecords + [0])
        if properties == nil { problems.add(source.name, "", "the module is too large for its properties") }
    }
}
