//! The weekly summary to the owner: looks now and then whether one is due. When that is, and whether there is anything to tell, is
//! decided in `agentlab_domain::weekly`; that it is sent once is a row.

use std::time::Duration;

use agentlab_platform::{calendar, clock, db::DbError, life::Life};
use tokio::sync::Notify;

/// Between two looks: a machine that slept on Monday sends it soon after it woke.
const LOOK: Duration = Duration::from_mins(1);

/// Looks for as long as the bot lives; `wake` tells that something is to be delivered.
pub(crate) async fn keep(life: &Life, wake: &Notify) {
    // Nothing of a week that is over changes any more: one look at each is enough.
    let mut settled = None;
    loop {
        let due = calendar::week_due(clock::now_ms()).filter(|week| settled.as_ref() != Some(week));
        if let Some(week) = due {
            match life.db.send_weekly(&week, life.config.report.weekly).await {
                Ok(sent) => {
                    if sent {
                        tracing::info!(week = week.first_day, "the summary of a week goes to the owner");
                        wake.notify_one();
                    }
                    settled = Some(week);
                }
                Err(error) => log(&error),
            }
        }
        tokio::time::sleep(clock::scaled(LOOK)).await;
    }
}

fn log(error: &DbError) {
    tracing::warn!(%error, "the summary of the week cannot be looked for; I try again");
}
