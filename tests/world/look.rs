//! A look into the database without starting a process: for what must be seen within a millisecond. A *look* reads only.

use std::cell::RefCell;

use sqlx::{Connection, FromRow, SqliteConnection, sqlite::SqliteConnectOptions, sqlite::SqliteRow};

use super::World;

/// A connection that reads.
pub(crate) struct Look {
    runtime: tokio::runtime::Runtime,
    connection: RefCell<SqliteConnection>,
}

/// A worker's lease on a run that lives.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(crate) struct Held {
    pub(crate) run: String,
    /// The process that holds the lease.
    pub(crate) by: String,
    pub(crate) pid: i32,
}

impl Look {
    /// Looks into this world's database, which must be there.
    pub(crate) fn into(world: &World) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let options = SqliteConnectOptions::new().filename(world.home().join("agentlab.db")).read_only(true);
        let connection = runtime.block_on(SqliteConnection::connect_with(&options)).unwrap();
        Self { runtime, connection: RefCell::new(connection) }
    }

    /// What the database answers at this moment, where somebody may put another one in its place at any time; `None` while it cannot
    /// be asked.
    pub(crate) fn once<T: for<'r> FromRow<'r, SqliteRow> + Send + Unpin>(
        world: &World,
        question: &'static str,
    ) -> Option<Vec<T>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let options = SqliteConnectOptions::new().filename(world.home().join("agentlab.db")).read_only(true);
        runtime.block_on(async {
            let mut connection = SqliteConnection::connect_with(&options).await.ok()?;
            let rows = sqlx::query_as(question).fetch_all(&mut connection).await.ok();
            let _ = connection.close().await;
            rows
        })
    }

    /// What the database answers.
    pub(crate) fn rows<T: for<'r> FromRow<'r, SqliteRow> + Send + Unpin>(&self, question: &'static str) -> Vec<T> {
        let mut connection = self.connection.borrow_mut();
        self.runtime.block_on(sqlx::query_as(question).fetch_all(&mut *connection)).unwrap()
    }

    /// One number that the database answers.
    pub(crate) fn count(&self, question: &'static str) -> i64 {
        self.rows::<(i64,)>(question)[0].0
    }

    /// The runs whose shim was started, with the living lease on each: the run's row and the queue's name one worker.
    pub(crate) fn held(&self) -> Vec<Held> {
        self.rows(
            "SELECT run.id AS run, run.worker AS by, process.pid FROM run
             JOIN Jobs q ON q.id = run.job_id AND q.lock_by = run.worker AND q.status = 'Running'
             JOIN process ON process.name = run.worker
             WHERE run.state = 'running'",
        )
    }
}
