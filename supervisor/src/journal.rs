//! Whether the journal can be written, looked at now and then: where it cannot be, nothing is accepted and nothing ends, and nobody who
//! works says more than that he tries on. It is told once, for as long as it lasts.

use std::time::Duration;

use agentlab_platform::{clock, home::Home, journal};
use tokio::task::JoinHandle;

use crate::alerts::Alerts;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(10);

/// It is looked at; not any more with the end of this value.
#[derive(Debug)]
pub(crate) struct Watch(JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Watch {
    /// Begins to look. Must be called inside a runtime.
    pub(crate) fn begin(home: &Home, alerts: &Alerts) -> Self {
        Self(tokio::spawn(look_on(home.clone(), alerts.clone())))
    }
}

async fn look_on(home: Home, alerts: Alerts) {
    let mut since = None;
    loop {
        match (journal::in_the_way(&home), since) {
            (Some(why), None) => {
                let now = clock::now_ms();
                since = Some(now);
                let words = format!(
                    "agentlab: nothing can be accepted and no task can end: the journal {}: {why}. Then all goes on by itself.",
                    home.journal().display()
                );
                alerts.tell(format!("journal:{now}"), words);
            }
            (Some(_), Some(_)) => {}
            (None, _) => since = None,
        }
        tokio::time::sleep(clock::scaled(LOOK)).await;
    }
}
