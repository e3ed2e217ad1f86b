//! Sessions in rows: which conversation a run goes on with. What decides between its flags is in `domain::session`.

use agentlab_domain::session;
use uuid::Uuid;

use super::{DbError, Write};
use crate::clock;

/// A session as people choose it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SessionView {
    pub id: String,
    pub lane: String,
    pub project: String,
    pub workspace: String,
    pub state: String,
    pub title: String,
    pub used_at: i64,
}

/// The session of a run, and the one that it was forked from.
pub(super) type Chosen = (String, Option<String>);

/// What a job says about its session.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) lane: &'a str,
    pub(super) project: &'a str,
    pub(super) workspace: &'a str,
    /// The one that was asked for.
    pub(super) asked: Option<&'a str>,
    pub(super) prompt: &'a str,
}

/// The session that a run of this job goes on with: the one that was asked for, else the lane's current one, else a new
/// one whose id is chosen here, before anything is started.
pub(super) async fn choose(write: &mut Write, wanted: Wanted<'_>) -> Result<Chosen, DbError> {
    let now = clock::now_ms();
    let found: Option<Chosen> = sqlx::query_as(
        "UPDATE session SET used_at = ?4 WHERE id = (
             SELECT id FROM session
             WHERE (id = ?3 AND workspace = ?2 AND state <> 'set_aside')
                OR (lane = ?1 AND workspace = ?2 AND state = 'current')
             ORDER BY id = ?3 DESC LIMIT 1)
         RETURNING id, forked_from",
    )
    .bind(wanted.lane)
    .bind(wanted.workspace)
    .bind(wanted.asked)
    .bind(now)
    .fetch_optional(&mut **write)
    .await?;
    if let Some(found) = found {
        return Ok(found);
    }
    let id = Uuid::new_v4().to_string();
    add(write, &id, None, wanted).await?;
    Ok((id, None))
}

async fn add(write: &mut Write, id: &str, from: Option<&str>, wanted: Wanted<'_>) -> Result<(), DbError> {
    sqlx::query(
        "INSERT INTO session (id, lane, project, workspace, state, forked_from, title, created_at, used_at)
         VALUES (?1, ?2, ?3, ?4, 'current', ?5, ?6, ?7, ?7)",
    )
    .bind(id)
    .bind(wanted.lane)
    .bind(wanted.project)
    .bind(wanted.workspace)
    .bind(from)
    .bind(session::title(wanted.prompt))
    .bind(clock::now_ms())
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// A session that cannot be taken up: it is never chosen again.
pub(super) async fn set_aside(write: &mut Write, id: &str, why: &str) -> Result<(), DbError> {
    sqlx::query("UPDATE session SET state = 'set_aside', why = ?2 WHERE id = ?1")
        .bind(id)
        .bind(why)
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// The next task of this lane and directory begins a new conversation. Returns the one that went on until now.
pub(super) async fn leave(write: &mut Write, lane: &str, workspace: &str) -> Result<Option<SessionView>, DbError> {
    Ok(sqlx::query_as(
        "UPDATE session SET state = 'kept' WHERE lane = ?1 AND workspace = ?2 AND state = 'current' RETURNING *",
    )
    .bind(lane)
    .bind(workspace)
    .fetch_optional(&mut **write)
    .await?)
}

/// The conversation goes on as a copy, and stays itself as it is. Returns the copied one and the copy's id.
pub(super) async fn fork(
    write: &mut Write,
    lane: &str,
    workspace: &str,
) -> Result<Option<(SessionView, String)>, DbError> {
    let Some(from) = leave(write, lane, workspace).await? else { return Ok(None) };
    let id = Uuid::new_v4().to_string();
    let copy = Wanted { lane, project: &from.project, workspace, asked: None, prompt: &from.title };
    add(write, &id, Some(&from.id), copy).await?;
    Ok(Some((from, id)))
}

/// The sessions whose id begins with `prefix`, two at most: one is meant, two are unclear.
pub(super) async fn named(connection: &mut sqlx::SqliteConnection, prefix: &str) -> Result<Vec<SessionView>, DbError> {
    Ok(sqlx::query_as("SELECT * FROM session WHERE substr(id, 1, length(?1)) = ?1 LIMIT 2")
        .bind(prefix)
        .fetch_all(&mut *connection)
        .await?)
}

/// This session goes on in this lane.
pub(super) async fn take_up(write: &mut Write, id: &str, lane: &str, workspace: &str) -> Result<(), DbError> {
    leave(write, lane, workspace).await?;
    sqlx::query("UPDATE session SET state = 'current', lane = ?2, used_at = ?3 WHERE id = ?1")
        .bind(id)
        .bind(lane)
        .bind(clock::now_ms())
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// The sessions of a lane that can be taken up, the last used first.
pub(super) async fn of_lane(write: &mut Write, lane: &str) -> Result<Vec<SessionView>, DbError> {
    Ok(sqlx::query_as("SELECT * FROM session WHERE lane = ?1 AND state <> 'set_aside' ORDER BY used_at DESC LIMIT 10")
        .bind(lane)
        .fetch_all(&mut **write)
        .await?)
}

impl super::Db {
    /// The session that `name` (the beginning of its id) means; `None` unless it is exactly one that can be taken up.
    pub async fn session(&self, name: &str) -> Result<Option<SessionView>, DbError> {
        let mut connection = self.read().acquire().await?;
        let mut found = named(&mut connection, name).await?;
        let only = if found.len() == 1 { found.pop() } else { None };
        Ok(only.filter(|session| session.state != "set_aside"))
    }
}
