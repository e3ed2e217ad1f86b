//! Reverting the commits of releases that were left by themselves. It is begun once everything is back on an earlier release, by
//! whichever supervisor is there then; that it was tried is noted with the release, so one that is killed meanwhile is followed
//! by one that finds the same to do.

use agentlab_platform::{
    config::Config,
    home::Home,
    releases::{Release, going_back},
    revert::{self, Asked},
};

use crate::{alerts::Alerts, keeper::Keeper};

/// Begins, where `recovery.auto_revert` asks for it. Nobody waits for it.
pub(crate) fn begin(keeper: &Keeper<'_>) {
    let life = keeper.life;
    if life.config.recovery.auto_revert {
        tokio::spawn(all(life.home.clone(), life.config.clone(), keeper.alerts.clone()));
    }
}

async fn all(home: Home, config: Config, alerts: Alerts) {
    for (left, to) in going_back::unreverted(&home) {
        let why =
            left.bad.as_ref().map(|bad| format!("release {} was left: {}", left.name, bad.why)).unwrap_or_default();
        let asked = Asked {
            wanted: config.recovery.auto_revert,
            source: left.source.as_deref(),
            suspect: commit(&left),
            healthy: commit(&to).filter(|_| to.healthy_at.is_some()),
            why: &why,
        };
        let done = revert::revert(&home, asked).await;
        tracing::warn!(release = left.name, "{}", done.words());
        if let Err(error) = going_back::reverted(&home, &left.name, done.words()) {
            tracing::error!(%error, "what came of a revert cannot be noted");
        }
        let at = left.bad.as_ref().map_or(0, |bad| bad.at);
        alerts.tell(format!("reverted:{}:{at}", left.name), format!("agentlab: {}", done.words()));
    }
}

/// The commit that a release was built from; one that was taken as an executable was built from nobody knows what.
fn commit(release: &Release) -> Option<&str> {
    release.commit.as_deref().filter(|_| release.source.is_some())
}
