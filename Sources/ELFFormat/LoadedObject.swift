import ObjectModel

/// An object as a debugger is given it: relocatable, with the addresses of its sections filled in (`sh_addr`).
public struct LoadedObject: Sendable {
    /// The object.
    public let object: Object
    /// Where each of its sections lies in memory; 0 for those that do not.
    public let addresses: [UInt64]

    /// Reads the object in a file's bytes.
    ///
    /// - Parameter name: what messages call the file.
    public init(_ bytes: [UInt8], name: String) throws(Problem) {
        object = try ELFObjectReader.read(bytes, name: name)
        addresses = try ELFLayout(bytes, file: name).sections.map(\.address)
    }
}
