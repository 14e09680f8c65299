/// Numbers, each once, in ascending order. Those that come are mostly greater than all that are there, so it costs little to keep them.
struct SortedNumbers: Sendable {
    private(set) var numbers: [Int] = []

    mutating func insert(_ number: Int) {
        let place = place(of: number)
        if place == numbers.count || numbers[place] != number { numbers.insert(number, at: place) }
    }

    mutating func remove(_ number: Int) {
        let place = place(of: number)
        if place < numbers.count, numbers[place] == number { numbers.remove(at: place) }
    }

    /// Where it is, or would be.
    private func place(of number: Int) -> Int {
        guard let last = numbers.last, last >= number else { return numbers.count }
        var low = 0
        var high = numbers.count
        while low < high {
            let middle = (low + high) / 2
            if numbers[middle] < number { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
