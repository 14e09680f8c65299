/// Elements that threads hand to each other, first in, first out.
public final class BlockingQueue<Element: Sendable>: Sendable {
    private struct State: Sendable {
        var incoming: [Element] = []
        /// Older than all incoming ones; the oldest last, so that taking it moves nothing.
        var outgoing: [Element] = []
        var isClosed = false

        mutating func take() -> Element? {
            if outgoing.isEmpty {
                outgoing = incoming.reversed()
                incoming.removeAll()
            }
            return outgoing.popLast()
        }
    }

    /// What a wait ended with.
    private enum Taken: Sendable {
        case element(Element)
        case end
    }

    private let monitor = Monitor(State())

    /// An empty queue.
    public init() {}

    /// Appends an element. False, and the element is dropped, once the queue is closed.
    @discardableResult
    public func push(_ element: Element) -> Bool {
        monitor.update { state in
            if !state.isClosed { state.incoming.append(element) }
            return !state.isClosed
        }
    }

    /// The oldest element, waiting for one; nil once the queue is closed and empty.
    public func pop() -> Element? {
        guard case .element(let element) = wait(milliseconds: nil) else { return nil }
        return element
    }

    /// The same; does something, once, when nothing has come for that long.
    public func pop(afterMilliseconds milliseconds: Int, _ rest: () -> Void) -> Element? {
        switch wait(milliseconds: milliseconds) {
        case .element(let element): return element
        case .end: return nil
        case nil:
            rest()
            return pop()
        }
    }

    /// Nil when the time has passed.
    private func wait(milliseconds: Int?) -> Taken? {
        monitor.wait(until: Deadline(milliseconds: milliseconds)) { state in
            if let element = state.take() { return .element(element) }
            return state.isClosed ? .end : nil
        }
    }

    /// Lets no more in. What is there can still be taken.
    public func close() {
        monitor.update { $0.isClosed = true }
    }
}
