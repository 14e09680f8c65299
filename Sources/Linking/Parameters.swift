import ObjectModel
import SymbolTable

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

/// A variable of a module, or a part of one: a symbol of an object, and how many bytes behind it.
struct Variable {
    var object: Int
    var symbol: Int
    var offset: UInt64 = 0
}

/// What is to be stored in a variable that has been found, and that it fits.
struct PlannedParameter {
    let variable: Variable
    let value: Value

    enum Value {
        case bytes([UInt8])
        /// The address of text that the linker keeps.
        case pointer(Placement)
    }
}

extension Draft {
    /// Finds the variables of all parameters and turns the values into bytes: as the module declares them, if it declares any, else as
    /// the variables' sizes tell. What it does not declare is a property, where it takes any.
    mutating func planParameters(_ problems: inout ProblemList) {
        guard !source.parameters.isEmpty else { return }
        let declarations = objects.enumerated().flatMap { ParameterDeclaration.all(of: $1, $0) }
        let takesProperties = takesProperties
        for parameter in source.parameters {
            let own = declarations.filter {
                objects[$0.object].bytes[$0.name.indices].elementsEqual(parameter.name.utf8)
            }
            do throws(BadValue) {
                if own.isEmpty, takesProperties {
                    try planProperty(parameter)
                    continue
                }
                if parameter.type != nil { throw BadValue(reason: Self.noProperty(isDeclared: !own.isEmpty)) }
                if declarations.isEmpty {
                    planUndeclared(parameter, &problems)
                    continue
                }
                if own.isEmpty { throw BadValue(reason: unknown(parameter.name, declarations)) }
                // Several objects of a module may have each a variable for it.
                for declaration in own { try plan(parameter.value, declaration) }
            } catch {
                problems.add(source.name, "parameter '\(shown(parameter.name))'", error.reason)
            }
        }
        placeProperties(&problems)
    }

    /// Why a value with the type of a property is refused.
    private static func noProperty(isDeclared: Bool) -> String {
        isDeclared
            ? "declared by the module, so it has a type; give the value alone"
            : "types are for properties, which modules take that have a MODULE() and call functions of prop/proplib.h"
    }

    /// What is said of a parameter that no object declares, where some are declared.
    private func unknown(_ name: String, _ declarations: [ParameterDeclaration]) -> String {
        let names = declarations.map { objects[$0.object].text($0.name) }
        let limit = 20
        let list = zip(names, declarations).prefix(limit).map { "\($0) (\($1.type))" }.joined(separator: ", ")
        guard names.count > limit else { return "unknown; it has: \(list)" }
        let similar = nearestName(to: name, among: names).map { "; did you mean '\($0)'?" } ?? ""
        return "unknown; it has: \(list) and \(names.count - limit) more\(similar)"
    }

    /// Plans what a value stores in a declared variable.
    private mutating func plan(_ value: String, _ declaration: ParameterDeclaration) throws(BadValue) {
        let (variable, size) = try find(declaration)
        let record = declaration.record
        let element = record.map(\.element) ?? (declaration.type.counts == nil ? size : 1)
        let type = declaration.type.completed(size: size, element: element, pointerSize: architecture.pointerSize)
        if case .other(let name) = type.element { throw .unknownType(name) }
        guard let width = type.width(recorded: element, pointerSize: architecture.pointerSize), width > 0 else {
            throw BadValue(reason: "declared as \(type), but its variable has \(size) bytes")
        }
        let (need, wraps) = width.multipliedReportingOverflow(by: type.counts?.maximum ?? 1)
        guard !wraps, need > 0, need <= size else {
            throw BadValue(reason: "declared as \(type), but its variable has \(size) bytes")
        }
        if let reason = refusal(of: variable, size: size) { throw BadValue(reason: reason) }
        let values = try type.values(of: value, width: width)
        for (index, value) in values.enumerated() {
            var place = variable
            place.offset += UInt64(index) * width
            switch value {
            case .bytes(let bytes): parameters.append(PlannedParameter(variable: place, value: .bytes(bytes)))
            case .pointer(let text):
                guard let room = keep(text) else { throw BadValue(reason: "the module is too large for its text") }
                parameters.append(PlannedParameter(variable: place, value: .pointer(room)))
            }
        }
        guard let place = record?.count else { return }
        guard let count = self.variable(at: place, object: declaration.object), refusal(of: count, size: 4) == nil
        else { throw BadValue(reason: "the variable for the number of its values is none of the module's") }
        parameters.append(
            PlannedParameter(variable: count, value: .bytes(UInt64(values.count).littleEndianBytes(4))))
    }

