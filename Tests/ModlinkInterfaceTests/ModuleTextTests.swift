import FoundationEssentials
import ModlinkInterface
import Testing
import Varlink

/// The list of modules is written and read by hand: it has to be what the encoder and the decoder make of the types.
@Suite struct ModuleTextTests {
    private let replies = [
        ListMethod.Reply(modules: [], spaces: []),
        ListMethod.Reply(
            modules: [
                ModuleInformation(
                    id: 1, name: "gurka", space: "x86_64", state: "running", address: 0x1000_0000, size: 4096,
                    useCount: nil,
                    uses: [], usedBy: ["sallad", "sill"], autoclean: false),
                ModuleInformation(
                    id: 2, name: "sallad", space: "i386", state: "unloading", address: 0x1000_1000, size: 8192,
                    useCount: -3,
                    uses: [
                        ModuleUse(module: "gurka", symbols: ["operator\"\"_å", "slice"]),
                        ModuleUse(module: "sill", symbols: []),
                    ], usedBy: [], autoclean: true),
                ModuleInformation(
                    id: 3, name: "dill", space: "x86_64", state: "uninitialized", address: 0, size: 0, useCount: 0,
                    uses: [], usedBy: [], autoclean: true, dependency: true, owner: ModuleOwner(process: 7, user: 8),
                    dialect: "lkm", type: "SYSCALL", offset: 210, info: 0x1000_1000),
            ], spaces: ["x86_64", "i386"]),
    ]

    /// The names of the fields in the order of the alphabet, wherever they are.
    private func fields(_ text: [UInt8]) -> [Substring] {
        // No string of the replies above has a colon or a quotation mark before one.
        String(decoding: text, as: UTF8.self).split(separator: "\":").dropLast().compactMap {
            $0.split(separator: "\"").last
        }.sorted()
    }

    @Test("what is written by hand has the fields that the encoder writes")
    func writing() throws {
        for reply in replies {
            var writer = JSONWriter()
            reply.write(to: &writer)
            #expect(fields(writer.text) == fields(Array(try JSONEncoder().encode(reply))))
            #expect(try JSONDecoder().decode(ListMethod.Reply.self, from: Data(writer.text)) == reply)
        }
    }

    @Test("what the encoder writes is read by hand")
    func reading() throws {
        for reply in replies {
            var reader = JSONReader(Array(try JSONEncoder().encode(reply)))
            #expect(try ListMethod.Reply(from: &reader) == reply)
        }
    }
}
