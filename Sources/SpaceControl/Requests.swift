import Posix
import SpaceProtocol

// What can be asked: images and their memory.
extension Space {
    /// Maps an image: all its segments, or none.
    ///
    /// - Parameters:
    ///   - image: a file that is open for reading, such as the linker's ELF image.
    ///   - segments: 1 to 8 of them.
    ///   - objects: the number of a descriptor of the image's debug objects, as for ``register(_:ofImage:)``; nil: none.
    /// - Returns: where those are in the space's memory; 0 without any.
    /// - Throws: ``SpaceError/refused(_:_:)`` with EINVAL for segments that do not hold to what ``Segment`` says, EEXIST
    ///   for pages that are taken, EPERM for code from a file system that is mounted noexec, ENOMEM.
    @discardableResult public mutating func map(
        image: borrowing Descriptor, segments: [Segment], objects: Int32? = nil
    ) throws(SpaceError) -> UInt64 {
        guard segments.count <= Int(SPACE_SEGMENT_LIMIT) else {
            throw .refused(.map, ErrorCode.invalidArgument)
        }
        var request = packet(SPACE_MAP)
        request.count = UInt32(segments.count)
        fill(&request.segments, with: segments.map(\.packed))
        let reply = try ask(.map, request, descriptors: [image.number] + (objects.map { [$0] } ?? []))
        return UInt64(bitPattern: reply.result)
    }

    /// Takes an image out of memory.
    ///
    /// - Parameters:
    ///   - address: its lowest one.
    ///   - size: from there to the end of its last page.
    ///   - discards: whether descriptors that its code has opened are closed, and destructors that are pending in the thread of calls are
    ///     forgotten.
    /// - Returns: what its code had left open, or changed.
    /// - Throws: ``SpaceError/refused(_:_:)`` with EINVAL when no image is just there, EBUSY while its frames are registered, or
    ///   destructors of its thread-local variables are pending.
    @discardableResult public mutating func unmap(
        address: UInt64, size: UInt64, discards: Bool = false
    ) throws(SpaceError) -> ImageRemains {
        var request = packet(SPACE_UNMAP, address: address, size: size)
        request.flags = discards ? SPACE_DISCARD.rawValue : 0
        return ImageRemains(try ask(.unmap, request))
    }

    /// Maps a flat image: zeros that may be read, written and executed at once, as nothing else may.
    ///
    /// - Parameters:
    ///   - address: a multiple of the page size, inside the window.
    ///   - size: in bytes; its last page belongs to the image as a whole.
    /// - Throws: ``SpaceError/refused(_:_:)`` with EINVAL, EEXIST for pages that are taken, ENOMEM.
    public mutating func mapFlat(address: UInt64, size: UInt64) throws(SpaceError) {
        _ = try ask(.mapFlat, packet(SPACE_MAP_FLAT, address: address, size: size))
    }

    /// Copies the first bytes of a file into memory of images.
    ///
    /// - Parameters:
    ///   - address: where the first of them goes, in memory of images.
    ///   - size: how many of them; the file has to have as many.
    ///   - file: a regular file that is open for reading.
    /// - Throws: ``SpaceError/refused(_:_:)`` with EINVAL for such a file, EFAULT when not all of the memory is mapped and
    ///   writable, EIO when the file shrank meanwhile.
    public mutating func copy(to address: UInt64, size: UInt64, from file: borrowing Descriptor) throws(SpaceError) {
        _ = try ask(.fill, packet(SPACE_FILL, address: address, size: size), descriptors: [file.number])
    }

    /// Copies memory of images.
    ///
    /// - Throws: ``SpaceError/refused(_:_:)`` with EFAULT when not all of it is mapped and readable.
    public mutating func read(address: UInt64, count: Int) throws(SpaceError) -> [UInt8] {
        var result: [UInt8] = []
        for start in stride(from: 0, to: count, by: Int(SPACE_BYTE_LIMIT)) {
            let size = min(count - start, Int(SPACE_BYTE_LIMIT))
            let reply = try ask(
                .read, packet(SPACE_READ, address: address &+ UInt64(start), size: UInt64(size)))
            result += bytes(reply.bytes).prefix(size)
        }
        return result
    }

