import ObjectModel

/// Reads what an a.out object offers and wants by name: its header and its symbols.
public enum AOutSummaryReader {
    /// The summary of an object's bytes.
    ///
    /// - Parameter name: what messages call the file.
    public static func read(_ bytes: [UInt8], name: String) throws(Problem) -> ObjectSummary {
        guard bytes.count <= Int(UInt32.max) else { throw Problem(subject: name, reason: "larger than 4 GiB") }
        let header = try AOutHeader(unsafe bytes.span.bytes, file: name)
        var summary = ObjectSummary(architecture: .i386, names: bytes)
        for symbol in try AOutSymbolReader(header: header, file: name, bytes: bytes).read()
        where symbol.binding != .local && symbol.name.count > 0 {
            if symbol.place != .undefined {
                guard !ObjectSummary.isOwn(bytes, symbol.name) else { continue }
                summary.definitions.append(
                    ObjectSummary.Definition(name: symbol.name, isWeak: symbol.binding != .global))
            } else if symbol.binding == .global, !ObjectSummary.isMadeByLinker(bytes, symbol.name) {
                summary.needs.append(symbol.name)
            }
        }
        return summary
    }
}
