import ObjectModel

extension Draft {
    /// Finds the variable of a parameter that no object declares, and what the value is for it: the symbol's size tells (insmod(8) of
    /// the kernels of modules(2)).
    mutating func planUndeclared(_ parameter: Parameter, _ problems: inout ProblemList) {
        let place = "parameter '\(shown(parameter.name))'"
        guard let variable = variable(parameter.name) else {
            problems.add(source.name, place, "the module has no variable of that name")
            return
        }
        let size = objects[variable.object].symbols[variable.symbol].size
        if let reason = refusal(of: variable, size: size) {
            problems.add(source.name, place, reason)
        } else if let bytes = Self.numbers(parameter.value, size: size) {
            parameters.append(PlannedParameter(variable: variable, value: .bytes(bytes)))
        } else if size == architecture.pointerSize, let room = keep(Array(parameter.value.utf8) + [0]) {
            parameters.append(PlannedParameter(variable: variable, value: .pointer(room)))
        } else if UInt64(parameter.value.utf8.count) < size, size != 2, size != 4 {
            parameters.append(PlannedParameter(variable: variable, value: .bytes(Array(parameter.value.utf8) + [0])))
        } else {
            problems.add(
                source.name, place, "the value '\(shown(parameter.value))' does not fit a variable of \(size) bytes")
        }
    }

    /// Numbers in the bytes of a variable: one of the variable's own width, or several of 4 bytes. Nil when the value is not
    /// made of numbers, or they do not fit.
    private static func numbers(_ value: String, size: UInt64) -> [UInt8]? {
        let items = value.split(separator: ",", omittingEmptySubsequences: false)
        let single = items.count == 1 && [1, 2, 4, 8].contains(size)
        let type = NumberType.either("", single ? size : 4)
        guard UInt64(items.count) <= size / type.width else { return nil }
        var bytes: [UInt8] = []
        for item in items {
            guard let number = WrittenNumber(item), number.isIn(type.minimum, type.maximum) else { return nil }
            bytes += number.bits.littleEndianBytes(Int(type.width))
        }
        return bytes
    }
}