    /// Copies into memory of images, in pieces of 128 bytes: those before one that is refused have been written.
    ///
    /// - Throws: ``SpaceError/refused(_:_:)`` with EFAULT when not all of it is mapped and writable.
    public mutating func write(address: UInt64, _ content: [UInt8]) throws(SpaceError) {
        for start in stride(from: 0, to: content.count, by: Int(SPACE_BYTE_LIMIT)) {
            let piece = Array(content[start...].prefix(Int(SPACE_BYTE_LIMIT)))
            var request = packet(SPACE_WRITE, address: address &+ UInt64(start), size: UInt64(piece.count))
            fill(&request.bytes, with: piece)
            _ = try ask(.write, request)
        }
    }
}

// What can be asked: calls. Of each: SpaceError.faulted, .timedOut and .threadEnded say how a function did not return, and
// the space goes on. The thread that was stopped stands where it was until release() or the next of these.
extension Space {
    /// Calls a function with up to four words and returns the word that it returns.
    ///
    /// - Parameter timeout: how long it may run, in whole milliseconds, rounded up; nil is as long as it wants.
    public mutating func call(
        _ function: UInt64, _ arguments: [UInt64] = [], timeout: Duration? = nil
    ) throws(SpaceError) -> Int64 {
        guard arguments.count <= Int(SPACE_ARGUMENT_LIMIT) else {
            throw .refused(.call, ErrorCode.invalidArgument)
        }
        var request = packet(SPACE_CALL, address: function, timeout: timeout)
        fill(&request.arguments, with: arguments)
        return try ask(.call, request).result
    }

    /// Calls each function of an array of addresses that an image has, such as `.init_array`: `void (*)(void)`.
    ///
    /// - Parameters:
    ///   - reverse: from the last to the first, as `.fini_array` wants.
    ///   - timeout: for all of them together; see ``call(_:_:timeout:)``.
    /// - Throws: ``SpaceError/refused(_:_:)`` with EFAULT when the array is not in readable memory of images; the
    ///   ``Fault/index`` of others names the element.
    public mutating func callArray(
        address: UInt64, count: Int, reverse: Bool = false, timeout: Duration? = nil
    ) throws(SpaceError) {
        guard let count = UInt32(exactly: count) else {
            throw .refused(.callArray, ErrorCode.invalidArgument)
        }
        var request = packet(SPACE_CALL_ARRAY, address: address, timeout: timeout)
        request.count = count
        request.flags = reverse ? SPACE_REVERSE.rawValue : 0
        _ = try ask(.callArray, request)
    }

    /// Calls resolvers of symbols of type STT_GNU_IFUNC, of modules or of the space itself, and returns what each returns.
    ///
    /// - Parameter timeout: for each sixteen of them; see ``call(_:_:timeout:)``.
    public mutating func resolve(_ resolvers: [UInt64], timeout: Duration? = nil) throws(SpaceError) -> [UInt64] {
        var result: [UInt64] = []
        for start in stride(from: 0, to: resolvers.count, by: Int(SPACE_ADDRESS_LIMIT)) {
            let piece = Array(resolvers[start...].prefix(Int(SPACE_ADDRESS_LIMIT)))
            var request = packet(SPACE_RESOLVE, timeout: timeout)
            request.count = UInt32(piece.count)
            fill(&request.addresses, with: piece)
            do throws(SpaceError) {
                result += words(try ask(.resolve, request).results).prefix(piece.count)
            } catch {
                throw error.shifted(by: start)
            }
        }
        return result
    }

    /// Ends the thread that the last fault or deadline stopped, so that its stack goes. Nothing to do is no error.
    public mutating func release() throws(SpaceError) {
        _ = try ask(.release, packet(SPACE_RELEASE))
    }
}

// What can be asked: tables that others read.
extension Space {
    /// Registers debug objects of an image with the GDB JIT interface, in place of those that it had, until the image is unmapped.
    ///
    /// - Parameters:
    ///   - objects: a file of ``DebugObjects``.
    ///   - image: its lowest address.
    /// - Returns: where the file is in the space's memory.
    /// - Throws: ``SpaceError/refused(_:_:)`` with EINVAL when there is no such image or it is no such file, ENOMEM.
    @discardableResult public mutating func register(
        _ objects: borrowing Descriptor, ofImage image: UInt64
    ) throws(SpaceError) -> UInt64 {
        let reply = try ask(.register, packet(SPACE_REGISTER, address: image), descriptors: [objects.number])
        return UInt64(bitPattern: reply.result)
    }

