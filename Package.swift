// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [.treatAllWarnings(as: .error), .strictMemorySafety()]

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
    ],
    swiftLanguageModes: [.v6]
)
