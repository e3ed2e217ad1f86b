//! One event in a line, for people who follow a run.

use serde_json::Value;

use super::Transcript;

/// Characters of a result that are shown.
const SHORT: usize = 200;

/// What a line of the agent's output says; what is no event is shown as it is.
pub fn in_a_line(line: &str) -> String {
    let mut transcript = Transcript::default();
    transcript.read(line.as_bytes());
    transcript.end();
    let kind = serde_json::from_str::<Value>(line).map(|event| event["type"].as_str().unwrap_or("?").to_owned());
    match (kind, transcript.result, transcript.progress.activity) {
        (Err(_), _, _) => line.to_owned(),
        (Ok(_), Some(result), _) => format!("result: {}", short(&result.text.unwrap_or(result.subtype))),
        (Ok(_), None, Some(activity)) => activity,
        (Ok(kind), None, None) => format!("({kind})"),
    }
}

fn short(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    if first.chars().count() <= SHORT {
        first.to_owned()
    } else {
        first.chars().take(SHORT - 1).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::in_a_line;

    #[test]
    fn an_event_a_result_and_what_is_neither_are_told_in_a_line() {
        assert_eq!(in_a_line("Segmentation fault"), "Segmentation fault");
        assert_eq!(in_a_line(r#"{"type":"strange"}"#), "(strange)");
        let result = r#"{"type":"result","subtype":"success","is_error":false,"result":"Done.\nAll of it."}"#;
        assert_eq!(in_a_line(result), "result: Done.");
    }
}
