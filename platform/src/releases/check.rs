//! Whether an executable *fits* this home, before it is put in place: it can be started here, it can read the configuration, and
//! it knows the database as it is. The executable itself says so; nothing is changed for it.

use std::{path::Path, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{config, db::migrate, home::Home, life::Refusal, spawn};

/// How long it may take to say so.
const ANSWER: Duration = Duration::from_mins(1);
/// The verb.
pub const VERB: &str = "fit";

/// What an executable says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fit {
    pub version: String,
    pub commit: Option<String>,
}

/// What it answers when it refuses.
#[derive(Debug, Deserialize)]
struct Unfit {
    error: String,
}

/// Asks an executable.
pub async fn check(home: &Home, program: &Path) -> Result<Fit, String> {
    let output = spawn::answer(home, program, &["--json", VERB], ANSWER)
        .await
        .map_err(|error| format!("it cannot be started here ({error}): was it built for another machine?"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return serde_json::from_str(&text).map_err(|_| "it does not answer as agentlab does".to_owned());
    }
    match serde_json::from_str::<Unfit>(&text) {
        Ok(unfit) => Err(unfit.error),
        Err(_) => Err(format!("it does not answer ({})", output.status)),
    }
}

/// What this very executable answers.
pub async fn fit(home: &Home, commit: Option<&str>) -> Result<Fit, Refusal> {
    config::load(home)?;
    migrate::fits(home).await?;
    Ok(Fit { version: env!("CARGO_PKG_VERSION").to_owned(), commit: commit.map(str::to_owned) })
}
