import ModuleIndex
import ModulePath
import ObjectModel

/// What would be loaded, in which order and why, as text.
enum PlanReport {
    /// More symbols of one user than that are counted.
    private static let symbolLimit = 4

    /// A line a module: `gurka: x86-64, /folder/gurka.o: for sallad (slice, gurka_count)`.
    static func text(_ plan: PlannedLoad) -> String {
        var text = "would load, in this order:\n"
        for (number, member) in plan.members.enumerated() {
            let object = member.source.objects.first
            var line = "  \(number + 1). \(member.source.name): \(object?.architecture.name ?? "")"
            if let object { line += ", \(printableLines(object.name))" }
            let reasons = (member.root != nil ? ["named"] : []) + member.reasons.map(reason)
            text += "\(line): \(reasons.joined(separator: "; "))\n"
        }
        return text
    }

    private static func reason(_ reason: LoadPlan.Reason) -> String {
        var parts = reason.isRequired ? ["required by name"] : []
        if reason.isListed, parts.isEmpty, reason.symbols.isEmpty { parts.append("in its list of dependencies") }
        parts += reason.symbols.prefix(symbolLimit)
        let more = reason.symbols.count - symbolLimit
        if more > 0 { parts.append("and \(more) more") }
        return "for \(reason.user) (\(parts.joined(separator: ", ")))"
    }
}
