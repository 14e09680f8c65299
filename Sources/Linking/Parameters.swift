import ObjectModel

/// Bytes to be stored in a module before anything of it runs.
public struct MemoryWrite: Sendable, Equatable {
    /// Where.
    public var address: UInt64
    /// What.
    public var bytes: [UInt8]

    /// Makes the writing of bytes to an address.
    public init(address: UInt64, bytes: [UInt8]) {
        self.address = address
        self.bytes = bytes
    }
}

/// A parameter whose variable has been found and whose value fits it.
struct PlannedParameter {
    /// The variable: object and symbol.
    let object: Int
    let symbol: Int
    let value: Value

    enum Value {
        case bytes([UInt8])
        /// The address of text that the linker keeps.
        case pointer(Placement)
    }
}

extension Draft {
    /// Finds the variables of all parameters and turns the values into bytes (insmod(8) of the kernels of modules(2): the
    /// symbol's size tells what it is).
    mutating func planParameters(_ problems: inout ProblemList) {
        for parameter in source.parameters {
            let place = "parameter '\(parameter.name)'"
            guard let (object, symbol) = variable(parameter.name) else {
                problems.add(source.name, place, "the module has no variable of that name")
                continue
            }
            let facts = objects[object].symbols[symbol]
            guard !isThreadLocal(object: object, symbol: symbol) else {
                problems.add(source.name, place, "the variable is thread-local: there is one in each thread")
                continue
            }
            guard isWritable(facts, objects[object]) else {
                problems.add(source.name, place, "the variable is constant")
                continue
            }
            guard isInside(facts, object) else {
                problems.add(source.name, place, "the variable reaches beyond its section")
                continue
            }
            if let bytes = Self.numbers(parameter.value, size: facts.size) {
                parameters.append(PlannedParameter(object: object, symbol: symbol, value: .bytes(bytes)))
            } else if facts.size == architecture.pointerSize, let room = keep(Array(parameter.value.utf8) + [0]) {
                parameters.append(PlannedParameter(object: object, symbol: symbol, value: .pointer(room)))
            } else if UInt64(parameter.value.utf8.count) < facts.size, facts.size != 2, facts.size != 4 {
                parameters.append(
                    PlannedParameter(object: object, symbol: symbol, value: .bytes(Array(parameter.value.utf8) + [0])))
            } else {
                problems.add(
                    source.name, place,
                    "the value '\(parameter.value)' does not fit a variable of \(facts.size) bytes")
            }
        }
    }

    /// Room in the module's data for text that a variable is to point to.
    private mutating func keep(_ bytes: [UInt8]) -> Placement? {
        let output = outputs.output(named: ".data", rank: .data)
        guard let offset = outputs.append(UInt64(bytes.count), alignment: 1, to: output) else { return nil }
        let place = Placement(output: UInt32(output), offset: offset)
        strings.append((place, bytes))
        return place
    }

    /// The variable of a name: a global one, else one that is local to an object.
    private func variable(_ name: String) -> (object: Int, symbol: Int)? {
        if let index = definitions.find(name, objects: objects) {
            return (definitions[index].object, definitions[index].symbol)
        }
        for (index, object) in objects.enumerated() {
            if let symbol = object.symbols.firstIndex(where: {
                $0.type == .object && $0.place != .undefined && object.bytes[$0.name.indices].elementsEqual(name.utf8)
            }) {
                return (index, symbol)
            }
        }
        return nil
    }

    private func isWritable(_ symbol: Symbol, _ object: Object) -> Bool {
        switch symbol.place {
        case .common: true
        case .section(let section): object.sections[Int(section)].protection.contains(.write)
        case .undefined, .absolute: false
        }
    }

    /// Whether all bytes of a variable are in memory of the module.
    private func isInside(_ symbol: Symbol, _ object: Int) -> Bool {
        guard case .section(let section) = symbol.place else { return true }
        let size = objects[object].sections[Int(section)].size
        return placements[object][Int(section)].isPlaced && symbol.value <= size && symbol.size <= size - symbol.value
    }

    /// Numbers in the bytes of a variable: one of the variable's own width, or several of 4 bytes. Nil when the value is not
    /// made of numbers, or they do not fit.
    static func numbers(_ value: String, size: UInt64) -> [UInt8]? {
        let items = value.split(separator: ",", omittingEmptySubsequences: false)
        let single = items.count == 1 && [1, 2, 4, 8].contains(size)
        let width = single ? Int(size) : 4
        guard UInt64(items.count * width) <= size else { return nil }
        var bytes: [UInt8] = []
        for item in items {
            guard let number = integer(item), fits(number, width) else { return nil }
            for index in 0..<width { bytes.append(UInt8(truncatingIfNeeded: number.bits >> UInt64(index * 8))) }
        }
        return bytes
    }

    /// A number as C writes it: decimal, `0x` hexadecimal, `0` octal, with a sign or without.
    private static func integer(_ text: Substring) -> (bits: UInt64, isNegative: Bool)? {
        let isNegative = text.hasPrefix("-")
        var digits = isNegative || text.hasPrefix("+") ? text.dropFirst() : text
        var radix = 10
        if digits.hasPrefix("0x") || digits.hasPrefix("0X") {
            digits = digits.dropFirst(2)
            radix = 16
        } else if digits.hasPrefix("0"), digits.count > 1 {
            digits = digits.dropFirst()
            radix = 8
        }
        guard let first = digits.first, first != "-", first != "+", let magnitude = UInt64(digits, radix: radix) else {
            return nil
        }
        guard isNegative else { return (magnitude, false) }
        return magnitude <= 1 << 63 ? (0 &- magnitude, magnitude != 0) : nil
    }

    /// Whether a number is one of the signed or the unsigned numbers of a width.
    private static func fits(_ number: (bits: UInt64, isNegative: Bool), _ width: Int) -> Bool {
        guard width < 8 else { return true }
        let bits = UInt64(width * 8)
        return number.isNegative
            ? Int64(bitPattern: number.bits) >= -(1 << (bits - 1)) : number.bits < 1 << bits
    }

    /// The writes that set the parameters, with final addresses.
    var parameterWrites: [MemoryWrite] {
        parameters.compactMap { parameter in
            let symbol = objects[parameter.object].symbols[parameter.symbol]
            let own =
                symbol.place == .common
                ? definitions.find(objects[parameter.object].text(symbol.name), objects: objects)
                    .map(address(definition:))
                : address(object: parameter.object, symbol: parameter.symbol)
            guard let own else { return nil }
            switch parameter.value {
            case .bytes(let bytes): return MemoryWrite(address: own, bytes: bytes)
            case .pointer(let place):
                let target = address(place)
                let bytes = (0..<architecture.pointerSize).map { UInt8(truncatingIfNeeded: target >> ($0 * 8)) }
                return MemoryWrite(address: own, bytes: bytes)
            }
        }
    }
}
