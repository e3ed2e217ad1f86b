//! Where the console listens, and for how long it bears with whoever is slow. Who holds the console's lock owns the socket's path.
//!
//! A *connection* is kept as long as its next request comes soon, and each road has room for so many: whoever opens more waits until
//! one falls, and nobody on loopback can take the room of the socket. An answer that goes on (server-sent events) is not cut off.

use std::{
    convert::Infallible, fs, io, net::Ipv4Addr, os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Duration,
};

use agentlab_platform::{
    clock,
    life::{Life, Refusal},
    ping,
};
use axum::{Router, serve::Listener};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, UnixListener},
    sync::Semaphore,
};

/// How long the head of a request may take to come, from the opening of the connection or the end of the answer before it.
const HEAD: Duration = Duration::from_secs(10);
/// Connections of one road at the same time.
const MOST: usize = 256;

/// Serves whoever connects, for ever.
pub(crate) async fn serve<L: Listener>(mut listener: L, routes: Router) -> Infallible {
    let room = Arc::new(Semaphore::new(MOST));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(clock::scaled(HEAD));
    loop {
        // Before the next one is accepted: those for whom there is no room wait outside. Nobody ever closes it.
        let place = Arc::clone(&room).acquire_owned().await.ok();
        let (stream, _) = listener.accept().await;
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes.clone()));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
}

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
