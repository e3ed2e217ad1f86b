//! Rate limits in rows: what was taken from a person is counted in `telegram_update`, so a restart forgets nothing. How many
//! are too many is decided in `agentlab_domain::rate`.

use agentlab_domain::{
    intake::{Decision, Request},
    rate::{self, Rate, Span},
};

use super::{DbError, Write, intake::Incoming};

/// The decision in place of the bot's own, where its sender has sent too much by `now`.
pub(super) async fn over_the_limit(
    write: &mut Write,
    incoming: &Incoming<'_>,
    now: i64,
) -> Result<Option<Decision>, DbError> {
    let Some(Request { user, place, message }) = incoming.decision.counted() else { return Ok(None) };
    let taken: Vec<i64> = sqlx::query_scalar(
        "SELECT received_at FROM telegram_update WHERE user_id = ?1 AND counted = 1 AND received_at > ?2",
    )
    .bind(user)
    .bind(now - Span::Hour.ms())
    .fetch_all(&mut **write)
    .await?;
    Ok(match rate::decide(&taken, incoming.limits, now) {
        Rate::Allowed => None,
        Rate::Limited { until, span } => {
            Some(Decision::Limited { place, message, words: rate::words(incoming.limits, span, until, now) })
        }
    })
}
