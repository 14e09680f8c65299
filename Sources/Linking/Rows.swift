/// Rows of elements, one for each of several things, all in one array: a library's thousand objects would otherwise have an array each,
/// to be found room for, counted and given back.
struct Rows<Element: BitwiseCopyable & Sendable>: Sendable {
    /// Where each row begins in the elements, and behind the last one where that ends.
    let starts: [Int]
    /// All elements, row after row.
    var elements: [Element]

    /// No rows.
    init() {
        self.init(starts: [0], elements: [])
    }

    /// Rows of elements that are there already.
    init(starts: [Int], elements: [Element]) {
        self.starts = starts
        self.elements = elements
    }

    /// Where the elements of a row are.
    func range(_ row: Int) -> Range<Int> {
        starts[row]..<starts[row + 1]
    }

    /// The numbers of the elements of a row, from 0 on.
    func indices(_ row: Int) -> Range<Int> {
        0..<starts[row + 1] - starts[row]
    }

    /// An element of a row.
    subscript(row: Int, index: Int) -> Element {
        get { elements[place(row, index)] }
        set { elements[place(row, index)] = newValue }
    }

    private func place(_ row: Int, _ index: Int) -> Int {
        precondition(indices(row).contains(index))
        return starts[row] + index
    }

    /// Replaces the elements of a row by as many others.
    mutating func replace(_ row: Int, by others: [Element]) {
        precondition(others.count == indices(row).count)
        elements.replaceSubrange(range(row), with: others)
    }
}
