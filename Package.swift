// swift-tools-version: 6.2
import PackageDescription

let warnings: [SwiftSetting] = [.treatAllWarnings(as: .error)]
/// For targets that have no business with memory as such: each exception says so.
let strict: [SwiftSetting] = warnings + [.strictMemorySafety()]
let cWarnings: [CSetting] = [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]

let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

// The order is that of the design: a target imports only what stands above it.
let core: [Target] = [
    .target(name: "ObjectModel", swiftSettings: strict),
    .target(name: "Relocation", dependencies: ["ObjectModel"], swiftSettings: strict),
    .target(name: "SymbolTable", dependencies: ["ObjectModel"], swiftSettings: strict),
    .target(name: "Linking", dependencies: ["ObjectModel", "Relocation", "SymbolTable"], swiftSettings: strict),
    .target(name: "ModuleTable", dependencies: ["ObjectModel"], swiftSettings: strict),
    .target(name: "ModuleIndex", dependencies: ["ObjectModel"], swiftSettings: strict),
    .target(name: "CrashReport", dependencies: ["ObjectModel"], swiftSettings: strict),
    // What gzip(1), xz(1) and zstd(1) are made of: bytes in, bytes out.
    .target(
        name: "CDecompression", cSettings: cWarnings,
        linkerSettings: [.linkedLibrary("lzma"), .linkedLibrary("z"), .linkedLibrary("zstd")]),
    .target(name: "Decompression", dependencies: ["CDecompression"], swiftSettings: warnings),
    .systemLibrary(name: "CLibELF", pkgConfig: "libelf", providers: [.apt(["libelf-dev"])]),
    .target(
        name: "ELFFormat", dependencies: ["CLibELF", "Decompression", "ObjectModel", "Relocation"],
        swiftSettings: strict),
    .target(name: "AOutFormat", dependencies: ["ObjectModel", "Relocation"], swiftSettings: strict),
    .target(
        name: "ObjectFormats", dependencies: ["AOutFormat", "Decompression", "ELFFormat", "ObjectModel"],
        swiftSettings: strict),
]

let effects: [Target] = [
    .systemLibrary(name: "CLibDW", pkgConfig: "libdw", providers: [.apt(["libdw-dev"])]),
    .target(name: "CallFrames", dependencies: ["CLibDW", "CrashReport"], swiftSettings: warnings),
    // What c++filt(1) and gdb have: it is asked to read names that nobody has checked, and stops when there is enough.
    .target(name: "CDemangling", cSettings: cWarnings, linkerSettings: [.linkedLibrary("iberty")]),
    .target(name: "Demangling", dependencies: ["CDemangling"], swiftSettings: warnings),
    .target(name: "CPosix", cSettings: cWarnings),
    .target(name: "Posix", dependencies: ["CPosix"], swiftSettings: warnings),
    .target(name: "SpaceProtocol", cSettings: cWarnings),
    .target(name: "SpaceControl", dependencies: ["ObjectModel", "Posix", "SpaceProtocol"], swiftSettings: warnings),
    .target(name: "Varlink", dependencies: ["Posix"], swiftSettings: warnings),
    .target(
        name: "ModlinkInterface", dependencies: ["CrashReport", "ObjectModel", "Posix", "Varlink"],
        swiftSettings: warnings),
    .target(
        name: "SymbolQueries",
        dependencies: ["ELFFormat", "ModlinkInterface", "ObjectModel", "Relocation", "SymbolTable"],
        swiftSettings: warnings),
    .target(
        name: "ModulePath",
        dependencies: [
            "ObjectModel", "SymbolTable", "Linking", "ModuleIndex", "ObjectFormats", "Posix", "ModlinkInterface",
        ], swiftSettings: warnings),
    .target(
        name: "ModuleService",
        dependencies: [
            "CallFrames", "CrashReport", "ObjectModel", "SymbolTable", "Linking", "ModuleTable", "ModuleIndex",
            "ELFFormat",
            "ObjectFormats", "Posix", "SpaceControl", "ModulePath", "SymbolQueries", "Varlink", "ModlinkInterface",
            logging,
        ], swiftSettings: warnings),
]

