import CPosix
import Glibc
import Synchronization

extension File {
    /// Writes all bytes (write(2)), in one call where the kernel takes them so. A reader that has gone is EPIPE and no signal.
    public static func writeAll(
        _ descriptor: borrowing Descriptor, _ bytes: RawSpan, name: String? = nil
    ) throws(SystemError) {
        let number = descriptor.number
        try forAll(bytes) { (rest, _) throws(SystemError) in
            try systemCall("write", on: nameOf(descriptor, name)) {
                cposix_write(number, rest.baseAddress, rest.count)
            }
        }
    }

    /// Writes all bytes; see ``writeAll(_:_:name:)-(_,RawSpan,_)``.
    public static func writeAll(
        _ descriptor: borrowing Descriptor, _ bytes: [UInt8], name: String? = nil
    ) throws(SystemError) {
        try writeAll(descriptor, bytes.span.bytes, name: name)
    }

    /// Writes all bytes at an offset of a file, which grows as needed (pwrite(2)). The file's own offset stays.
    public static func write(
        _ descriptor: borrowing Descriptor, _ bytes: RawSpan, at offset: UInt64, name: String? = nil
    ) throws(SystemError) {
        let number = descriptor.number
        guard let start = off_t(exactly: offset), !start.addingReportingOverflow(bytes.byteCount).overflow else {
            throw SystemError(call: "pwrite", subject: nameOf(descriptor, name), code: EFBIG)
        }
        try forAll(bytes) { (rest, done) throws(SystemError) in
            try systemCall("pwrite", on: nameOf(descriptor, name)) {
                pwrite(number, rest.baseAddress, rest.count, start + off_t(done))
            }
        }
    }

    /// Writes all bytes at an offset; see ``write(_:_:at:name:)-(_,RawSpan,_,_)``.
    public static func write(
        _ descriptor: borrowing Descriptor, _ bytes: [UInt8], at offset: UInt64, name: String? = nil
    ) throws(SystemError) {
        try write(descriptor, bytes.span.bytes, at: offset, name: name)
    }

    /// Gives a path a new content in one step: who opens it reads the old one or the new one, whole.
    ///
    /// The bytes go to a temporary file of the same directory, which rename(2) then puts into place. Nothing waits for
    /// the device. On failure (ENOSPC and all others) the old content is there and the temporary file is not.
    /// - Parameter permissions: of the file, whatever umask(2) is.
    public static func writeAtomically(_ path: String, _ bytes: RawSpan, permissions: UInt32) throws(SystemError) {
        try writeAtomically(path, permissions: permissions) { (descriptor) throws(SystemError) in
            try writeAll(descriptor, bytes, name: path)
        }
    }

    /// Gives a path a new content in one step; see ``writeAtomically(_:_:permissions:)-(_,RawSpan,_)``.
    public static func writeAtomically(_ path: String, _ bytes: [UInt8], permissions: UInt32) throws(SystemError) {
        try writeAtomically(path, bytes.span.bytes, permissions: permissions)
    }

    /// The same, with what a closure writes.
    private static func writeAtomically(
        _ path: String, permissions: UInt32, _ write: (borrowing Descriptor) throws(SystemError) -> Void
    ) throws(SystemError) {
        try refuseNUL(in: path, call: "open")
        let (temporary, file) = try createTemporary(beside: path)
        do throws(SystemError) {
            let descriptor = Descriptor(owning: file)
            try changeMode(descriptor, permissions, name: path)
            try write(descriptor)
            try descriptor.close(name: path)
            _ = try systemCall("rename", on: path) { Glibc.rename(temporary, path) }
        } catch {
            unlink(temporary)
            throw error
        }
    }

    /// Gives a path that a user has named a new content: a file in one step, as ``writeAtomically(_:_:permissions:)-(_,[UInt8],_)``
    /// does, with the permissions that umask(2) leaves it. What is there already and is no file, a device or a pipe, is written to.
    public static func writeOutput(_ path: String, _ bytes: [UInt8]) throws(SystemError) {
        try writeOutput(path) { (descriptor) throws(SystemError) in try writeAll(descriptor, bytes, name: path) }
    }

    /// Gives a path that a user has named the content of an open file, as ``writeOutput(_:_:)`` does.
    ///
    /// - Parameter name: what an error calls that file.
    public static func writeOutput(
        _ path: String, copyOf source: borrowing Descriptor, name: String
    ) throws(SystemError) {
        // A borrowed one cannot be captured.
        let number = source.number
        try writeOutput(path) { (descriptor) throws(SystemError) in
            // Small enough to stay in the processor's cache.
            try withUnsafeTemporaryAllocation(byteCount: copyPieceSize, alignment: 16) { (piece) throws(SystemError) in
                var offset: off_t = 0
                while true {
                    let count = try systemCall("pread", on: name) {
                        pread(number, piece.baseAddress, piece.count, offset)
                    }
                    if count == 0 { return }
                    offset += off_t(count)
                    let part = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(piece)[..<count])
                    try writeAll(descriptor, part.bytes, name: path)
                }
            }
        }
    }

    private static let copyPieceSize = 256 << 10

    private static func writeOutput(
        _ path: String, _ write: (borrowing Descriptor) throws(SystemError) -> Void
    ) throws(SystemError) {
        if let present = try? status(path: path), !present.isRegular { return try write(try open(path, .write)) }
        // It can be asked only by setting it.
        let mask = umask(0o077)
        umask(mask)
        try writeAtomically(path, permissions: 0o666 & ~mask, write)
    }

    /// A new file in the directory of `path`, for its owner alone. Its name does not contain that of `path`, which may be
    /// as long as a name can be.
    static func createTemporary(beside path: String) throws(SystemError) -> (path: String, file: Int32) {
        let directory = path.lastIndex(of: "/").map { path[...$0] } ?? ""
        while true {
            let number = temporaryFiles.add(1, ordering: .relaxed).newValue
            let temporary = "\(directory).temporary-\(getpid())-\(number)"
            let file = temporary.withCString { Glibc.open($0, O_CLOEXEC | O_WRONLY | O_CREAT | O_EXCL, 0o600) }
            if file >= 0 { return (temporary, file) }
            let code = errno
            // EEXIST: left by a process of the same number that was killed.
            if code != EEXIST, code != EINTR { throw SystemError(call: "open", subject: path, code: code) }
        }
    }
}

private let temporaryFiles = Atomic<UInt64>(0)

/// Calls until all bytes are done; the closure gets the rest and how many are done, and returns how many it did.
func forAll(
    _ bytes: RawSpan, _ body: (UnsafeRawBufferPointer, Int) throws(SystemError) -> Int
) throws(SystemError) {
    try bytes.withUnsafeBytes { (all) throws(SystemError) in
        var done = 0
        while done < all.count {
            done += try body(UnsafeRawBufferPointer(rebasing: all[done...]), done)
        }
    }
}
