import Linking
import ObjectModel
import TestSupport
import Testing

/// Libraries as Debian ships them: every section of every member has the bytes that ld gives it.
@Suite struct LibraryTests {
    /// The path of a library for static linking.
    private static func path(_ library: String) throws -> String {
        let path = try Tool.output("gcc", ["-print-file-name=\(library)"]).filter { $0 != "\n" }
        try #require(path.hasPrefix("/"), "\(library): not installed")
        return path
    }

    @Test(
        "all members as one module are byte for byte what ld makes",
        arguments: [
            ("libsqlite3.a", 1_000_000), ("libz.a", 80_000), ("libgmp.a", 400_000), ("libzstd.a", 500_000),
            ("liblua5.4.a", 200_000), ("libcrypto.a", 3_500_000),
        ])
    func oneModule(_ library: String, _ size: Int) throws {
        let comparison = try LibraryComparison(Self.path(library), as: .oneModule)
        #expect(comparison.differences == [])
        #expect(comparison.comparedBytes > size, "\(comparison.comparedBytes)")
    }

    @Test("each member as a module of its own is byte for byte what ld makes", arguments: ["libcrypto.a", "libz.a"])
    func oneModuleEach(_ library: String) throws {
        let comparison = try LibraryComparison(Self.path(library), as: .oneModuleEach)
        #expect(comparison.differences == [])
        #expect(comparison.linked.modules.count >= 15)
    }

    @Test("all members of the C++ library but those with thread-local variables are what ld makes")
    func plusPlus() throws {
        let comparison = try LibraryComparison(Self.path("libstdc++.a"), as: .oneModule) { object in
            object.sections.contains { $0.isThreadLocal } || object.symbols.contains { $0.type == .threadLocal }
        }
        #expect(comparison.differences == [])
        #expect(comparison.comparedUses > 4000, "\(comparison.comparedUses)")
    }
}
