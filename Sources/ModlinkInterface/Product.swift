/// What this is, as `--version` and `org.varlink.service.GetInfo` say it.
public enum Product {
    /// The name of the whole.
    public static let name = "modlink"
    /// The version of the whole: tools, daemon and space are of one version.
    public static let version = "0.1.0"
    /// Who makes it.
    public static let vendor = "modlink"
    /// Where to read about it.
    public static let url = "https://github.com/modlink/modlink"
    /// What `TOOL --version` prints.
    public static func version(of tool: String) -> String { "\(tool) (\(name)) \(version)" }
}
