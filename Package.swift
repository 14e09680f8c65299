// swift-tools-version: 6.2
import PackageDescription

let warnings: [SwiftSetting] = [.treatAllWarnings(as: .error)]
let strict: [SwiftSetting] = warnings + [.strictMemorySafety()]
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
    name: "modlink",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    ],
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
        .target(name: "SpaceProtocol", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .target(name: "SpaceControl", dependencies: ["Posix", "SpaceProtocol"], swiftSettings: warnings),
        .target(name: "ModlinkInterface", dependencies: ["Posix", "Varlink"], swiftSettings: warnings),
        .target(
            name: "ModuleService",
            dependencies: [
                "ObjectModel", "SymbolTable", "Linking", "ModuleTable", "ELFFormat", "Posix", "SpaceControl", "Varlink",
                "ModlinkInterface", logging,
            ], swiftSettings: warnings),
        .executableTarget(
            name: "modlinkd",
            dependencies: ["Posix", "Varlink", "ModlinkInterface", "ModuleService", "ToolSupport", arguments, logging],
            swiftSettings: warnings),
        .target(
            name: "ToolSupport", dependencies: ["Posix", "Varlink", "ModlinkInterface", arguments],
            swiftSettings: warnings),
        .executableTarget(
            name: "modunload", dependencies: ["ModlinkInterface", "ToolSupport", arguments], swiftSettings: warnings),
        .executableTarget(
            name: "modstat", dependencies: ["Posix", "Varlink", "ModlinkInterface", "ToolSupport", arguments],
            swiftSettings: warnings),
        .executableTarget(
            name: "ksyms",
            dependencies: [
                "ObjectModel", "SymbolTable", "ELFFormat", "Posix", "Varlink", "ModlinkInterface", "ToolSupport",
                arguments,
            ], swiftSettings: warnings),
        .executableTarget(
            name: "modload",
            dependencies: [
                "ObjectModel", "SymbolTable", "Linking", "ELFFormat", "Posix", "Varlink", "ModlinkInterface",
                "ToolSupport", arguments,
            ], swiftSettings: warnings),
    ],
    swiftLanguageModes: [.v6]
)
