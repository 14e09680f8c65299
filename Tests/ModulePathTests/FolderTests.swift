import ModlinkInterface
import Testing

@testable import ModulePath

/// Which folders modules are found in.
@Suite struct FolderTests {
    @Test("folders have colons between them; relative ones start from the working directory, each counts once")
    func named() throws {
        func folders(_ text: String) throws(Failure) -> [String] {
            try ModuleFolders.folders(in: text) { () throws(Failure) in "/home/u" }
        }
        #expect(try folders("/a:/b") == ["/a", "/b"])
        #expect(try folders("a/b:./c:.") == ["/home/u/a/b", "/home/u/c", "/home/u"])
        #expect(try folders("/a/::/a:/a//.") == ["/a"])
        #expect(try folders("") == [])
    }

    @Test("the installed folders are those of the prefix, and for users other than root their own before")
    func installed() {
        func folders(_ user: UInt32, _ executable: String, _ variables: [String: String] = [:]) -> [String] {
            ModuleFolders.installed(user: user, executable: executable) { variables[$0] }
        }
        #expect(folders(0, "/usr/local/sbin/modlinkd") == ["/usr/local/lib/modlink/modules"])
        #expect(folders(0, "/opt/x/libexec/modlink/modlinkd") == ["/opt/x/lib/modlink/modules"])
        #expect(folders(0, "/sbin/modlinkd", ["HOME": "/root"]) == ["/lib/modlink/modules"])
        #expect(
            folders(1000, "/usr/sbin/modlinkd", ["HOME": "/home/u"]) == [
                "/home/u/.local/share/modlink/modules", "/usr/lib/modlink/modules",
            ])
        #expect(
            folders(1000, "/usr/sbin/modlinkd", ["HOME": "/home/u", "XDG_DATA_HOME": "/data/"]) == [
                "/data/modlink/modules", "/usr/lib/modlink/modules",
            ])
        // A relative one is not valid: XDG Base Directory Specification.
        #expect(folders(1000, "/usr/sbin/modlinkd", ["XDG_DATA_HOME": "data"]) == ["/usr/lib/modlink/modules"])
    }
}
