import Linking
import ObjectModel
import TestSupport
import Testing

/// Libraries as Debian ships them: every section of every member has the bytes that ld gives it.
@Suite struct LibraryTests {
    @Test(
        "all members as one module are byte for byte what ld makes",
        arguments: [
            ("libsqlite3.a", 1_000_000), ("libz.a", 80_000), ("libgmp.a", 400_000), ("libzstd.a", 500_000),
            ("liblua5.4.a", 200_000), ("libcrypto.a", 3_500_000),
        ])
    func oneModule(_ library: String, _ size: Int) throws {
        let comparison = try LibraryComparison(Compiler.library(library), as: .oneModule)
        #expect(comparison.differences == [])
        #expect(comparison.comparedBytes > size, "\(comparison.comparedBytes)")
    }

    // All of libcrypto would take ld a minute: for each statement of a script it looks at each file.
    @Test(
        "each member as a module of its own is byte for byte what ld makes",
        arguments: [("libcrypto.a", 4), ("libgmp.a", 3), ("libz.a", 1)])
    func oneModuleEach(_ library: String, _ step: Int) throws {
        let comparison = try LibraryComparison(Compiler.library(library), as: .oneModuleEach, step: step)
        #expect(comparison.differences == [])
        #expect(comparison.linked.modules.count >= 15)
    }

    @Test("all members of the C++ library are what ld makes") func plusPlus() throws {
        let comparison = try LibraryComparison(Compiler.library("libstdc++.a"), as: .oneModule)
        #expect(comparison.differences == [])
        #expect(comparison.comparedUses > 4000, "\(comparison.comparedUses)")
    }

    @Test(
        "code of the kernel's model at the kernel's addresses is what ld makes",
        arguments: ["-O0", "-O1", "-O2", "-Os"])
    func kernel(_ level: String) throws {
        let texts = (0..<20).map { number in
            """
            extern int _printk(const char *, ...), jiffies, shared_\((number + 1) % 20)(int);
            extern struct { int a, b; } current[];
            static int counts[64], *where = &counts[7];
            static const char *const names[] = { "gurka", "tomat", "sallad" };
            int shared_\(number)(int n)
            {
                switch (n) {
                case 0: return jiffies; case 1: return current[n].b; case 2: return *where++; case 3: return counts[n];
                case 4: return _printk(names[n - 2], n); case 5: return (int)(long)names; case 6: return shared_\((number + 1) % 20)(n - 1);
                default: return n;
                }
            }
            """
        }
        let objects = try texts.enumerated().map {
            try object($1, [level, "-mcmodel=kernel", "-fno-pic", "-ffunction-sections"], name: "m\($0).o")
        }
        let comparison = try LibraryComparison(
            objects, as: .oneModuleEach, window: 0xffff_ffff_c000_0000..<0xffff_ffff_ff00_0000,
            symbols: 0xffff_ffff_8100_0000)
        #expect(comparison.differences == [])
        #expect(comparison.comparedBytes > 4000)
    }
}