    /// Tells the unwinder of an image's `.eh_frame` section, one an image.
    ///
    /// - Parameter size: with the terminator of four zero bytes, and padding.
    /// - Throws: ``SpaceError/refused(_:_:)`` with EFAULT when it is not in readable memory of images, EINVAL when it is no
    ///   list of records with a terminator, EEXIST when the image has one registered.
    public mutating func registerFrames(address: UInt64, size: UInt64) throws(SpaceError) {
        _ = try ask(.registerFrames, packet(SPACE_FRAMES, address: address, size: size))
    }

    /// Takes an `.eh_frame` section back, as the image must not be unmapped before.
    ///
    /// - Throws: ``SpaceError/refused(_:_:)`` with ENOENT when it is not registered.
    public mutating func unregisterFrames(address: UInt64, size: UInt64) throws(SpaceError) {
        var request = packet(SPACE_FRAMES, address: address, size: size)
        request.flags = SPACE_REVERSE.rawValue
        _ = try ask(.unregisterFrames, request)
    }
}

// What can be asked: thread-local variables.
extension Space {
    /// Gives a range of the ``ThreadReserve`` its first values, in all threads, those to come too.
    ///
    /// - Parameters:
    ///   - values: where they lie in memory of images; zeros follow. Empty: zeros only, as a range is given back.
    ///   - offset: of the range in the reserve.
    ///   - size: of the range, in bytes.
    /// - Throws: ``SpaceError/refused(_:_:)`` with EINVAL when the range is not in the reserve or too small, EFAULT when the
    ///   values are not in readable memory of images, EDEADLK when a thread was stopped with the list of threads locked.
    public mutating func fillThreads(values: Range<UInt64>, offset: UInt64, size: UInt64) throws(SpaceError) {
        var request = packet(
            SPACE_FILL_THREADS, address: values.lowerBound, size: values.upperBound - values.lowerBound)
        fill(&request.arguments, with: [offset, size])
        _ = try ask(.fillThreads, request)
    }

    /// How many destructors of thread-local variables (C++ `thread_local`) an image has pending in threads that modules made.
    ///
    /// - Parameter image: its lowest address.
    /// - Throws: ``SpaceError/refused(_:_:)`` with EINVAL when no image is just there.
    public mutating func pendingDestructors(image: UInt64) throws(SpaceError) -> Int64 {
        try ask(.pendingDestructors, packet(SPACE_PENDING, address: image)).result
    }

    /// Whether an image has given functions to atexit(3) and its like; see ``pendingDestructors(image:)``.
    public mutating func hasExitFunctions(image: UInt64) throws(SpaceError) -> Bool {
        words(try ask(.pendingDestructors, packet(SPACE_PENDING, address: image)).results)[0] > 0
    }

    /// Runs the destructors of thread-local variables that an image has pending in the thread that calls are made on.
    ///
    /// - Parameters:
    ///   - image: its lowest address.
    ///   - timeout: for all of them together; see ``call(_:_:timeout:)``.
    /// - Throws: ``SpaceError/refused(_:_:)`` with EINVAL when no image is just there; else as ``call(_:_:timeout:)``.
    public mutating func finishThread(image: UInt64, timeout: Duration? = nil) throws(SpaceError) {
        _ = try ask(.finishThread, packet(SPACE_FINISH_THREAD, address: image, timeout: timeout))
    }
}

// What can be asked: modules by name.
extension Space {
    /// Gives a module a name by which other modules can hold it (module_hold(9)), until its image is unmapped.
    ///
    /// - Parameters:
    ///   - image: its lowest address.
    ///   - name: 1 to 63 bytes.
    ///   - useCount: where its use count is, a `long` in writable memory of the image.
    /// - Throws: ``SpaceError/refused(_:_:)`` with EINVAL when no image is just there or the name is none, EFAULT when the count is
    ///   not in such memory, ENOMEM.
    public mutating func introduce(image: UInt64, name: String, useCount: UInt64) throws(SpaceError) {
        let name = Array(name.utf8)
        guard name.count < Int(SPACE_BYTE_LIMIT) else { throw .refused(.introduce, ErrorCode.invalidArgument) }
        var request = packet(SPACE_INTRODUCE, address: image, size: UInt64(name.count))
        fill(&request.bytes, with: name)
        fill(&request.arguments, with: [useCount])
        _ = try ask(.introduce, request)
    }
}
