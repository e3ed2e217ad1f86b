//! Pings: a Unix datagram that says "look now". A ping is only a *hint*: it carries nothing, may be lost, and is never
//! needed; the poll behind it is the truth.

use std::{
    io,
    os::unix::{fs::FileTypeExt, net::UnixDatagram as StdDatagram},
    path::Path,
};

use agentlab_domain::role::{MOST_WORKERS, Post, Role};
use tokio::net::UnixDatagram;

use crate::{
    home::Home,
    life::{Life, Refusal},
};

/// The receiving end. Who holds the post's lock owns the socket's path.
#[derive(Debug)]
pub struct Ear(UnixDatagram);

impl Ear {
    /// Listens at `path`, replacing the socket that an earlier process left there; what is no socket is not ours to remove.
    pub fn open(path: &Path) -> io::Result<Self> {
        make_room(path)?;
        Ok(Self(UnixDatagram::bind(path)?))
    }

    /// Listens at the socket of one's own post.
    pub fn of(life: &Life) -> Result<Self, Refusal> {
        let path = life.home.socket(&life.post.to_string());
        Self::open(&path).map_err(|error| Refusal::in_the_way(life.post, &path, &error))
    }

    /// Waits for a ping and drains those behind it.
    pub async fn heard(&self) {
        let mut byte = [0_u8; 1];
        if self.0.recv(&mut byte).await.is_err() {
            // A broken socket must not become a hot loop: the poll goes on without pings.
            std::future::pending::<()>().await;
        }
        while self.0.try_recv(&mut byte).is_ok() {}
    }
}

/// Removes the socket that an earlier process left at `path`; what is no socket is not ours to remove.
pub fn make_room(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path),
        Ok(_) => Err(io::Error::other("what stands there is no socket of ours: move it away")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Pings whoever listens at `path`; nobody listening is no error.
pub fn ping(path: &Path) {
    if let Ok(socket) = StdDatagram::unbound() {
        let _ = socket.set_nonblocking(true);
        let _ = socket.send_to(&[1], path);
    }
}

/// Pings every worker, however many there are at this moment: who is idle looks, who is busy looks when it is done anyway.
pub fn ping_workers(home: &Home) {
    for slot in 1..=MOST_WORKERS {
        ping(&home.socket(&Post { role: Role::Worker, slot }.to_string()));
    }
}
