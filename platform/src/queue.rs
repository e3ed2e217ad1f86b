//! The queue: the one file that names apalis. apalis gives the `Jobs` and `Workers` tables, `push_tasks`, and the worker
//! loop with its handler; claiming, finishing, retrying, order and cancelling are ours (docs/decisions/0001).
//!
//! A *backend* here is apalis' word for where tasks come from. Ours has a `Persistence` whose `fetch_next` returns only
//! with a claim in hand: it waits for a ping, a job's time or five seconds, whichever comes first, and starts again. So there is no timer
//! to lose a wake-up, and a locked database never ends the worker's loop.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use apalis_core::{
    backend::{
        Backend, BackendConfig, WireFormatBackend,
        finalize::Durable,
        persistence::{Persisted, Persistence, TaskEvent, TaskPersistLayer},
    },
    error::BoxDynError,
    task::{Task, builder::TaskBuilder, task_id::TaskId},
    worker::{builder::WorkerBuilder, context::WorkerContext},
};
use apalis_sqlite::{Config, JsonCodec, SqliteStorage, queries};
use serde_json::Value;
use sqlx::SqliteConnection;
use tokio::sync::Semaphore;
use ulid::Ulid;

use crate::{
    clock,
    db::{Db, DbError, Durability, claim::Claim},
    life::Stop,
    ping::Ear,
    pulse::{Turns, limit},
};

/// The name of our queue in `Jobs.job_type`.
pub const QUEUE: &str = "agentlab";
/// Between two looks at the queue without a ping: the net under lost pings. What waits for a time is looked at in time.
const POLL: Duration = Duration::from_secs(5);
/// No two looks without a ping are nearer than this.
const SHORTEST: Duration = Duration::from_millis(50);

/// apalis' own migrations. Never its `setup()`, which turns `synchronous` off.
pub fn migrations() -> sqlx::migrate::Migrator {
    let mut theirs = SqliteStorage::migrations();
    theirs.set_ignore_missing(true);
    theirs
}

/// Inserts the `Jobs` row of a job, in the caller's transaction.
pub(crate) async fn push(connection: &mut SqliteConnection, id: &str) -> Result<(), DbError> {
    let id = Ulid::from_string(id).map_err(|error| DbError::Queue(error.to_string()))?;
    let task = TaskBuilder::new(b"{}".to_vec()).task_id(TaskId::from_ulid(id)).build();
    queries::push_tasks(connection, QUEUE, &[task]).await.map_err(|error| DbError::Queue(error.to_string()))
}

/// Runs a worker called `name` until `stop` is asked. `handle` gets one claim at a time; what it returns decides
/// nothing: it finishes, retries or releases the job by itself (rule R6). `turns` are those of the loop that claims: it promises
/// the next one while this worker is idle, and rests while a claim is handled.
pub async fn work<H, F>(
    db: &Db,
    name: &str,
    (ear, turns): (Ear, Turns),
    stop: Stop,
    handle: H,
) -> Result<(), BoxDynError>
where
    H: Fn(Claim) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let free = Arc::new(Semaphore::new(1));
    let source =
        Source { db: db.clone(), ear: Arc::new(ear), turns: turns.clone(), free: free.clone(), stop: stop.clone() };
    let backend = LaneQueue {
        persisted: Persisted::new(source),
        codec: JsonCodec::default(),
        config: Config::default().queue(QUEUE).batch_size(1).persist_results(false).lock_tasks(false),
    };
    let asked = stop.clone();
    let worker = WorkerBuilder::new(name).backend(backend).build(move |claim: Claim| {
        let (handle, free, turns, asked) = (handle.clone(), free.clone(), turns.clone(), asked.clone());
        async move {
            // A task of its own: a panic in a handler must not end the worker's loop.
            if let Err(error) = tokio::spawn(handle(claim)).await {
                tracing::error!(%error, "the handler of a job broke");
            }
            // From here on apalis owes us the next call; none comes where this worker is to stop.
            if !asked.is_asked_to_finish() {
                turns.turn(limit::within(POLL));
            }
            free.add_permits(1);
        }
    });
    let mut stop = stop;
    let stopped = async move {
        stop.asked_to_finish().await;
        Ok::<(), std::io::Error>(())
    };
    worker.run_until(stopped).await?;
    Ok(())
}

/// Where claims come from.
#[derive(Debug, Clone)]
struct Source {
    db: Db,
    ear: Arc<Ear>,
    turns: Turns,
    /// One run per worker at a time.
    free: Arc<Semaphore>,
    stop: Stop,
}

