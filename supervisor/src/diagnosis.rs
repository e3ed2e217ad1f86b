//! The diagnosis of a component that does not start: everything that is known goes into a file, and its owner is told where it
//! is and what to do. It is given once in a climb, and keeps nobody from being started again.

use agentlab_domain::role::Post;
use agentlab_platform::{alert::Alert, clock, diagnosis, life::Life, redaction::Redaction, spawn};

use crate::alerts::Alerts;

/// What is the matter.
#[derive(Debug, Clone)]
pub struct Trouble {
    pub post: Post,
    /// Starts that failed in a row.
    pub tried: u32,
    /// What the one who asks knows beside it: a heading, and its text.
    pub more: Vec<(String, String)>,
}

/// Writes the file and tells the owner. Returns the words for whoever sits in front of the terminal.
pub async fn give(life: &Life, alerts: &Alerts, trouble: &Trouble) -> String {
    let post = trouble.post;
    let secrets = Redaction::of_logs(&life.config.secrets());
    let last = spawn::last_words(&life.home, post).map(|last| secrets.text(&last));
    let said = last.map_or_else(|| "It printed nothing.".to_owned(), |last| format!("Its last words: \"{last}\"."));
    let head = format!("{post} does not start: it was tried {} times. {said}", trouble.tried);
    let written =
        diagnosis::write(&life.home, &secrets, (Some(&life.db), Some(&life.config)), (&head, &trouble.more)).await;
    let known = match &written {
        Ok(path) => format!("What is known is in {}", path.display()),
        Err(error) => format!("What is known could not be written ({error})"),
    };
    let words = format!(
        "does not start: it was tried {} times, and is tried again every 30 seconds. {said} {known}; `agentlab doctor` \
         names what is wrong and the remedy.",
        trouble.tried
    );
    tracing::error!(%post, words);
    let alert = Alert::once(format!("capped:{post}:{}", clock::now_ms()), format!("agentlab: {post} {words}"));
    alerts.give(&Alert { subject: post.to_string(), bundle: written.ok(), ..alert });
    words
}
