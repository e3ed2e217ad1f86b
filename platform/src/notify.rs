//! What a process tells systemd: that it goes on starting, that it is ready, that it is alive, that it stops. A hint like a ping:
//! it is never waited for. Only the process that systemd started for a service says anything.

use std::{borrow::Cow, io, os::unix::net::UnixDatagram, sync::OnceLock};

use crate::{kept, services::basis};

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
    /// It is not ready yet, and whatever it waits for, it is no hang.
    Starting,
    Ready,
    /// Every loop turns.
    Alive,
    Stopping,
}

impl Saying {
    fn words(self) -> Cow<'static, str> {
        match self {
            // As long again as a start may take without a word.
            Self::Starting => format!("EXTEND_TIMEOUT_USEC={}", basis::start_limit().as_micros()).into(),
            Self::Ready => "READY=1".into(),
            Self::Alive => "WATCHDOG=1".into(),
            Self::Stopping => "STOPPING=1".into(),
        }
    }

    /// What a beat tells: nothing while a loop is late, so that a frozen process is ended; and nothing of a start once it was
    /// asked to stop, since the time for its end would be extended instead.
    pub(crate) const fn of_beat(ready: bool, asked: bool, late: bool) -> Option<Self> {
        match (late, ready, asked) {
            (true, _, _) | (false, false, true) => None,
            (false, false, false) => Some(Self::Starting),
            (false, true, _) => Some(Self::Alive),
        }
    }
}

/// Says that this process goes on starting, before it has a pulse that says so.
pub fn starting() {
    say(Saying::Starting);
}

/// Says it to whoever keeps this process, if that listens.
pub(crate) fn say(saying: Saying) {
    static SOCKET: OnceLock<Option<String>> = OnceLock::new();
    let socket = SOCKET.get_or_init(|| {
        let path = std::env::var("NOTIFY_SOCKET").ok().filter(|path| !path.is_empty())?;
        (kept::by() == Some("systemd")).then_some(path)
    });
    if let Some(path) = socket
        && let Err(error) = send(path, &saying.words())
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
    fn a_start_is_extended_only_while_its_loops_turn_and_nobody_asked_it_to_stop() {
        assert_eq!(Saying::of_beat(false, false, false), Some(Saying::Starting));
        assert_eq!(Saying::of_beat(true, false, false), Some(Saying::Alive));
        assert_eq!(Saying::of_beat(true, true, false), Some(Saying::Alive), "the end of a task may take its time");
        assert_eq!(Saying::of_beat(false, true, false), None);
        for (ready, asked) in [(false, false), (false, true), (true, false), (true, true)] {
            assert_eq!(Saying::of_beat(ready, asked, true), None, "a loop is late");
        }
        assert_eq!(Saying::Starting.words(), format!("EXTEND_TIMEOUT_USEC={}", basis::start_limit().as_micros()));
    }

    #[test]
    fn a_datagram_arrives_whatever_kind_of_socket_listens_and_nobody_waits_for_one_that_does_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        send(path.to_str().unwrap(), &Saying::Ready.words()).unwrap();
        let mut bytes = [0; 64];
        let length = listener.recv(&mut bytes).unwrap();
        assert_eq!(&bytes[..length], b"READY=1");
        let full = (0..100_000).find(|_| send(path.to_str().unwrap(), &Saying::Alive.words()).is_err());
        assert!(full.is_some(), "its queue is full at some time, and we come back from it");
        assert!(send("/nowhere/notify", "READY=1").is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_with_an_at_sign_is_no_path() {
        use std::os::{linux::net::SocketAddrExt, unix::net::SocketAddr};
        let name = format!("agentlab-test-{}", std::process::id());
        let listener = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        send(&format!("@{name}"), &Saying::Stopping.words()).unwrap();
        let mut bytes = [0; 64];
        let length = listener.recv(&mut bytes).unwrap();
        assert_eq!(&bytes[..length], b"STOPPING=1");
    }
}
