//! One line of the log, for people. An *entry* that is no JSON (a disk that was full in the middle of it) is shown as it is.

use agentlab_platform::{calendar, telemetry::IDS};
use serde_json::Value;

use crate::print;

/// Digits of an id that people are shown.
const SHORT: usize = 8;

/// A line, and whose it is.
pub(super) struct Entry {
    of: String,
    pub(super) line: String,
    read: Value,
}

impl Entry {
    pub(super) fn read(of: &str, line: String) -> Self {
        let read = serde_json::from_str(&line).unwrap_or_default();
        Self { of: of.to_owned(), line, read }
    }

    pub(super) fn text(&self, key: &str) -> &str {
        self.read[key].as_str().unwrap_or_default()
    }

    pub(super) fn request(&self) -> &str {
        self.text("request.id")
    }

    /// Fit for `print::coloured`: `11-22 05:06:07 WARN worker-1 task 3: what happened, key=value (request ab12cd34 run 01234567)`.
    pub(super) fn words(&self) -> String {
        let Some(fields) = self.read["fields"].as_object() else { return print::shown(&self.line) };
        let at = self.text("timestamp");
        let at = calendar::local(at).unwrap_or_else(|| at.to_owned());
        let level = self.text("level");
        let task = self.read["task"].as_i64().map(|task| format!(" task {task}")).unwrap_or_default();
        let message = self.read["fields"]["message"].as_str().unwrap_or_default();
        let gap = " ".repeat(5_usize.saturating_sub(level.len()));
        let head = format!("{} {}{gap} ", print::shown(&at), print::painted(&print::shown(level)));
        let mut words = format!("{}{task}: {message}", self.of);
        for (key, value) in fields.iter().filter(|(key, _)| *key != "message") {
            words.push_str(&format!(" {key}={}", plain(value)));
        }
        let ids = IDS.iter().filter(|id| **id != "task" && **id != "job.id").filter_map(|id| {
            let value = self.read.get(*id)?;
            let value: String = plain(value).chars().take(if *id == "user.id" { usize::MAX } else { SHORT }).collect();
            Some(format!("{} {value}", id.trim_end_matches(".id")))
        });
        let ids = ids.collect::<Vec<_>>().join(" ");
        if !ids.is_empty() {
            words.push_str(&format!(" ({ids})"));
        }
        head + &print::shown(&words)
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_people_has_short_ids_and_the_task_by_its_number() {
        let line = r#"{"timestamp":"2026-11-22T04:05:06.789Z","level":"WARN","job.id":"01KAPZ","request.id":"0123456789abcdef","task":3,"user.id":7001,"fields":{"error":"no","message":"not delivered"},"target":"x"}"#;
        let words = Entry::read("bot", line.into()).words();
        assert!(words.ends_with(" bot task 3: not delivered error=no (request 01234567 user 7001)"), "{words}");
        assert!(words.contains("WARN"), "{words}");
        assert_eq!(Entry::read("bot", "torn {".into()).words(), "torn {");
    }
}
