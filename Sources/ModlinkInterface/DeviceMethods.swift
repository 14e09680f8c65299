import Varlink

/// `org.modlink.SystemCall`.
public enum SystemCallMethod: Method {
    /// The qualified name.
    public static let name = "org.modlink.SystemCall"
    /// The most words that a system call is given.
    public static let argumentLimit = 8

    /// What is called.
    public struct Parameters: Codable, Sendable, Equatable {
        /// The slot in the table of system calls.
        public var number: Int
        /// What it is given, up to eight words; 64 bits each, as JSON's integers have them.
        public var arguments: [Int]
        /// The name of the space; nil is the native one.
        public var space: String?

        /// Makes the parameters of a call.
        public init(number: Int, arguments: [Int] = [], space: String? = nil) {
            self.number = number
            self.arguments = arguments
            self.space = space
        }
    }

    /// What came of it.
    public struct Reply: Codable, Sendable, Equatable {
        /// What the function returned: 0, or a number of errno(3).
        public var error: Int
        /// The two words of its result, with their signs; what they are after an error is the module's affair.
        public var values: [Int]
        /// What was printed.
        public var output: String

        /// Makes a reply of the given parts.
        public init(error: Int, values: [Int], output: String) {
            self.error = error
            self.values = values
            self.output = output
        }
    }
}

/// `org.modlink.OpenDevice`.
public enum OpenDeviceMethod: Method {
    /// The qualified name.
    public static let name = "org.modlink.OpenDevice"
    /// The device may be read.
    public static let readFlag = 1
    /// The device may be written.
    public static let writeFlag = 2
    /// Its functions are asked not to wait: O_NONBLOCK.
    public static let nonblockingFlag = 0o4000
    /// The greatest minor number: 20 bits.
    public static let minorLimit = 0xfffff

    /// What is opened.
    public struct Parameters: Codable, Sendable, Equatable {
        /// The name of the module that has the device, or the device's major number.
        public var device: String
        /// The minor number.
        public var minor: Int
        /// The flags that its functions are given.
        public var flags: Int
        /// Whether it is the block device, not the character device.
        public var block: Bool?
        /// The name of the space; nil is that of the module, and for numbers the native one.
        public var space: String?

        /// Makes the parameters of a call.
        public init(device: String, minor: Int = 0, flags: Int = 3, block: Bool? = nil, space: String? = nil) {
            self.device = device
            self.minor = minor
            self.flags = flags
            self.block = block
            self.space = space
        }
    }

    /// What came of it.
    public struct Reply: Codable, Sendable, Equatable {
        /// The index of the descriptor: see ``DeviceRequest`` for what goes over it.
        public var descriptor: Int
        /// The name of the module that has the device.
        public var module: String
        /// The major number.
        public var major: Int
        /// What was printed.
        public var output: String

        /// Makes a reply of the given parts.
        public init(descriptor: Int, module: String, major: Int, output: String) {
            self.descriptor = descriptor
            self.module = module
            self.major = major
            self.output = output
        }
    }
}
