import Glibc

extension File {
    /// Reads a whole file: a regular one by pread(2) from its start, wherever its offset is; anything else until its end.
    ///
    /// A regular file whose size is known is read into its array directly.
    /// - Parameter limit: bytes; a file with more is EFBIG, and a regular one is not read at all then.
    public static func readAll(
        _ descriptor: borrowing Descriptor, name: String? = nil, limit: Int
    ) throws(SystemError) -> [UInt8] {
        let status = try status(descriptor, name: name)
        guard status.isRegular else {
            return try readUntilEnd(descriptor, after: [], limit: limit, name: nameOf(descriptor, name)) {
                (number, place, count, _) in
                Glibc.read(number, place, count)
            }
        }
        guard status.size <= UInt64(max(limit, 0)), let size = Int(exactly: status.size) else {
            throw tooLarge(nameOf(descriptor, name), limit: limit)
        }
        let bytes = try read(descriptor, at: 0, count: size, name: name)
        // A file of /proc says that it is empty, and a file that is being written grows.
        guard bytes.count == size else { return bytes }
        return try readUntilEnd(descriptor, after: bytes, limit: limit, name: nameOf(descriptor, name)) {
            pread($0, $1, $2, off_t($3))
        }
    }

    /// Reads the whole file of that path; see ``readAll(_:name:limit:)``.
    public static func read(path: String, limit: Int) throws(SystemError) -> [UInt8] {
        try readAll(open(path, .read), name: path, limit: limit)
    }

    /// Reads what is there (read(2)): up to `maximum` bytes, waiting for the first. Empty at the end.
    public static func readSome(
        _ descriptor: borrowing Descriptor, maximum: Int, name: String? = nil
    ) throws(SystemError) -> [UInt8] {
        let number = descriptor.number
        return try filled(capacity: maximum) { (buffer) throws(SystemError) in
            try systemCall("read", on: nameOf(descriptor, name)) {
                Glibc.read(number, buffer.baseAddress, buffer.count)
            }
        }
    }

    /// Reads that many bytes at an offset, fewer only where the file ends (pread(2)). The file's own offset stays.
    public static func read(
        _ descriptor: borrowing Descriptor, at offset: UInt64, count: Int, name: String? = nil
    ) throws(SystemError) -> [UInt8] {
        let number = descriptor.number
        guard let start = off_t(exactly: offset) else { return [] }
        return try filled(capacity: count) { (buffer) throws(SystemError) in
            var done = 0
            while done < buffer.count {
                let rest = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[done...])
                let (place, overflow) = start.addingReportingOverflow(off_t(done))
                if overflow { break }
                let more = try systemCall("pread", on: nameOf(descriptor, name)) {
                    pread(number, rest.baseAddress, rest.count, place)
                }
                if more == 0 { break }
                done += more
            }
            return done
        }
    }

    /// Appends what follows the bytes that are known, chunk by chunk.
    ///
    /// - Parameter call: reads into (pointer, count), from (offset) where the call takes one.
    private static func readUntilEnd(
        _ descriptor: borrowing Descriptor, after known: consuming [UInt8], limit: Int, name: String,
        _ call: (Int32, UnsafeMutableRawPointer?, Int, Int) -> Int
    ) throws(SystemError) -> [UInt8] {
        let number = descriptor.number
        var bytes = known
        var chunk = 4096
        while true {
            // One byte more than may come, to find out that it does.
            let wanted = min(chunk - 1, max(limit, 0) - bytes.count) + 1
            let offset = bytes.count
            let more = try filled(capacity: wanted) { (buffer) throws(SystemError) in
                try systemCall("read", on: name) { call(number, buffer.baseAddress, buffer.count, offset) }
            }
            if more.isEmpty { return bytes }
            bytes += more
            if bytes.count > limit { throw tooLarge(name, limit: limit) }
            chunk = min(chunk * 2, 1 << 20)
        }
    }

    private static func tooLarge(_ name: String, limit: Int) -> SystemError {
        SystemError(call: "read", subject: "\(name): more than \(limit) bytes", code: EFBIG)
    }
}

extension File {
    /// What a symbolic link says (readlink(2)).
    public static func readLink(_ path: String) throws(SystemError) -> String {
        try refuseNUL(in: path, call: "readlink")
        let bytes = try filled(capacity: Int(PATH_MAX)) { (buffer) throws(SystemError) in
            try systemCall("readlink", on: path) {
                buffer.withMemoryRebound(to: CChar.self) { place in
                    place.baseAddress.map { readlink(path, $0, place.count) } ?? 0
                }
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// An array that a call fills in place; the closure returns how many bytes it wrote.
func filled(
    capacity: Int, _ body: (UnsafeMutableBufferPointer<UInt8>) throws(SystemError) -> Int
) throws(SystemError) -> [UInt8] {
    try [UInt8](capacity: max(capacity, 0)) { (output: inout OutputSpan<UInt8>) throws(SystemError) in
        try output.withUnsafeMutableBufferPointer { (buffer, count) throws(SystemError) in
            // The allocation may be larger than was asked for.
            count = try body(UnsafeMutableBufferPointer(rebasing: buffer[..<max(capacity, 0)]))
        }
    }
}
