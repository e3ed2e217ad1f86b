//! Where the console listens. Who holds the console's lock owns the socket's path.

use std::{fs, io, net::Ipv4Addr, os::unix::fs::PermissionsExt, path::Path};

use agentlab_platform::{
    life::{Life, Refusal},
    ping,
};
use tokio::net::{TcpListener, UnixListener};

/// The configured port of 127.0.0.1.
pub(crate) async fn loopback(life: &Life) -> Result<TcpListener, Refusal> {
    let port = life.config.console.port;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
        Refusal::unavailable(format!(
            "console.port {port} cannot be used on 127.0.0.1 ({error}): end what listens there, or set console.port"
        ))
    })?;
    tracing::info!(port, "listens on 127.0.0.1");
    Ok(listener)
}

/// The socket in the home, for its owner alone.
pub(crate) fn socket(life: &Life) -> Result<UnixListener, Refusal> {
    let path = life.home.socket(life.post.role.as_str());
    open(&path).map_err(|error| Refusal::in_the_way(life.post, &path, &error))
}

fn open(path: &Path) -> io::Result<UnixListener> {
    ping::make_room(path)?;
    // The folder lets nobody else in, so nobody comes between the two.
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}
