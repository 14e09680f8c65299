import Glibc

extension Standard {
    /// Lets a standard descriptor be that file from now on (dup2(2)); what it was is closed.
    public static func replace(_ number: Int32, with file: borrowing Descriptor) throws(SystemError) {
        let source = file.number
        _ = try systemCall("dup2", on: "descriptor \(number)") { dup2(source, number) }
    }

    /// Writes the bytes as they are; see ``write(_:)-(String)``.
    public func write(_ bytes: [UInt8]) throws(SystemError) {
        let descriptor = Descriptor(owning: number)
        let result: Result<Void, SystemError>
        do throws(SystemError) {
            result = .success(try File.writeAll(descriptor, bytes, name: name))
        } catch {
            result = .failure(error)
        }
        _ = descriptor.release()
        return try result.get()
    }

    /// What it is (fstat(2)).
    public func status() throws(SystemError) -> FileStatus {
        // Lent, not owned: it is given back open.
        let descriptor = Descriptor(owning: number)
        let result: Result<FileStatus, SystemError>
        do throws(SystemError) {
            result = .success(try File.status(descriptor))
        } catch {
            result = .failure(error)
        }
        _ = descriptor.release()
        return try result.get()
    }
}
