//! Interventions in rows: asked for, begun, over. The row is written before anything is done about it and says whom it
//! replaces, so whoever reads it next goes on where the one before it ended. What a row means is decided in
//! `agentlab_domain::intervention`.

use agentlab_domain::{
    answer,
    intervention::{self, Corrupt, Intervention, Kind, Names, Record, State},
    role::Role,
};
use serde::Serialize;

use super::{Db, DbError, Durability, Write, outbox};
use crate::clock;

/// What is asked for, and by whom.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) kind: Kind,
    /// `None`: the whole system.
    pub(super) role: Option<Role>,
    pub(super) by: &'a str,
    /// The message that is edited when it is over.
    pub(super) notice: Option<i64>,
}

/// An intervention that is not over.
#[derive(Debug)]
pub struct Open {
    pub id: i64,
    pub read: Result<Intervention, Corrupt>,
    /// Its notice arrived, or there is none to wait for.
    pub told: bool,
}

/// An intervention, for who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct InterventionView {
    pub id: i64,
    pub kind: String,
    pub role: Option<String>,
    pub state: String,
    pub asked_at: i64,
    pub ended_at: Option<i64>,
    pub words: Option<String>,
}

impl InterventionView {
    /// How far it is; `None` for a state of a later release.
    pub fn state(&self) -> Option<State> {
        State::parse(&self.state)
    }
}

type Row = (i64, String, Option<String>, String, i64, Option<String>, bool);

/// Asks in the caller's transaction, with an audit row.
pub(super) async fn ask(write: &mut Write, asked: &Asked<'_>) -> Result<i64, DbError> {
    let now = clock::now_ms();
    let id = sqlx::query_scalar(
        "INSERT INTO intervention (kind, role, asked_by, asked_at, outbox_id) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id",
    )
    .bind(asked.kind.as_str())
    .bind(asked.role.map(Role::as_str))
    .bind(asked.by)
    .bind(now)
    .bind(asked.notice)
    .fetch_one(&mut **write)
    .await?;
    sqlx::query("INSERT INTO audit (at, action, actor, subject) VALUES (?1, ?2, ?3, ?4)")
        .bind(now)
        .bind(asked.kind.as_str())
        .bind(asked.by)
        .bind(asked.role.map_or("everything", Role::as_str))
        .execute(&mut **write)
        .await?;
    Ok(id)
}

impl Db {
    /// Asks for an intervention, in a transaction of its own (for a terminal).
    pub async fn ask_for(&self, kind: Kind, role: Option<Role>, by: &str) -> Result<i64, DbError> {
        let mut write = self.begin(Durability::Full).await?;
        let id = ask(&mut write, &Asked { kind, role, by, notice: None }).await?;
        write.commit().await?;
        Ok(id)
    }

    /// Those that are not over, oldest first, as far as they make sense at this time.
    pub async fn open_interventions(&self) -> Result<Vec<Open>, DbError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT i.id, i.kind, i.role, i.state, i.asked_at, i.replaces,
                    o.id IS NULL OR o.delivered_revision > 0 OR o.state = 'given_up'
             FROM intervention i LEFT JOIN outbox o ON o.id = i.outbox_id
             WHERE i.state IN ('asked', 'begun') ORDER BY i.id",
        )
        .fetch_all(self.read())
        .await?;
        let now = clock::now_ms();
        let open = |(id, kind, role, state, asked_at, replaces, told)| {
            let replaces = names(replaces);
            let record = Record { kind, role, state, asked_at, replaces };
            Open { id, read: intervention::validate(record, now), told }
        };
        Ok(rows.into_iter().map(open).collect())
    }

    /// Stores that it has begun, and which processes it replaces. False when it had begun before: then that list holds.
    pub async fn begin_intervention(&self, id: i64, replaces: &[String]) -> Result<bool, DbError> {
        let mut write = self.begin(Durability::Full).await?;
        let begun =
            sqlx::query("UPDATE intervention SET state = 'begun', replaces = ?2 WHERE id = ?1 AND state = 'asked'")
                .bind(id)
                .bind(serde_json::to_string(replaces)?)
                .execute(&mut *write)
                .await?
                .rows_affected();
        write.commit().await?;
        Ok(begun == 1)
    }

    /// Adds what was done, for who asked.
    pub async fn note_intervention(&self, id: i64, words: &str) -> Result<(), DbError> {
        let mut write = self.begin(Durability::Normal).await?;
        sqlx::query(
            "UPDATE intervention SET words = COALESCE(words || '; ', '') || ?2
             WHERE id = ?1 AND state IN ('asked', 'begun')",
        )
        .bind(id)
        .bind(words)
        .execute(&mut *write)
        .await?;
        write.commit().await
    }

    /// It is over: others are ready in the place of those that it replaced. Its notice is edited.
    pub async fn finish_intervention(&self, id: i64) -> Result<(), DbError> {
        let mut write = self.begin(Durability::Full).await?;
        let now = clock::now_ms();
        let asked_at: Option<i64> =
            sqlx::query_scalar("SELECT asked_at FROM intervention WHERE id = ?1 AND state = 'begun'")
                .bind(id)
                .fetch_optional(&mut *write)
                .await?;
        if let Some(asked_at) = asked_at {
            end(&mut write, id, State::Finished, &intervention::back(asked_at, now)).await?;
        }
        write.commit().await
    }

    /// It is not acted on. Its notice says so in these words.
    pub async fn drop_intervention(&self, id: i64, words: &str) -> Result<(), DbError> {
        let mut write = self.begin(Durability::Full).await?;
        end(&mut write, id, State::Dropped, words).await?;
        write.commit().await
    }

    /// One intervention.
    pub async fn intervention(&self, id: i64) -> Result<Option<InterventionView>, DbError> {
        Ok(sqlx::query_as("SELECT id, kind, role, state, asked_at, ended_at, words FROM intervention WHERE id = ?1")
            .bind(id)
            .fetch_optional(self.read())
            .await?)
    }
}

async fn end(write: &mut Write, id: i64, state: State, words: &str) -> Result<(), DbError> {
    let notice: Option<Option<i64>> = sqlx::query_scalar(
        "UPDATE intervention SET state = ?2, ended_at = ?3, words = COALESCE(words || '; ', '') || ?4
         WHERE id = ?1 AND state IN ('asked', 'begun') RETURNING outbox_id",
    )
    .bind(id)
    .bind(state.as_str())
    .bind(clock::now_ms())
    .bind(words)
    .fetch_optional(&mut **write)
    .await?;
    match notice.flatten() {
        Some(notice) => outbox::revise(write, notice, &answer::reply(words)).await,
        None => Ok(()),
    }
}

fn names(stored: Option<String>) -> Names {
    match stored.map(|text| serde_json::from_str(&text)) {
        None => Names::Missing,
        Some(Ok(names)) => Names::Read(names),
        Some(Err(_)) => Names::Unreadable,
    }
}
