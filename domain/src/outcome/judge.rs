//! Judging a run by its exit and its `result` event.

use super::{End, Exit, Limit, Outcome, ResultEvent};
use crate::session::{self, Opened};

/// Judges a run. `stderr` is the end of what the agent wrote there: some failures show nowhere else. `opened` is how its
/// session was opened and which one that was, where it is known.
pub fn judge(
    exit: &Exit,
    result: Option<&ResultEvent>,
    limit: Option<Limit>,
    stderr: &str,
    opened: Option<(Opened, &str)>,
) -> Outcome {
    match &exit.end {
        End::Stopped { by } => return Outcome::Stopped { by: by.clone() },
        End::NotStarted { why } => return Outcome::NotStarted(why.clone()),
        End::TimeLimit => return Outcome::TimeLimit,
        End::NoProgress => return Outcome::NoProgress,
        // An exit code that nobody saw is no reason to doubt a result that everybody can read.
        End::Lost | End::Unkept { .. } | End::Rebooted | End::Exited => {}
    }
    if let Some(why) = opened.and_then(|(opened, id)| session::lost(opened, id, result, stderr)) {
        return Outcome::SessionLost(why);
    }
    match result {
        None if let End::Unkept { moved } = exit.end => Outcome::Unkept { moved },
        None if exit.end == End::Lost => Outcome::Lost,
        None if exit.end == End::Rebooted => Outcome::Rebooted,
        None if exit.out_of_memory => Outcome::OutOfMemory,
        None => without_result(exit, stderr),
        Some(result) if result.is_error => with_error(result, limit),
        Some(_) if exit.end == End::Exited && exit.code != Some(0) => {
            Outcome::Crashed(format!("{} after its result", exit_words(exit)))
        }
        Some(result) if result.is_nothing() => Outcome::Errored("it answered with nothing at all".into()),
        Some(_) => Outcome::Succeeded,
    }
}

fn with_error(result: &ResultEvent, limit: Option<Limit>) -> Outcome {
    let text = result.words();
    if let Some(limit) = limit {
        return Outcome::UsageLimit { resets_at: limit.resets_at };
    }
    if asks_for_login(&text) {
        return Outcome::NotLoggedIn;
    }
    match result.api_status {
        Some(401) => Outcome::NotLoggedIn,
        Some(429 | 408 | 500..=599) => Outcome::Unavailable(text),
        Some(_) => Outcome::Refused(text),
        None if result.subtype == "error_max_turns" => Outcome::MaxTurns,
        None if result.subtype == "error_max_budget_usd" => Outcome::MaxBudget,
        // A call that never reached the service has no status: "API Error: Connection error", "Request timed out".
        None if text.starts_with("API Error") => Outcome::Unavailable(text),
        None => Outcome::Errored(text),
    }
}

/// Whether these are the CLI's own words for a missing login: a path or an address may hold "/login" too.
fn asks_for_login(words: &str) -> bool {
    words.contains("Please run /login") || words.starts_with("Invalid API key")
}

fn without_result(exit: &Exit, stderr: &str) -> Outcome {
    let last = stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    if asks_for_login(last) {
        return Outcome::NotLoggedIn;
    }
    let words = exit_words(exit);
    Outcome::Crashed(if last.is_empty() { words } else { format!("{words}: {last}") })
}

