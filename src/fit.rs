//! `fit`: whether this executable fits this home. Another release asks it before it puts this one in place.

use agentlab_domain::exit_code;
use agentlab_platform::{home::Home, release, releases};

use crate::{failure::Failure, print};

/// Says what this executable is, or why it does not fit.
pub async fn fit(as_json: bool) -> Result<u8, Failure> {
    let fit = releases::fit(&Home::open()?, release::built_from()).await?;
    if as_json {
        print::json(&fit)?;
    } else {
        print::line(&format!("release {} fits this home", fit.version));
    }
    Ok(exit_code::DONE)
}
