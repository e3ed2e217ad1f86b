//! Units follow the posts: while a service manager keeps us, a post that is kept has a unit, and one that nobody wants and nobody is
//! at has none. So another number of workers, a bot that comes or goes, and a release with other units need no hand.
//!
//! It runs beside the passes of the keeper, and tries again what the manager did not do.

use std::{collections::BTreeSet, time::Duration};

use agentlab_domain::role::Post;
use agentlab_platform::{
    clock,
    home::Home,
    services::{Basis, Manager, SUPERVISOR},
};
use tokio::{sync::watch, task::JoinHandle};

/// After something that the manager did not do.
const AGAIN: Duration = Duration::from_secs(30);

/// The care for units; it ends with this value.
#[derive(Debug)]
pub(crate) struct Units {
    kept: watch::Sender<BTreeSet<Post>>,
    task: JoinHandle<()>,
}

impl Drop for Units {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Units {
    /// Begins; nothing is done before it is told for the first time what is kept.
    pub(crate) fn begin(manager: Manager, home: Home) -> Self {
        let (kept, told) = watch::channel(BTreeSet::new());
        Self { kept, task: tokio::spawn(keep(manager, home, told)) }
    }

    /// These posts are wanted, or somebody is at them.
    pub(crate) fn keep(&self, posts: impl Iterator<Item = Post>) {
        let posts: BTreeSet<Post> = posts.chain([SUPERVISOR]).collect();
        self.kept.send_if_modified(|kept| {
            let other = *kept != posts;
            *kept = posts;
            other
        });
    }
}

async fn keep(manager: Manager, home: Home, mut told: watch::Receiver<BTreeSet<Post>>) {
    while told.changed().await.is_ok() {
        loop {
            let kept = told.borrow_and_update().clone();
            let done = match Basis::of_this_process(&home) {
                Ok(basis) => manager.reconcile(&basis, &kept).await.map_err(|trouble| trouble.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match done {
                Ok(changed) => {
                    for (what, posts) in [("written", changed.written), ("removed", changed.removed)] {
                        for post in posts {
                            tracing::info!(%post, "its unit was {what}");
                        }
                    }
                    break;
                }
                Err(words) => {
                    tracing::warn!(words, "the units of the service manager are not as they should be; I try again");
                    tokio::time::sleep(clock::scaled(AGAIN)).await;
                }
            }
        }
    }
}
