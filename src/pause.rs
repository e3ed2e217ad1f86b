//! `pause`: nothing new begins until a time or until `resume`. It needs no running system: the row is what holds.

use agentlab_domain::exit_code;
use agentlab_platform::{calendar, clock, life::Refusal};

use crate::{failure::Failure, print, system};

/// Pauses, and says until when.
pub async fn pause(until: Option<String>, as_json: bool) -> Result<u8, Failure> {
    let until = until.map(|text| calendar::until(&text, clock::now_ms()).map_err(|error| (text, error))).transpose();
    let until = until.map_err(|(text, error)| Refusal {
        code: exit_code::USAGE,
        message: format!("nothing is paused, since --until is `{text}` and {error}"),
    })?;
    let system = system::open().await?;
    let Some(paused) = system.db.pause(until, "the terminal").await? else {
        return Err(Failure::words("the pause is over already"));
    };
    if as_json {
        print::json(&paused)?;
    } else {
        print::line(&paused.words);
        print::note("`agentlab resume` ends it.");
    }
    Ok(exit_code::DONE)
}
