import Posix

/// Tells systemd, or whoever else started the daemon, what it is doing (sd_notify(3)).
enum ServiceManager {
    /// Sends a line such as `READY=1` to the socket that $NOTIFY_SOCKET names; nothing happens when there is none.
    static func notify(_ state: String) {
        guard let path = Environment.value("NOTIFY_SOCKET"), !path.isEmpty else { return }
        let isAbstract = path.hasPrefix("@")
        guard
            let socket = try? LocalSocket.connect(
                isAbstract ? String(path.dropFirst()) : path, kind: .datagram, abstract: isAbstract)
        else { return }
        try? LocalSocket.send(socket, Array(state.utf8), name: path)
    }

    /// Sends an error to the system's log (syslog(3)), where there is one: for what a log of the daemon's own might not keep.
    static func tellSystem(_ line: String) {
        guard let socket = try? LocalSocket.connect("/dev/log", kind: .datagram) else { return }
        // LOG_DAEMON and LOG_ERR.
        try? LocalSocket.send(
            socket, Array("<27>modlinkd[\(CurrentProcess.number)]: \(line)".utf8), name: "/dev/log")
    }
}
