//! Colours, for words that say how something stands. They are shown on a terminal that has them, and nowhere else unless
//! `CLICOLOR_FORCE` is set; never with `NO_COLOR` or `TERM=dumb`. No word is told by its colour alone.

use console::{Color, Style};

/// The word in its colour; other words stay as they are.
pub fn painted(word: &str) -> String {
    match of(word) {
        Some(colour) => Style::new().fg(colour).apply_to(word).to_string(),
        None => word.to_owned(),
    }
}

fn of(word: &str) -> Option<Color> {
    match word {
        "done" | "ready" | "ok" | "delivered" => Some(Color::Green),
        "running" | "sending" | "INFO" => Some(Color::Cyan),
        "retrying" | "parked" | "waiting" | "starting" | "stopped" | "warning" | "WARN" => Some(Color::Yellow),
        "failed" | "poison" | "down" | "problem" | "given_up" | "critical" | "ERROR" => Some(Color::Red),
        "cancelled" | "DEBUG" | "TRACE" => Some(Color::Magenta),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use agentlab_domain::job::State;

    use super::*;

    #[test]
    fn every_state_but_the_one_in_which_nothing_is_to_be_seen_has_a_colour() {
        let plain: Vec<&str> =
            State::ALL.iter().map(|state| state.as_str()).filter(|word| of(word).is_none()).collect();
        assert_eq!(plain, ["queued"]);
        assert_eq!(painted("queued"), "queued");
    }
}
