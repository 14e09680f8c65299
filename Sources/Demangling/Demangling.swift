import CDemangling

/// The most bytes that a mangled name may have, and that it may say: others stay as they are.
public let demanglingLimits = (name: 1024, text: 1024)

/// What a name that a C++ compiler has made says, as `c++filt` and `nm -C` have it: `ns::slice(int)` of `_ZN2ns5sliceEi`. Nil when it is no
/// such name.
///
/// The name is from outside: so is the text, of which nothing is known but that it has 1,024 bytes at the most.
public func demangled(_ name: ArraySlice<UInt8>) -> [UInt8]? {
    guard name.count <= demanglingLimits.name, name.starts(with: "_Z".utf8), !name.contains(0) else { return nil }
    let terminated = name.map { CChar(bitPattern: $0) } + [0]
    let text = [UInt8](unsafeUninitializedCapacity: demanglingLimits.text) { buffer, count in
        count = buffer.withMemoryRebound(to: CChar.self) { place in
            place.baseAddress.map { cdemangling_demangle(terminated, $0, place.count) } ?? 0
        }
    }
    return text.isEmpty ? nil : text
}

/// The same of a text; the text itself when it is no such name.
public func demangled(_ name: String) -> String {
    demangled(Array(name.utf8)[...]).map { String(decoding: $0, as: UTF8.self) } ?? name
}
