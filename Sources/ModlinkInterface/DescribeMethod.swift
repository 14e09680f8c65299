import Varlink

/// `org.modlink.Describe`.
public enum DescribeMethod: Method {
    /// The qualified name.
    public static let name = "org.modlink.Describe"

    /// Which module.
    public struct Parameters: Codable, Sendable, Equatable {
        /// Its name; nil where it is numbered.
        public var name: String?
        /// Its number; nil where it is named.
        public var id: Int?

        /// Makes the parameters of a call.
        public init(name: String? = nil, id: Int? = nil) {
            self.name = name
            self.id = id
        }
    }

    /// All that is known of it.
    public struct Reply: Codable, Sendable, Equatable {
        /// What lists say of it.
        public var module: ModuleInformation
        /// The rest.
        public var details: ModuleDetails

        /// Makes a reply of the given parts.
        public init(module: ModuleInformation, details: ModuleDetails) {
            self.module = module
            self.details = details
        }
    }
}

/// What lists do not say of a module (`type ModuleDetails`).
public struct ModuleDetails: Codable, Sendable, Equatable {
    /// The files that it was made of, in the order of linking: absolute paths where they are known.
    public var files: [String]
    /// When it was loaded, in seconds since 1970, UTC.
    public var loaded: Int?
    /// What its objects say of themselves in `.modinfo`: license, description and the like, in their order; not the parameters.
    public var information: [ModuleField]
    /// The parameters that it declares.
    public var parameters: [ModuleParameter]
    /// What identifies its image, in hexadecimal digits.
    public var buildID: String
    /// The sections of its image, in the order of address.
    public var sections: [ModuleSection]
    /// The names that other modules may refer to, in alphabetical order.
    public var exports: [String]
    /// The threads that run its code, or are to return to it.
    public var threads: [ModuleThread]
    /// The first of what its code has opened and not closed.
    public var descriptors: [ModuleDescriptor]
    /// All that keeps it from being unloaded.
    public var holds: [Hold]

    /// Makes the details of the given parts.
    public init(
        files: [String], loaded: Int?, information: [ModuleField], parameters: [ModuleParameter], buildID: String,
        sections: [ModuleSection], exports: [String], threads: [ModuleThread], descriptors: [ModuleDescriptor],
        holds: [Hold]
    ) {
        self.files = files
        self.loaded = loaded
        self.information = information
        self.parameters = parameters
        self.buildID = buildID
        self.sections = sections
        self.exports = exports
        self.threads = threads
        self.descriptors = descriptors
        self.holds = holds
    }
}

/// One thing that a module says of itself (`type ModuleField`).
public struct ModuleField: Codable, Sendable, Equatable {
    /// What it is about, such as `license`.
    public var name: String
    /// What is said.
    public var value: String

    /// Makes the field of that name and value.
    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// A parameter of a module (`type ModuleParameter`).
public struct ModuleParameter: Codable, Sendable, Equatable {
    /// Its name.
    public var name: String
    /// Its type, as the module names it: `int`, `charp`, `1-4i`.
    public var type: String
    /// What its variable holds now, in the form in which it is set; nil where that is not known: the space is busy, or no variable of
    /// the module is called as the parameter is.
    public var value: String?
    /// What it is for, if the module says it.
    public var description: String?

    /// Makes a parameter of the given parts.
    public init(name: String, type: String, value: String? = nil, description: String? = nil) {
        self.name = name
        self.type = type
        self.value = value
        self.description = description
    }
}

/// A section of a module's image (`type ModuleSection`).
public struct ModuleSection: Codable, Sendable, Equatable {
    /// Its name.
    public var name: String
    /// Where it is.
    public var address: Int
    /// Its size in bytes.
    public var size: Int
    /// What may be done with it: `r-x`, `r--` or `rw-`.
    public var access: String

    /// Makes a section of the given properties.
    public init(name: String, address: Int, size: Int, access: String) {
        self.name = name
        self.address = address
        self.size = size
        self.access = access
    }
}

/// A thread that runs code of a module (`type ModuleThread`).
public struct ModuleThread: Codable, Sendable, Equatable {
    /// Its number (gettid(2)).
    public var number: Int
    /// The place in the module, such as `work+0x9`, where it runs, or to which it is to return.
    public var place: String

    /// Makes a thread of that number at that place.
    public init(number: Int, place: String) {
        self.number = number
        self.place = place
    }
}

/// A descriptor that code of a module has opened and not closed (`type ModuleDescriptor`).
public struct ModuleDescriptor: Codable, Sendable, Equatable {
    /// Its number in the space.
    public var number: Int
    /// The file that is open: its path, or such as `socket:[1234]` (proc_pid_fd(5)).
    public var file: String

    /// Makes a descriptor of that number, of that file.
    public init(number: Int, file: String) {
        self.number = number
        self.file = file
    }
}
