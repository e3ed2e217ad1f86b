//! Work that takes the processor for long goes *aside*, to a thread of its own: this process has one runtime thread, and one
//! that does not turn looks frozen to everybody, however busy it is.

use std::io;

/// Does it aside.
pub(crate) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
}