fn exit_words(exit: &Exit) -> String {
    match (exit.code, exit.signal) {
        (Some(0), _) => "exit code 0 without a result".into(),
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "no exit status".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exited(code: i32) -> Exit {
        Exit { end: End::Exited, code: Some(code), signal: None, out_of_memory: false }
    }

    fn failed(subtype: &str, text: &str, api_status: Option<u16>) -> ResultEvent {
        ResultEvent {
            is_error: true,
            subtype: subtype.into(),
            text: Some(text.into()),
            api_status,
            ..ResultEvent::default()
        }
    }

    #[test]
    fn success_needs_exit_zero_and_a_result_without_error() {
        let good = ResultEvent { subtype: "success".into(), turns: 1, ..ResultEvent::default() };
        assert_eq!(judge(&exited(0), Some(&good), None, "", None), Outcome::Succeeded);
        assert_eq!(judge(&exited(3), Some(&good), None, "", None).word(), "crashed");
        assert_eq!(judge(&exited(0), None, None, "", None).word(), "crashed");
        let nothing = ResultEvent { subtype: "success".into(), ..ResultEvent::default() };
        assert_eq!(judge(&exited(0), Some(&nothing), None, "", Some((Opened::New, "S"))).word(), "errored");
        assert_eq!(judge(&exited(0), Some(&nothing), None, "", Some((Opened::Resumed, "S"))).word(), "session_lost");
        let words = ResultEvent { text: Some("of a slash command".into()), ..nothing };
        assert_eq!(judge(&exited(0), Some(&words), None, "", Some((Opened::New, "S"))), Outcome::Succeeded);
    }

    #[test]
    fn is_error_decides_and_never_the_subtype() {
        let table = [
            (failed("success", "API Error: 400 invalid request error", Some(400)), "refused"),
            (failed("success", "API Error: 529 overloaded", Some(529)), "unavailable"),
            (failed("success", "API Error: 429", Some(429)), "unavailable"),
            (failed("success", "authentication_failed", Some(401)), "not_logged_in"),
            (failed("success", "Not logged in · Please run /login", None), "not_logged_in"),
            (failed("success", "API Error: Connection error.", None), "unavailable"),
            (failed("error_during_execution", "fetch failed: http://localhost:3000/login", None), "errored"),
            (failed("error_max_turns", "", None), "max_turns"),
            (failed("error_max_budget_usd", "", None), "max_budget"),
            (failed("error_during_execution", "boom", None), "errored"),
        ];
        for (result, word) in table {
            assert_eq!(judge(&exited(1), Some(&result), None, "", None).word(), word, "{result:?}");
        }
    }

    #[test]
    fn a_limit_event_is_a_usage_limit_and_carries_its_reset() {
        let result = failed("success", "You've hit your limit", Some(429));
        let limit = Limit { resets_at: Some(1_795_320_000) };
        assert_eq!(
            judge(&exited(1), Some(&result), Some(limit), "", None),
            Outcome::UsageLimit { resets_at: Some(1_795_320_000) }
        );
    }

    #[test]
    fn the_end_that_we_caused_is_named_before_what_the_agent_said_about_it() {
        let result = failed("error_during_execution", "aborted", None);
        for (end, word) in [
            (End::Stopped { by: "Ann".into() }, "stopped"),
            (End::TimeLimit, "time_limit"),
            (End::NoProgress, "no_progress"),
            (End::NotStarted { why: "no such file".into() }, "not_started"),
        ] {
            let exit = Exit { signal: Some(9), ..Exit::without_status(end) };
            assert_eq!(judge(&exit, Some(&result), None, "", None).word(), word);
        }
    }

    #[test]
    fn a_lost_run_with_a_result_is_judged_by_the_result_alone() {
        let lost = Exit::without_status(End::Lost);
        let good = ResultEvent { turns: 1, ..ResultEvent::default() };
        assert_eq!(judge(&lost, Some(&good), None, "", None), Outcome::Succeeded);
        assert_eq!(judge(&lost, None, None, "", None), Outcome::Lost);
    }

    #[test]
    fn an_unkept_run_says_whether_its_keeper_was_killed_or_left_on_another_machine() {
        for (moved, words) in [(false, "keeper was killed"), (true, "running on the other machine")] {
            let outcome = judge(&Exit::without_status(End::Unkept { moved }), None, None, "", None);
            assert_eq!((&outcome, outcome.word()), (&Outcome::Unkept { moved }, "unkept"));
            assert!(outcome.reason().contains(words), "{}", outcome.reason());
            let told = crate::outcome::interruption("unkept", moved).unwrap();
            assert_eq!(told.contains("keeper"), !moved, "{told}");
        }
    }

    #[test]
    fn the_last_line_of_stderr_tells_what_no_event_did() {
        let login = judge(&exited(1), None, None, "TypeError: cannot read /srv/app/login.ts", None);
        assert_eq!(login.word(), "crashed", "a path is no missing login");
        let login = judge(&exited(1), None, None, "Not logged in · Please run /login", None);
        assert_eq!(login, Outcome::NotLoggedIn);
        let outcome = judge(&exited(1), None, None, "noise\nerror: unknown option '--x'\n\n", None);
        assert_eq!(outcome, Outcome::Crashed("exit code 1: error: unknown option '--x'".into()));
    }
}