    /// The variable of a declaration and its size: the one that its record has, else the one of its name.
    private func find(_ declaration: ParameterDeclaration) throws(BadValue) -> (Variable, size: UInt64) {
        if let record = declaration.record, record.size > 0 {
            guard let place = record.variable, let variable = variable(at: place, object: declaration.object) else {
                throw BadValue(reason: "its variable is none of the module's")
            }
            return (variable, record.size)
        }
        let name = objects[declaration.object].text(declaration.name)
        guard let variable = variable(name, localTo: declaration.object) ?? variable(name) else {
            throw BadValue(reason: "the module declares it, but has no variable of that name")
        }
        return (variable, objects[variable.object].symbols[variable.symbol].size)
    }

    /// The variable at a place in an object; of several definitions of a name, the one that was chosen.
    private func variable(at place: VariablePlace, object: Int) -> Variable? {
        guard let offset = UInt64(exactly: place.offset) else { return nil }
        let symbol = objects[object].symbols[place.symbol]
        guard symbol.binding != .local else {
            return symbol.place == .undefined ? nil : Variable(object: object, symbol: place.symbol, offset: offset)
        }
        let index = definitions.find(
            objects[object].bytes, symbol.name, hash: hashes[object, place.symbol])
        guard let index else { return nil }
        return Variable(object: definitions[index].object, symbol: definitions[index].symbol, offset: offset)
    }

    /// The variable of a name: a global one, else one that is local to an object.
    func variable(_ name: String) -> Variable? {
        if let index = definitions.find(name) {
            return Variable(object: definitions[index].object, symbol: definitions[index].symbol)
        }
        for index in objects.indices {
            if let variable = variable(name, localTo: index) { return variable }
        }
        return nil
    }

    /// The variable of a name that is local to an object.
    private func variable(_ name: String, localTo index: Int) -> Variable? {
        let object = objects[index]
        return object.symbols.firstIndex {
            $0.type == .object && $0.binding == .local && $0.place != .undefined
                && object.bytes[$0.name.indices].elementsEqual(name.utf8)
        }.map { Variable(object: index, symbol: $0) }
    }

    /// Room in the module's data for text that a variable is to point to.
    mutating func keep(_ bytes: [UInt8]) -> Placement? {
        let output = outputs.output(named: ".data", rank: .data)
        guard let offset = outputs.append(UInt64(bytes.count), alignment: 1, to: output) else { return nil }
        let place = Placement(output: UInt32(output), offset: offset)
        strings.append((place, bytes))
        return place
    }

    /// Why a variable of that size cannot be stored into; nil when it can.
    func refusal(of variable: Variable, size: UInt64) -> String? {
        if isThreadLocal(object: variable.object, symbol: variable.symbol) {
            return "the variable is thread-local: there is one in each thread"
        }
        if !isWritable(variable) { return "the variable is constant" }
        if !isInside(variable, size) { return "the variable reaches beyond its section" }
        return nil
    }

    private func isWritable(_ variable: Variable) -> Bool {
        let object = objects[variable.object]
        return switch object.symbols[variable.symbol].place {
        case .common: true
        case .section(let section): object.sections[Int(section)].protection.contains(.write)
        case .undefined, .absolute: false
        }
    }

    /// Whether all bytes of a variable are in memory of the module.
    private func isInside(_ variable: Variable, _ size: UInt64) -> Bool {
        let symbol = objects[variable.object].symbols[variable.symbol]
        let room: UInt64
        var start = variable.offset
        switch symbol.place {
        case .section(let section):
            guard placements[variable.object, Int(section)].isPlaced else { return false }
            room = objects[variable.object].sections[Int(section)].size
            start = start.addingReportingOverflow(symbol.value).overflow ? .max : start + symbol.value
        default: room = symbol.size
        }
        return start <= room && size <= room - start
    }

    /// The writes that set the parameters, with final addresses.
    var parameterWrites: [MemoryWrite] {
        parameters.compactMap { parameter in
            let variable = parameter.variable
            let symbol = objects[variable.object].symbols[variable.symbol]
            let start =
                symbol.place == .common
                ? definitions.find(objects[variable.object].text(symbol.name))
                    .map(address(definition:))
                : address(object: variable.object, symbol: variable.symbol)
            guard let start else { return nil }
            switch parameter.value {
            case .bytes(let bytes): return MemoryWrite(address: start + variable.offset, bytes: bytes)
            case .pointer(let place):
                let bytes = address(place).littleEndianBytes(Int(architecture.pointerSize))
                return MemoryWrite(address: start + variable.offset, bytes: bytes)
            }
        }
    }
}
