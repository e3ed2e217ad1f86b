//! The WAL, moved into the database file: whoever then changes or cuts that file, or measures it, has all of it there. Where nobody did,
//! a young database is one page.

use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{LONG, World};

impl World {
    /// Moves all that the WAL holds into the database file.
    pub(crate) fn empty_the_wal(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let options = SqliteConnectOptions::new().filename(self.home().join("agentlab.db")).busy_timeout(LONG);
        let (blocked, _, _): (i64, i64, i64) = runtime.block_on(async {
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            let done = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut connection).await.unwrap();
            connection.close().await.unwrap();
            done
        });
        assert_eq!(blocked, 0, "somebody was in the way");
    }
}
