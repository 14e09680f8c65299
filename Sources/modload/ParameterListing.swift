import Linking

/// The parameters that modules declare, as text.
enum ParameterListing {
    /// A line a parameter, `NAME:DESCRIPTION (TYPE)`, as `modinfo -p` has it; of several modules with the module's name before it.
    static func text(_ sources: [ModuleSource]) -> String {
        sources.map { source in
            let prefix = sources.count > 1 ? source.name + "." : ""
            return DeclaredParameter.all(of: source.objects).map { parameter in
                "\(prefix)\(parameter.name):\(parameter.description ?? "") (\(parameter.type))\n"
            }.joined()
        }.joined()
    }
}
