//! What a process tells systemd: that it is ready, that it is alive, that it stops. A hint like a ping: it is never waited for,
//! and nobody here depends on its arrival. Only the process that systemd started for a service says anything.

use std::{io, os::unix::net::UnixDatagram, sync::OnceLock};

use crate::kept;

/// Variables by which a service manager speaks to the process that it started, and to no other.
pub(crate) const OURS_ALONE: [&str; 12] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "INVOCATION_ID",
    "SYSTEMD_EXEC_PID",
    "MANAGERPID",
    "JOURNAL_STREAM",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "MEMORY_PRESSURE_WATCH",
    "XPC_SERVICE_NAME",
];

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saying {
    Ready,
    /// Every loop turns.
    Alive,
    Stopping,
}

impl Saying {
    const fn words(self) -> &'static str {
        match self {
            Self::Ready => "READY=1",
            Self::Alive => "WATCHDOG=1",
            Self::Stopping => "STOPPING=1",
        }
    }
}

/// Says it to whoever keeps this process, if that listens.
pub(crate) fn say(saying: Saying) {
    static SOCKET: OnceLock<Option<String>> = OnceLock::new();
    let socket = SOCKET.get_or_init(|| {
        let path = std::env::var("NOTIFY_SOCKET").ok().filter(|path| !path.is_empty())?;
        (kept::by() == Some("systemd")).then_some(path)
    });
    if let Some(path) = socket
        && let Err(error) = send(path, saying.words())
    {
        tracing::debug!(%error, "the service manager was not told");
    }
}

fn send(path: &str, words: &str) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    // A manager that does not read is not waited for.
    socket.set_nonblocking(true)?;
    match path.strip_prefix('@') {
        Some(name) => send_to_abstract(&socket, name, words),
        None => socket.send_to(words.as_bytes(), path).map(drop),
    }
}

#[cfg(target_os = "linux")]
fn send_to_abstract(socket: &UnixDatagram, name: &str, words: &str) -> io::Result<()> {
    use std::os::{linux::net::SocketAddrExt, unix::net::SocketAddr};
    socket.send_to_addr(words.as_bytes(), &SocketAddr::from_abstract_name(name)?).map(drop)
}

#[cfg(not(target_os = "linux"))]
fn send_to_abstract(_socket: &UnixDatagram, name: &str, _words: &str) -> io::Result<()> {
    Err(io::Error::other(format!("{name}: this system knows no such sockets")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_arrives_whatever_kind_of_socket_listens_and_nobody_waits_for_one_that_does_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        send(path.to_str().unwrap(), Saying::Ready.words()).unwrap();
        let mut bytes = [0; 64];
        let length = listener.recv(&mut bytes).unwrap();
        assert_eq!(&bytes[..length], b"READY=1");
        let full = (0..100_000).find(|_| send(path.to_str().unwrap(), Saying::Alive.words()).is_err());
        assert!(full.is_some(), "its queue is full at some time, and we come back from it");
        assert!(send("/nowhere/notify", "READY=1").is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_with_an_at_sign_is_no_path() {
        use std::os::{linux::net::SocketAddrExt, unix::net::SocketAddr};
        let name = format!("agentlab-test-{}", std::process::id());
        let listener = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        send(&format!("@{name}"), Saying::Stopping.words()).unwrap();
        let mut bytes = [0; 64];
        let length = listener.recv(&mut bytes).unwrap();
        assert_eq!(&bytes[..length], b"STOPPING=1");
    }
}
