//! What belongs to no task: messages, conversations, requests to the supervisor, notices that were given, updates, alerts, hours of
//! uptime, the audit log. Starts, crashes and recoveries go as new ones come, some at a time, after thirty days.

use sqlx::AssertSqlSafe;

use super::{
    super::tally::{self, Going},
    Db, DbError, Gone, Held,
};

/// Rows of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Restarts and recoveries that are over. They name the message that told of them, so they go before messages.
    Interventions,
    /// Messages of no task that arrived.
    Messages,
    /// Conversations that no kept task or run names and nobody goes on with. A chat's present one stays.
    Sessions,
    /// That a notice was given which is given once.
    Said,
    /// What Telegram gave us.
    Updates,
    /// Who was told that something is wrong, with the deliveries of it.
    Alerts,
    /// Hours of uptime.
    Hours,
    /// Who did what.
    Audit,
}

impl Kind {
    /// Every kind, in the order in which they go.
    pub const ALL: [Self; 8] = [
        Self::Interventions,
        Self::Messages,
        Self::Sessions,
        Self::Said,
        Self::Updates,
        Self::Alerts,
        Self::Hours,
        Self::Audit,
    ];

    /// The keys of at most ?2 rows that are older than ?1 and may go.
    const fn which(self) -> &'static str {
        match self {
            Self::Interventions => {
                "SELECT CAST(id AS TEXT) FROM intervention
                 WHERE state IN ('finished', 'dropped') AND COALESCE(ended_at, asked_at) < ?1 LIMIT ?2"
            }
            Self::Messages => {
                "SELECT CAST(id AS TEXT) FROM outbox WHERE job_id IS NULL AND created_at < ?1
                   AND state = 'delivered' AND delivered_revision >= revision AND COALESCE(delivered_at, created_at) < ?1
                   AND NOT EXISTS (SELECT 1 FROM intervention WHERE intervention.outbox_id = outbox.id) LIMIT ?2"
            }
            Self::Sessions => {
                "SELECT id FROM session WHERE used_at < ?1 AND (state <> 'current' OR lane GLOB 'own:*')
                   AND NOT EXISTS (SELECT 1 FROM run WHERE run.session = session.id)
                   AND NOT EXISTS (SELECT 1 FROM job WHERE job.session = session.id)
                   AND NOT EXISTS (SELECT 1 FROM session copy WHERE copy.forked_from = session.id) LIMIT ?2"
            }
            // Those of a present outage are taken back by its end.
            Self::Said => "SELECT key FROM said WHERE at < ?1 AND key NOT GLOB 'circuit:*' LIMIT ?2",
            Self::Updates => {
                "SELECT bot_id || ':' || update_id FROM telegram_update WHERE received_at < ?1
                 ORDER BY received_at LIMIT ?2"
            }
            Self::Alerts => "SELECT CAST(id AS TEXT) FROM alert WHERE began < ?1 ORDER BY began LIMIT ?2",
            Self::Hours => "SELECT CAST(hour AS TEXT) FROM uptime WHERE hour < ?1 ORDER BY hour LIMIT ?2",
            // By the order in which they came: what is older has been written before.
            Self::Audit => {
                "WITH first AS (SELECT id, at FROM audit ORDER BY id LIMIT ?2)
                 SELECT CAST(id AS TEXT) FROM first WHERE at < ?1"
            }
        }
    }

    /// Removes what belongs to those of the keys (?1, a JSON array), and would refer to nothing.
    const fn removal_of_theirs(self) -> Option<&'static str> {
        match self {
            Self::Alerts => {
                Some("DELETE FROM alert_delivery WHERE alert_id IN (SELECT CAST(value AS INTEGER) FROM json_each(?1))")
            }
            Self::Interventions
            | Self::Messages
            | Self::Sessions
            | Self::Said
            | Self::Updates
            | Self::Hours
            | Self::Audit => None,
        }
    }

    /// Removes those of the keys.
    const fn removal(self) -> &'static str {
        match self {
            Self::Interventions => {
                "DELETE FROM intervention WHERE id IN (SELECT CAST(value AS INTEGER) FROM json_each(?1))"
            }
            Self::Messages => "DELETE FROM outbox WHERE id IN (SELECT CAST(value AS INTEGER) FROM json_each(?1))",
            Self::Sessions => "DELETE FROM session WHERE id IN (SELECT value FROM json_each(?1))",
            Self::Said => "DELETE FROM said WHERE key IN (SELECT value FROM json_each(?1))",
            Self::Updates => {
                "DELETE FROM telegram_update WHERE (bot_id, update_id) IN (
                     SELECT CAST(substr(value, 1, instr(value, ':') - 1) AS INTEGER),
                            CAST(substr(value, instr(value, ':') + 1) AS INTEGER) FROM json_each(?1))"
            }
            Self::Alerts => "DELETE FROM alert WHERE id IN (SELECT CAST(value AS INTEGER) FROM json_each(?1))",
            Self::Hours => "DELETE FROM uptime WHERE hour IN (SELECT CAST(value AS INTEGER) FROM json_each(?1))",
            Self::Audit => "DELETE FROM audit WHERE id IN (SELECT CAST(value AS INTEGER) FROM json_each(?1))",
        }
    }
}

impl Db {
    /// Removes at most so many rows of this kind that are older. They are looked for before anybody is kept waiting.
    pub async fn prune(&self, kind: Kind, before: i64, many: u32) -> Result<Gone, DbError> {
        let look = || sqlx::query_scalar::<_, String>(AssertSqlSafe(kind.which())).bind(before).bind(many);
        let found = look().fetch_all(self.read()).await?;
        if found.is_empty() {
            return Ok(Gone::default());
        }
        let mut held = self.begin_to_prune().await?;
        // Only they may go, and only if they still may: a conversation may have been taken up since.
        let may = look().fetch_all(&mut *held.write).await?;
        let going: Vec<String> = found.into_iter().filter(|key| may.contains(key)).collect();
        fold(&mut held, kind, &going, before).await?;
        let keys = serde_json::to_string(&going)?;
        if let Some(removal) = kind.removal_of_theirs() {
            sqlx::query(AssertSqlSafe(removal)).bind(&keys).execute(&mut *held.write).await?;
        }
        let gone =
            sqlx::query(AssertSqlSafe(kind.removal())).bind(&keys).execute(&mut *held.write).await?.rows_affected();
        held.commit(gone).await
    }
}

/// What is to be kept of them.
async fn fold(held: &mut Held, kind: Kind, going: &[String], before: i64) -> Result<(), DbError> {
    let ids = || -> Vec<i64> { going.iter().filter_map(|id| id.parse().ok()).collect() };
    match kind {
        Kind::Messages => tally::fold(&mut held.write, Going::Messages(&ids())).await,
        Kind::Alerts => tally::fold(&mut held.write, Going::Alerts(&ids())).await,
        Kind::Hours => tally::fold(&mut held.write, Going::Hours(&ids())).await,
        Kind::Updates => tally::fold(&mut held.write, Going::Updates(going)).await,
        // The schema lets go of nothing younger than what is written here.
        Kind::Audit => {
            sqlx::query(
                "INSERT INTO meta (key, value) VALUES ('audit_kept_from', ?1)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            )
            .bind(before.to_string())
            .execute(&mut *held.write)
            .await?;
            Ok(())
        }
        Kind::Interventions | Kind::Sessions | Kind::Said => Ok(()),
    }
}
