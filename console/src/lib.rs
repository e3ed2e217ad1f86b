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
pub mod metrics;
mod page;
mod problem;
mod traced;

use std::{sync::Arc, time::Duration};

use agentlab_domain::{
    report::Report,
    role::{Post, Role},
};
use agentlab_platform::{
    clock,
    db::{Db, DbError, uptime::Uptime},
    detectors, holder,
    life::{Life, Refusal, Taken},
    pulse::Turns,
    watch,
};
use axum::{
    Json, Router,
    extract::{Extension, Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::sync::{RwLock, Semaphore};
use utoipa_axum::{router::OpenApiRouter, routes};

use access::Road;
use health::{Health, Look};
use problem::Problem;

/// How long a request waits for the database.
const LOOK: Duration = Duration::from_millis(50);
/// How long a request may take until its answer begins. Longer than anything waits for the database.
const PATIENCE: Duration = Duration::from_mins(1);

/// So many are given the numbers at the same time.
const SCRAPES: usize = 2;
/// How long one waits for the database that asks whether all is ready: what was so a moment ago is no answer to that.
const READY: Duration = Duration::from_secs(1);
/// How long a request waits for reports, which are counted from many rows.
const REPORTS: Duration = Duration::from_secs(1);

/// Serves until it is asked to stop; returns its exit code.
pub async fn serve() -> Result<u8, Refusal> {
    let taken = Taken::take(Post { role: Role::Console, slot: 0 })?;
    // Before the database, which may be locked: the watch needs none.
    let _watcher = watch::begin(&taken);
    let life = Arc::new(taken.enter().await?);
    let (loopback, socket) = (listen::loopback(&life).await?, listen::socket(&life)?);
    let apart = life.db.apart();
    let shared = Arc::new(Shared {
        look: RwLock::new(Look::now(&life, &apart).await),
        apart,
        requests: life.pulse.turns("requests"),
        scrapes: Semaphore::new(SCRAPES),
        around: metrics::Around::default(),
        rows: metrics::Rows::default(),
        life: Arc::clone(&life),
    });
    life.ready().await?;
    let mut stop = life.stop();
    tokio::select! {
        never = listen::serve(loopback, routes(&shared, Road::Loopback)) => match never {},
        never = listen::serve(socket, routes(&shared, Road::Socket)) => match never {},
        () = stop.asked(1) => {}
    }
    Ok(life.code())
}

fn routes(shared: &Arc<Shared>, road: Road) -> Router {
    let (described, _) = described().split_for_parts();
    described
        .merge(page::routes())
        .method_not_allowed_fallback(|| async { Problem::no_such_method() })
        .fallback(|| async { Problem::not_found("there is nothing at this address") })
        .layer(axum::middleware::from_fn(patience))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(shared), access::guard))
        // Outside of the guard: its refusals are shown as pages too.
        .layer(axum::middleware::from_fn(page::as_a_page))
        // Outermost: a refusal has an id too.
        .layer(axum::middleware::from_fn(traced::traced))
        .layer(Extension(road))
        .with_state(Arc::clone(shared))
}

/// What programs may ask for: each route is added with its description.
fn described() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(ready))
        .routes(routes!(metrics::metrics))
        .routes(routes!(login::login))
        .routes(routes!(login::logout))
        .merge(api::routes())
}

/// Gives up on what does not come to its end: a body that trickles in. A stream has begun when its first bytes can be sent.
async fn patience(request: Request, next: Next) -> Response {
    let answered = tokio::time::timeout(clock::scaled(PATIENCE), next.run(request)).await;
    answered.unwrap_or_else(|_| Problem::late().into_response())
}

struct Shared {
    /// For looks alone: pages that take long must not make us look ill.
    apart: Db,
    look: RwLock<Look>,
    /// Promises nothing: nobody has to ask.
    requests: Turns,
    /// Places for those who ask for numbers, which take long to write: a crowd of them must not keep the loop from turning.
    scrapes: Semaphore,
    around: metrics::Around,
    rows: metrics::Rows,
    life: Arc<Life>,
}

impl Shared {
    /// Uptime and reports, where the database tells them in time.
    async fn reports(&self) -> Option<(Uptime, [Report; 2])> {
        let db = &self.life.db;
        let read = async { Ok::<_, DbError>((db.uptime().await?, db.reports().await?)) };
        tokio::time::timeout(REPORTS, read).await.ok()?.ok()
    }

    /// A look that is new, or the last one when the database does not answer in time.
    async fn look(&self) -> Look {
        self.look_within(LOOK).await
    }

    async fn look_within(&self, patience: Duration) -> Look {
        self.life.progress.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.requests.rest();
        if let Ok(look) = tokio::time::timeout(patience, Look::now(&self.life, &self.apart)).await {
            self.look.write().await.update(look);
        }
        self.look.read().await.clone()
    }
}

/// How the system is, part by part
#[utoipa::path(
    get,
    path = "/health",
    tag = "open",
    responses(
        (status = 200, description = "It serves", body = Health),
        (status = 503, description = "It does not serve what is configured", body = Health),
    ),
    security(())
)]
async fn health(State(shared): State<Arc<Shared>>) -> Response {
    let home = shared.life.home.clone();
    let around = tokio::task::spawn_blocking(move || (detectors::all(&home), holder::stranger(&home)));
    let (look, around) = tokio::join!(shared.look(), tokio::time::timeout(LOOK, around));
    // A disk that hangs is not waited for.
    let (detectors, writer) = around.ok().and_then(Result::ok).unwrap_or_default();
    let (ok, body) = look.health(&shared.life.home, &detectors, writer);
    let code = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(body)).into_response()
}

/// Whether every post is filled
#[utoipa::path(
    get,
    path = "/ready",
    tag = "open",
    responses(
        (status = 200, description = "All are ready", body = String, content_type = "text/plain"),
        (status = 503, description = "Who is not", body = String, content_type = "text/plain"),
    ),
    security(())
)]
async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let missing = shared.look_within(READY).await.missing();
    if missing.is_empty() {
        (StatusCode::OK, "ready\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", missing.join(", "))).into_response()
    }
}
