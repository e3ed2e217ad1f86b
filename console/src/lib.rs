//! The console: HTTP on loopback and on the Unix socket `run/console.sock`. `access` says who may ask for what; `api` does what
//! the verbs of the command line do.
//!
//! *Healthy* means that the system can serve what is configured. Each request for it looks at the database, but waits 50 ms
//! for it at most and then answers from the last look: so it answers within 100 ms also while the database is locked, and
//! says how old its knowledge is. Nobody asking costs nothing.

mod access;
mod api;
mod health;
mod listen;
mod login;
mod page;
mod problem;
mod traced;

use std::{sync::Arc, time::Duration};

use agentlab_domain::role::{Post, Role};
use agentlab_platform::{
    detectors,
    life::{Life, Refusal, Taken},
    pulse::Turns,
    watch,
};
use axum::{
    Json, Router,
    extract::{Extension, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::sync::RwLock;

use access::Road;
use health::Look;
use problem::Problem;

/// How long a request waits for the database.
const LOOK: Duration = Duration::from_millis(50);

/// Serves until it is asked to stop; returns its exit code.
pub async fn serve() -> Result<u8, Refusal> {
    let taken = Taken::take(Post { role: Role::Console, slot: 0 })?;
    // Before the database, which may be locked: the watch needs none.
    let _watcher = watch::begin(&taken);
    let life = Arc::new(taken.enter().await?);
    let (loopback, socket) = (listen::loopback(&life).await?, listen::socket(&life)?);
    let shared = Arc::new(Shared {
        look: RwLock::new(Look::now(&life).await),
        requests: life.pulse.turns("requests"),
        life: Arc::clone(&life),
    });
    life.ready().await?;
    let mut stop = life.stop();
    tokio::select! {
        served = axum::serve(loopback, routes(&shared, Road::Loopback)).into_future() => served.map_err(Refusal::unavailable)?,
        served = axum::serve(socket, routes(&shared, Road::Socket)).into_future() => served.map_err(Refusal::unavailable)?,
        () = stop.asked(1) => {}
    }
    Ok(life.code())
}

fn routes(shared: &Arc<Shared>, road: Road) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/login", get(login::login))
        .route("/logout", axum::routing::post(login::logout))
        .merge(api::routes())
        .merge(page::routes())
        .fallback(|| async { Problem::not_found("there is nothing at this address") })
        .layer(axum::middleware::from_fn_with_state(Arc::clone(shared), access::guard))
        // Outside of the guard: its refusals are shown as pages too.
        .layer(axum::middleware::from_fn(page::as_a_page))
        // Outermost: a refusal has an id too.
        .layer(axum::middleware::from_fn(traced::traced))
        .layer(Extension(road))
        .with_state(Arc::clone(shared))
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
