//! The console: HTTP on loopback. `/health`, `/ready` and `/api/status` for now; reading needs no login, and nothing here
//! changes anything.
//!
//! *Healthy* means that the system can serve what is configured. Each request looks at the database, but waits 50 ms for
//! it at most and then answers from the last look: so it answers within 100 ms also while the database is locked, and
//! says how old its knowledge is. Nobody asking costs nothing.

mod health;

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use agentlab_domain::role::{Post, Role};
use agentlab_platform::{
    detectors,
    life::{Life, Refusal, Taken},
    pulse::Turns,
    watch,
};
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::{net::TcpListener, sync::RwLock};

use health::Look;

/// How long a request waits for the database.
const LOOK: Duration = Duration::from_millis(50);

/// Serves until it is asked to stop; returns its exit code.
pub async fn serve() -> Result<u8, Refusal> {
    let taken = Taken::take(Post { role: Role::Console, slot: 0 })?;
    // Before the database, which may be locked: the watch needs none.
    let _watcher = watch::begin(&taken);
    let life = taken.enter().await?;
    let port = life.config.console.port;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
        Refusal::unavailable(format!(
            "console.port {port} cannot be used on 127.0.0.1 ({error}): end what listens there, or set console.port"
        ))
    })?;
    let address = listener.local_addr().map_err(Refusal::unavailable)?;
    let life = Arc::new(life);
    let shared = Arc::new(Shared {
        look: RwLock::new(Look::now(&life).await),
        requests: life.pulse.turns("requests"),
        life: Arc::clone(&life),
    });
    let routes = Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/api/status", get(status))
        .layer(axum::middleware::from_fn(local_only))
        .with_state(shared);
    life.ready().await?;
    tracing::info!(%address, "listening");
    let mut stop = life.stop();
    tokio::select! {
        served = axum::serve(listener, routes).into_future() => served.map_err(Refusal::unavailable)?,
        () = stop.asked(1) => {}
    }
    Ok(life.code())
}

struct Shared {
    look: RwLock<Look>,
    /// Promises nothing: nobody has to ask.
    requests: Turns,
    life: Arc<Life>,
}

impl Shared {
    /// A look that is new, or the last one when the database does not answer in time.
    async fn look(&self) -> Look {
        self.life.progress.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.requests.rest();
        if let Ok(look) = tokio::time::timeout(LOOK, Look::now(&self.life)).await {
            self.look.write().await.update(look);
        }
        self.look.read().await.clone()
    }
}

/// A page of somebody else's, opened in this machine's browser, must not read us through a name that it points here.
async fn local_only(headers: HeaderMap, request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if matches!(name, "127.0.0.1" | "localhost" | "[::1]") {
        next.run(request).await
    } else {
        (StatusCode::FORBIDDEN, "only 127.0.0.1 and localhost are served\n").into_response()
    }
}

async fn health(State(shared): State<Arc<Shared>>) -> Response {
    let detectors = detectors::all(&shared.life.home);
    let (ok, body) = shared.look().await.health(&shared.life.home, &detectors);
    let code = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(body)).into_response()
}

async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let missing = shared.look().await.missing();
    if missing.is_empty() {
        (StatusCode::OK, "ready\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", missing.join(", "))).into_response()
    }
}

async fn status(State(shared): State<Arc<Shared>>) -> Response {
    Json(shared.look().await.status()).into_response()
}
