import Linking
import ObjectModel

extension LinkMap {
    /// The decisions as text for people, one a line: each section that is not empty, each symbol that comes from elsewhere.
    func lines(for objects: [Object]) -> [String] {
        var lines: [String] = []
        for placed in sections {
            let object = objects[placed.object]
            let section = object.sections[placed.section]
            guard section.size > 0 else { continue }
            let place =
                placed.address.map { "at \(hexadecimal($0)) in \(placed.output)" } ?? "left out"
            lines.append("\(object.name): section '\(object.wholeText(section.name))': \(section.size) bytes \(place)")
        }
        for resolved in symbols {
            let object = objects[resolved.object]
            var line = "\(object.name): symbol '\(object.wholeText(object.symbols[resolved.symbol].name))': "
            switch resolved.origin {
            case .nowhere: line += "weak, and defined nowhere: 0"
            case .object(let other): line += "\(hexadecimal(resolved.address)), of \(objects[other].name)"
            case .linker: line += "\(hexadecimal(resolved.address)), made by the linker"
            case .space: line += "\(hexadecimal(resolved.address)), of the space"
            case .module(let name): line += "\(hexadecimal(resolved.address)), of module \(name)"
            }
            if resolved.hasStub {
                line += ", called through a stub"
            } else if resolved.hasTableEntry {
                line += ", read out of the global offset table"
            }
            lines.append(line)
        }
        return lines
    }
}
