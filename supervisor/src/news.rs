//! News for the person in front of the terminal. *News* is said once and forgotten: whoever is not there has the log and the
//! alerts.

use agentlab_domain::{ladder::Fall, role::Post};

use crate::{keeper::Passed, post::Fallen};

/// What the person in front of the terminal is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Everything is ready.
    Ready { bot: bool, console_port: Option<u16>, workers: u32, rehearsal: bool },
    /// A process died and is started again.
    Died { post: Post, words: Option<String> },
    /// Somebody keeps the database locked, or something was done about it.
    Locked { words: String },
    /// A component does not start; what is known of it is in a file.
    Diagnosed { post: Post, words: String },
    /// Workers finish what they run.
    Draining,
    /// The daemons stop; so many runs go on.
    Stopping,
    /// The daemons have stopped; so many runs live on.
    LeftRunning { runs: usize },
}

/// Says what a pass found.
pub(crate) fn tell_all(passed: &Passed, tell: &impl Fn(News)) {
    for fallen in &passed.fallen {
        tell_of(fallen, tell);
    }
    for (post, words) in &passed.diagnosed {
        tell(News::Diagnosed { post: *post, words: words.clone() });
    }
    for (post, words) in &passed.not_started {
        tracing::error!(%post, words);
        tell(News::Died { post: *post, words: Some(words.clone()) });
    }
}

/// Says who ended, where nobody asked for it.
fn tell_of(fallen: &Fallen, tell: &impl Fn(News)) {
    let (post, words) = (fallen.post, fallen.how());
    match fallen.fall {
        Fall::Asked => tracing::info!(%post, "ended as it was asked to"),
        Fall::Refused => {
            let words = format!("refuses to start ({}); I try it again every minute", words.unwrap_or_default());
            tracing::error!(%post, words);
            tell(News::Diagnosed { post, words });
        }
        Fall::Taken { .. } | Fall::Failed { .. } | Fall::NeverReady => {
            tracing::warn!(%post, words = words.as_deref(), status = ?fallen.status, "ended; it is started again");
            tell(News::Died { post, words });
        }
    }
}