impl Source {
    async fn next_claim(&self, worker: &str) -> Option<Claim> {
        let mut stop = self.stop.clone();
        let mut holds_nothing = false;
        loop {
            if stop.is_asked_to_finish() {
                return None;
            }
            // To let go, and to claim.
            self.turns.turn(limit::within(limit::WRITE * 2));
            // An idle worker holds nothing: what a handler could not let go of (a locked database, a panic) goes here.
            let claimed = if holds_nothing { Ok(()) } else { self.db.release_own(worker).await };
            holds_nothing = claimed.is_ok();
            let claimed = match claimed {
                Ok(()) => self.db.claim(worker).await,
                Err(error) => Err(error),
            };
            match claimed {
                Ok(Some(claim)) => return Some(claim),
                Ok(None) => {}
                Err(error) if error.is_busy() => tracing::warn!(%error, "the queue is locked; I go on asking"),
                Err(error) => tracing::error!(%error, "the queue cannot be asked; I go on asking"),
            }
            // Two questions for the next time, and the wait for it.
            self.turns.turn(limit::within(limit::READ * 2 + POLL));
            tokio::select! {
                () = self.ear.heard() => {}
                () = self.next_look() => {}
                () = stop.asked_to_finish() => return None,
            }
        }
    }
}

impl Source {
    /// Waits until a job's time comes, or that of a probe, or for the poll.
    async fn next_look(&self) {
        let times = [self.db.next_run_at().await, self.db.next_probe_at().await];
        let next = times.into_iter().filter_map(|at| at.ok().flatten()).min();
        let until =
            next.map_or(POLL, |at| Duration::from_millis(u64::try_from(at - clock::now_ms()).unwrap_or_default()));
        tokio::time::sleep(until.min(clock::scaled(POLL)).max(SHORTEST)).await;
    }
}

impl Persistence for Source {
    type Compact = Vec<u8>;
    type Response = Value;
    type Error = DbError;

    /// The `Workers` row that `Jobs.lock_by` refers to.
    async fn register(&mut self, worker: &WorkerContext) -> Result<(), DbError> {
        let mut write = self.db.begin(Durability::Normal).await?;
        queries::register_worker(&mut *write, &Config::default().queue(QUEUE), worker, "agentlab").await?;
        write.commit().await
    }

    /// Ours is in `process`: it carries progress, and no one is judged by its age.
    async fn heartbeat(&mut self, _: &WorkerContext) -> Result<(), DbError> {
        Ok(())
    }

    async fn fetch_next(&mut self, worker: &WorkerContext) -> Result<Vec<Task<Vec<u8>>>, DbError> {
        // For as long as a run may last.
        self.turns.rest();
        let Ok(permit) = self.free.clone().acquire_owned().await else { return Ok(Vec::new()) };
        let claim = self.next_claim(worker.name()).await;
        self.turns.rest();
        let Some(claim) = claim else { return Ok(Vec::new()) };
        // Given back when the handler returns.
        permit.forget();
        let id = Ulid::from_string(&claim.job_id).map_err(|error| DbError::Queue(error.to_string()))?;
        Ok(vec![TaskBuilder::new(serde_json::to_vec(&claim)?).task_id(TaskId::from_ulid(id)).build()])
    }

    /// Nothing is buffered: a claim is handed over at once. One that is left here is released by the next start.
    async fn reenqueue_abandoned(&mut self, tasks: Vec<Task<Vec<u8>>>, _: &WorkerContext) -> Result<u64, DbError> {
        Ok(u64::try_from(tasks.len()).unwrap_or_default())
    }

    /// The handler finishes by itself (rule R6).
    async fn handle_events(&mut self, _: Vec<TaskEvent<Value>>, _: &WorkerContext) -> Result<(), DbError> {
        Ok(())
    }

    /// Jobs are pushed inside our own transactions only.
    async fn push_tasks(&mut self, _: Vec<Task<Vec<u8>>>) -> Result<(), DbError> {
        Err(DbError::Queue("jobs are accepted by enqueue only".into()))
    }
}

/// Our backend: lanes, fenced leases, no wake-up to lose.
#[derive(Debug)]
struct LaneQueue {
    persisted: Persisted<Source>,
    codec: JsonCodec<Vec<u8>>,
    config: Config,
}

/// apalis asks for a heartbeat this often; ours does nothing.
const HEARTBEAT: Duration = Duration::from_hours(1);

impl Backend for LaneQueue {
    type Task = Task<Vec<u8>>;
    type Error = DbError;

    fn poll_ready(&mut self, cx: &mut Context<'_>, worker: &WorkerContext) -> Poll<Result<(), DbError>> {
        self.persisted.poll_ready(cx, worker, HEARTBEAT)
    }

    fn poll_next(&mut self, cx: &mut Context<'_>, worker: &WorkerContext) -> Poll<Option<Result<Self::Task, DbError>>> {
        self.persisted.poll_next(cx, worker)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, worker: &WorkerContext) -> Poll<Result<(), DbError>> {
        self.persisted.poll_close(cx, worker)
    }
}

impl BackendConfig for LaneQueue {
    type Args = Claim;
    type Id = Ulid;
    type Kind = Durable;
    type Config = Config;
    type Layer = TaskPersistLayer<JsonCodec<Value>, Value>;

    fn config(&self) -> &Config {
        &self.config
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Self::Layer {
        self.persisted.layer(JsonCodec::default(), 1).persist_results(false).lock_tasks(false)
    }
}

impl WireFormatBackend for LaneQueue {
    type Codec = JsonCodec<Vec<u8>>;
    type Compact = Vec<u8>;

    fn codec(&self) -> &Self::Codec {
        &self.codec
    }
}
