// swift-tools-version: 6.2
import PackageDescription

let warnings: [SwiftSetting] = [.treatAllWarnings(as: .error)]
let strict: [SwiftSetting] = warnings + [.strictMemorySafety()]

let package = Package(
    name: "modlink",
    dependencies: [],
    targets: [
        .target(name: "ObjectModel", swiftSettings: strict),
        .target(name: "Relocation", dependencies: ["ObjectModel"], swiftSettings: strict),
        .target(name: "SymbolTable", dependencies: ["ObjectModel"], swiftSettings: strict),
        .target(
            name: "Linking", dependencies: ["ObjectModel", "Relocation", "SymbolTable"], swiftSettings: strict),
        .target(name: "ModuleTable", swiftSettings: strict),
        .systemLibrary(
            name: "CLibELF", pkgConfig: "libelf", providers: [.apt(["libelf-dev"])]),
        .target(
            name: "ELFFormat", dependencies: ["CLibELF", "ObjectModel", "Relocation"], swiftSettings: strict),
        .target(name: "CPosix", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .target(
            name: "Posix", dependencies: ["CPosix"],
            swiftSettings: warnings + [.enableExperimentalFeature("Lifetimes")]),
        .target(name: "Varlink", dependencies: ["Posix"], swiftSettings: warnings),
        .target(name: "ModlinkInterface", dependencies: ["Posix", "Varlink"], swiftSettings: warnings),
        .target(
            name: "TestSupport", dependencies: ["Posix"], path: "Tests/TestSupport", swiftSettings: warnings),
        .testTarget(name: "ObjectModelTests", dependencies: ["ObjectModel"], swiftSettings: warnings),
        .testTarget(
            name: "RelocationTests", dependencies: ["ObjectModel", "Relocation", "TestSupport"],
            swiftSettings: warnings),
        .testTarget(
            name: "SymbolTableTests", dependencies: ["ObjectModel", "SymbolTable"], swiftSettings: warnings),
        .testTarget(name: "ModuleTableTests", dependencies: ["ModuleTable"], swiftSettings: warnings),
        .testTarget(
            name: "ELFFormatTests",
            dependencies: ["ELFFormat", "Linking", "ObjectModel", "Posix", "SymbolTable", "TestSupport"],
            swiftSettings: warnings),
        .testTarget(
            name: "LinkingTests",
            dependencies: ["ELFFormat", "Linking", "ObjectModel", "Posix", "SymbolTable", "TestSupport"],
            swiftSettings: warnings),
    ],
    swiftLanguageModes: [.v6]
)
