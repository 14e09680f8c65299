import Posix

/// The descriptors of one message, in the order in which they were sent: the JSON names them by their index.
///
/// Owns them: those that are still here when the value ends are closed.
public struct Descriptors: ~Copyable {
    /// A place of its own for each, since an array cannot hold what cannot be copied.
    final class Place {
        var descriptor: Descriptor?

        init(_ descriptor: consuming Descriptor) {
            self.descriptor = consume descriptor
        }
    }

    private var places: [Place]

    init(_ places: [Place] = []) {
        self.places = places
    }

    /// How many came, those taken already included.
    public var count: Int { places.count }

    /// Hands over the descriptor of this index; nil when the message had none there, or it was taken before.
    public mutating func take(_ index: Int) -> Descriptor? {
        guard places.indices.contains(index) else { return nil }
        return places[index].descriptor.take()
    }

    /// Adds one, and says under which index the JSON may name it.
    mutating func append(_ descriptor: consuming Descriptor) -> Int {
        places.append(Place(descriptor))
        return places.count - 1
    }

    /// Hands over all of them, and is empty afterwards.
    mutating func takeAll() -> Descriptors {
        defer { places = [] }
        return Descriptors(places)
    }

    /// The numbers, for the system call that sends them. They stay open as long as this value lives.
    var numbers: [Int32] {
        var numbers: [Int32] = []
        for place in places {
            switch place.descriptor {
            case .some(let descriptor): numbers.append(descriptor.number)
            case .none: break
            }
        }
        return numbers
    }
}

/// A message as it arrived: one JSON text without the NUL that ended it, and the descriptors that came with it.
public struct Message: ~Copyable {
    /// The text. Nothing has been checked but that it has no NUL and is not too long.
    public let bytes: [UInt8]
    /// The descriptors that arrived with bytes of this message.
    public var descriptors: Descriptors
}
