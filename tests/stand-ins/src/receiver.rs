//! An HTTP server that takes whatever it is sent: a webhook, an SMS gateway, a dead man's switch.
//!
//! It remembers each request whole, answers with the status that a test sets, and misbehaves on demand. It judges nothing: what a
//! request should look like is for the test to say.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::host::Host;

/// What the server does with requests from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manner {
    /// This status, and this body.
    Answer(u16, String),
    /// Takes the request and never answers.
    Hang,
    /// Cuts the connection without an answer.
    Drop,
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Got {
    pub at: Instant,
    pub verb: String,
    /// With its query.
    pub path: String,
    pub authorization: Option<String>,
    pub body: String,
    /// Whether it was answered with a success.
    pub taken: bool,
}

/// The server.
pub struct Receiver {
    shared: Arc<Shared>,
    host: Host,
}

struct Shared {
    state: Mutex<(Manner, Vec<Got>)>,
    changed: Condvar,
}

impl Receiver {
    /// Starts one that answers 200.
    pub fn start() -> Self {
        let state = Mutex::new((Manner::Answer(200, "{}".into()), Vec::new()));
        let shared = Arc::new(Shared { state, changed: Condvar::new() });
        let served = Arc::clone(&shared);
        let host = Host::start("receiver", move |connection| serve(Arc::clone(&served), connection));
        Self { shared, host }
    }

    /// The address, without a path.
    pub fn url(&self) -> String {
        self.host.url()
    }

    /// How it behaves from now on; a request that hangs goes on hanging.
    pub fn set(&self, manner: Manner) {
        self.shared.look().0 = manner;
    }

    /// Every request so far.
    pub fn got(&self) -> Vec<Got> {
        self.shared.look().1.clone()
    }

    /// Waits for a request.
    pub fn wait_for(&self, what: &str, limit: Duration, is_it: impl Fn(&Got) -> bool) -> Got {
        let until = Instant::now() + limit;
        let mut state = self.shared.look();
        loop {
            if let Some(got) = state.1.iter().find(|got| is_it(got)) {
                return got.clone();
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited {limit:?} in vain for {what}: {:#?}", state.1);
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Shared {
    fn look(&self) -> std::sync::MutexGuard<'_, (Manner, Vec<Got>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(shared: Arc<Shared>, mut connection: Connection) {
    while let Some(request) = connection.request().await {
        let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
        let manner = {
            let mut state = shared.look();
            let manner = state.0.clone();
            state.1.push(Got {
                at: Instant::now(),
                verb: request.verb.clone(),
                path: format!("{}{query}", request.path),
                authorization: request.header("authorization").map(str::to_owned),
                body: String::from_utf8_lossy(&request.body).into_owned(),
                taken: matches!(manner, Manner::Answer(status, _) if status < 300),
            });
            manner
        };
        shared.changed.notify_all();
        match manner {
            Manner::Answer(status, body) => {
                if connection.answer(status, "content-type: application/json\r\n", body.as_bytes()).await.is_err() {
                    return;
                }
            }
            Manner::Hang => return connection.closed().await,
            Manner::Drop => return,
        }
    }
}
