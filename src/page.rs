//! `page`: a link to the web page, good for one login.

use agentlab_domain::{
    exit_code,
    role::{Post, Role},
};
use agentlab_platform::{config, home::Home, life::Refusal, lock, login, services};
use serde_json::json;

use crate::{failure::Failure, print};

/// Prints the link. It needs no database.
pub fn page(as_json: bool) -> Result<u8, Failure> {
    let home = Home::open()?;
    let config = config::load(&home)?;
    let console = Post { role: Role::Console, slot: 0 };
    if !lock::is_held(&home.post_lock(console)).unwrap_or(true) {
        let start = services::what_starts(&home);
        return Err(Refusal::unavailable(format!("nobody serves the page: start agentlab with {start}")).into());
    }
    let address = login::address(config.console.port, &login::link(&home)?);
    if as_json {
        print::json(&json!({ "address": address, "minutes": 10 }))?;
    } else {
        print::line(&address);
        print::note("It is good once, for ten minutes. Whoever opens it can give tasks.");
    }
    Ok(exit_code::DONE)
}
