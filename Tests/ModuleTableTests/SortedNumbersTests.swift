import TestSupport
import Testing

@testable import ModuleTable

@Suite struct SortedNumbersTests {
    @Test("after many operations they are what a set holds, in ascending order", arguments: [1, 2, 3])
    func againstSet(_ seed: UInt64) {
        var random = SeededNumbers(seed: seed)
        var numbers = SortedNumbers()
        var model = Set<Int>()
        for _ in 0..<2000 {
            let number = Int(random.next() % 50)
            if random.next() % 2 == 0 {
                numbers.insert(number)
                model.insert(number)
            } else {
                numbers.remove(number)
                model.remove(number)
            }
            #expect(numbers.numbers == model.sorted())
        }
    }
}
