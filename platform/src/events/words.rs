//! One event in a line, for people who follow a run.

use agentlab_domain::progress::{self, Progress};
use serde_json::Value;

use super::Transcript;

/// Characters of a result that are shown.
const SHORT: usize = 200;

/// What a line of the agent's output says, if it says something to people; what is no event is shown as it is.
pub fn in_a_line(line: &str) -> Option<String> {
    let Ok(event) = serde_json::from_str::<Value>(line) else { return Some(line.to_owned()) };
    let mut transcript = Transcript::default();
    transcript.read(line.as_bytes());
    transcript.end();
    match (transcript.result, transcript.progress) {
        (Some(result), _) => {
            Some(format!("result: {}", progress::short(&result.text.unwrap_or(result.subtype), SHORT)))
        }
        (None, Progress { activity: Some(activity), .. }) => Some(activity),
        (None, Progress { model: Some(model), .. }) => Some(format!("begins ({model})")),
        // That a tool has answered, how full a limit is, and what a later CLI may say.
        (None, Progress { .. }) if event["type"].is_string() => None,
        (None, Progress { .. }) => Some(line.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::in_a_line;

    #[test]
    fn an_event_a_result_and_what_is_neither_are_told_in_a_line() {
        let says = |line: &str| in_a_line(line);
        assert_eq!(says("Segmentation fault").unwrap(), "Segmentation fault");
        assert_eq!(says("12").unwrap(), "12");
        assert_eq!(says(r#"{"type":"strange"}"#), None);
        let init = r#"{"type":"system","subtype":"init","model":"m-1"}"#;
        assert_eq!(says(init).unwrap(), "begins (m-1)");
        let result = r#"{"type":"result","subtype":"success","is_error":false,"result":"Done.\nAll of it."}"#;
        assert_eq!(says(result).unwrap(), "result: Done.");
    }
}
