//! Runs one stand-in on an operating-system thread of its own, so that a synchronous test can use it.
//!
//! A *host* is that thread, its single-threaded runtime and its listening socket on 127.0.0.1. Dropping the host ends
//! all three: open connections are closed, requests in progress are abandoned, and the thread is joined.
//!
//! It knows nothing of what is served.

use std::future::Future;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::connection::Connection;

pub(crate) struct Host {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Host {
    /// Listens at once, so that the address is right when this returns; `serve` is called for each connection.
    pub(crate) fn start<S, F>(name: &str, serve: S) -> Self
    where
        S: Fn(Connection) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = StdListener::bind(("127.0.0.1", 0)).expect("a free port on 127.0.0.1");
        listener.set_nonblocking(true).expect("a listener that does not block");
        let address = listener.local_addr().expect("the listener's address");
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime for a stand-in");
                // Dropping the runtime afterwards drops every connection's task, long polls included.
                runtime.block_on(async move {
                    tokio::select! {
                        () = accept(listener, serve) => {}
                        _ = stopped => {}
                    }
                });
            })
            .expect("a thread for a stand-in");
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in the thread was printed there; a second panic in a drop would abort the test run.
            let _ = thread.join();
        }
    }
}

async fn accept<S, F>(listener: StdListener, serve: S)
where
    S: Fn(Connection) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::from_std(listener).expect("a listener in the runtime");
    loop {
        // A failed accept is the client's loss (it went away, or descriptors ran out): the next one may succeed.
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(Connection::new(stream)))),
            Err(_) => tokio::task::yield_now().await,
        }
    }
}
