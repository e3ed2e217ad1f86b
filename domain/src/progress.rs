//! Progress of a living run: the last thing that the agent was seen doing. It is a picture for people; no decision
//! rests on it except "bytes were read", which shows that the run is not silent.

/// What a run is doing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// Such as `Bash: cargo test`; `None` before the first event.
    pub activity: Option<String>,
    /// Tool calls so far.
    pub tools: u32,
    /// Output tokens so far, as the events tell them.
    pub output_tokens: u64,
    /// US dollars, once they are known.
    pub cost_usd: Option<f64>,
    /// Bytes of events read.
    pub bytes: u64,
    /// The model, as the first event names it.
    pub model: Option<String>,
}

/// The longest activity that is shown, in characters.
const WIDTH: usize = 80;

/// The first line of a text that is not blank, cut to so many characters.
pub fn short(text: &str, width: usize) -> String {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    if first.chars().count() <= width {
        return first.to_owned();
    }
    first.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// The activity line of a tool call: the tool and the part of its input that tells most.
pub fn activity(tool: &str, detail: Option<&str>) -> String {
    let detail = short(detail.unwrap_or_default(), WIDTH);
    short(&if detail.is_empty() { tool.to_owned() } else { format!("{tool}: {detail}") }, WIDTH)
}

/// `0:42`, `12:05`, `1:02:03`.
pub fn elapsed(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// `$0.0986`, or `$12.34` from ten dollars on.
pub fn dollars(usd: f64) -> String {
    if usd >= 10.0 { format!("${usd:.2}") } else { format!("${usd:.4}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_activity_is_one_short_line() {
        assert_eq!(activity("Bash", Some("cargo test\ncargo clippy")), "Bash: cargo test");
        assert_eq!(activity("Read", None), "Read");
        assert_eq!(activity("Read", Some("  \n")), "Read");
        let long = activity("Bash", Some(&"ä".repeat(500)));
        assert_eq!(long.chars().count(), WIDTH);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn times_and_money_read_well() {
        assert_eq!(elapsed(42_999), "0:42");
        assert_eq!(elapsed(3_723_000), "1:02:03");
        assert_eq!(elapsed(-5), "0:00");
        assert_eq!(dollars(0.098_615), "$0.0986");
        assert_eq!(dollars(313.0), "$313.00");
    }
}
