//! Notices that are given once. A row says that one was; it is written in the transaction that writes the notice.

use agentlab_domain::{answer, chat::Place};

use super::{
    DbError, Write,
    outbox::{self, New},
};
use crate::clock;

/// True the first time that this is asked for `key`.
pub(super) async fn first(write: &mut Write, key: &str) -> Result<bool, DbError> {
    let inserted = sqlx::query("INSERT INTO said (key, at) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
        .bind(key)
        .bind(clock::now_ms())
        .execute(&mut **write)
        .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Tells a place once.
pub(super) async fn once(write: &mut Write, key: &str, place: Place, words: &str) -> Result<(), DbError> {
    if first(write, key).await? {
        let body = answer::reply(words);
        outbox::add(write, New { kind: "notice", job_id: None, place, reply_to: None, body: &body }).await?;
    }
    Ok(())
}

/// Tells whoever looks after the whole system once; without a bot there is nobody to tell.
pub(super) async fn owner_once(write: &mut Write, owner: Option<i64>, key: &str, words: &str) -> Result<(), DbError> {
    match owner {
        Some(chat) => once(write, key, Place { chat, topic: None }, words).await,
        None => Ok(()),
    }
}

/// The places whose tasks wait to begin.
pub(super) async fn waiting_places(write: &mut Write) -> Result<Vec<Place>, DbError> {
    let places: Vec<(i64, Option<i64>)> = sqlx::query_as(
        "SELECT DISTINCT chat, topic FROM job
         WHERE state NOT IN ('done', 'failed', 'cancelled', 'poison') AND state IN ('queued', 'retrying', 'parked')
           AND chat IS NOT NULL",
    )
    .fetch_all(&mut **write)
    .await?;
    Ok(places.into_iter().map(|(chat, topic)| Place { chat, topic }).collect())
}