let programs: [Target] = [
    .target(
        name: "ToolSupport", dependencies: ["ObjectModel", "Posix", "Varlink", "ModlinkInterface", arguments],
        swiftSettings: warnings),
    .executableTarget(
        name: "modlinkd",
        dependencies: [
            "ObjectModel", "Posix", "Varlink", "ModlinkInterface", "ModuleService", "ToolSupport", arguments, logging,
        ],
        swiftSettings: warnings),
    .executableTarget(
        name: "modload",
        dependencies: [
            "ObjectModel", "SymbolTable", "Linking", "ModuleIndex", "ELFFormat", "ObjectFormats", "Posix", "Varlink",
            "Demangling", "ModlinkInterface", "ModulePath", "SymbolQueries", "ToolSupport", arguments,
        ], swiftSettings: warnings),
    .executableTarget(
        name: "modunload", dependencies: ["ModlinkInterface", "ToolSupport", "Varlink", arguments],
        swiftSettings: warnings),
    .executableTarget(
        name: "modstat",
        dependencies: [
            "CrashReport", "ObjectModel", "SymbolTable", "Posix", "Varlink", "ModlinkInterface", "ToolSupport",
            arguments,
        ],
        swiftSettings: warnings),
    // Started by the daemon, for one crash: reads what nobody has checked.
    .executableTarget(
        name: "modreport",
        dependencies: [
            "CLibDW", "CallFrames", "CrashReport", "Demangling", "ELFFormat", "ModlinkInterface", "ObjectModel",
            "Posix",
            "SymbolTable",
        ], swiftSettings: warnings),
    .executableTarget(
        name: "ksyms",
        dependencies: [
            "ObjectModel", "SymbolTable", "ModuleIndex", "ELFFormat", "ObjectFormats", "Demangling", "Posix", "Varlink",
            "ModlinkInterface", "ModulePath", "SymbolQueries", "ToolSupport", arguments,
        ], swiftSettings: warnings),
]

func tests(_ name: String, of targets: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: targets + ["TestSupport"], swiftSettings: warnings)
}

let testTargets: [Target] = [
    .target(
        name: "TestSupport", dependencies: ["ObjectModel", "Posix"], path: "Tests/TestSupport", swiftSettings: warnings),
    .executableTarget(
        name: "benchmarks",
        dependencies: ["ELFFormat", "ObjectModel", "Posix", "SymbolQueries", "SymbolTable", "TestSupport"],
        path: "Tests/Benchmarks", exclude: ["Floors"], swiftSettings: warnings),
    tests("ObjectModelTests", of: ["ObjectModel"]),
    tests("RelocationTests", of: ["ObjectModel", "Relocation"]),
    tests("SymbolTableTests", of: ["ObjectModel", "SymbolTable"]),
    tests("ModuleTableTests", of: ["ModuleTable"]),
    tests("ModuleIndexTests", of: ["ModuleIndex", "ObjectModel"]),
    tests(
        "ModulePathTests",
        of: [
            "Linking", "ModlinkInterface", "ModuleIndex", "ModulePath", "ObjectFormats", "ObjectModel", "Posix",
            "SymbolTable",
        ]
    ),
    tests("DecompressionTests", of: ["Decompression"]),
    tests("ELFFormatTests", of: ["ELFFormat", "Linking", "ObjectModel", "Posix", "SymbolTable"]),
    tests("AOutFormatTests", of: ["AOutFormat", "ELFFormat", "Linking", "ObjectModel", "Relocation", "SymbolTable"]),
    tests("ObjectFormatsTests", of: ["ObjectFormats", "ObjectModel"]),
    tests("LinkingTests", of: ["ELFFormat", "Linking", "ObjectModel", "Posix", "Relocation", "SymbolTable"]),
    tests("DemanglingTests", of: ["Demangling"]),
    tests("PosixTests", of: ["Posix"]),
    tests("VarlinkTests", of: ["Posix", "Varlink"]),
    tests("SpaceControlTests", of: ["ObjectModel", "Posix", "SpaceControl"]),
    tests("ModlinkInterfaceTests", of: ["ModlinkInterface", "ObjectModel", "Posix", "Varlink"]),
    tests(
        "ModuleServiceTests",
        of: [
            "ELFFormat", "Linking", "ModlinkInterface", "ModuleService", "ModuleTable", "ObjectModel", "Posix",
            "SymbolTable", "Varlink", logging,
        ]),
    tests("ToolSupportTests", of: ["ModlinkInterface", "ToolSupport"]),
    tests("ModlinkdTests", of: ["ModlinkInterface", "Posix", "modlinkd", logging]),
    tests("ModloadTests", of: ["ModlinkInterface", "modload", arguments]),
    tests("ModstatTests", of: ["ModlinkInterface", "modstat"]),
    tests("KsymsTests", of: ["ELFFormat", "ModlinkInterface", "ObjectModel", "SymbolQueries", "SymbolTable", "ksyms"]),
    tests("SymbolQueriesTests", of: ["ELFFormat", "ModlinkInterface", "ObjectModel", "SymbolQueries", "SymbolTable"]),
    tests("CrashReportTests", of: ["CrashReport", "ObjectModel"]),
    tests("ModreportTests", of: ["CrashReport", "ModlinkInterface", "ObjectModel", "Posix", "modreport"]),
    // These run the programs themselves.
    tests(
        "SystemTests",
        of: [
            "ModlinkInterface", "Posix", "Varlink", "modlinkd", "modload", "modunload", "modstat", "ksyms",
        ]),
]

let package = Package(
    name: "modlink",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    ],
    targets: core + effects + programs + testTargets,
    swiftLanguageModes: [.v6]
)
