//! The words of a run's end: the answer, or what comes in its place.

use super::{Body, PART_LIMIT};
use crate::{
    check::Checks,
    outcome::{Outcome, ResultEvent},
    progress,
    retry::{Next, ParkedFor},
    text,
};

/// Above this many parts of full length the answer is cut and says where the whole of it is.
const MOST_PARTS: usize = 50;

/// What a run left behind, for the words of its end.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    pub number: i64,
    pub outcome: &'a Outcome,
    pub next: Next,
    pub result: Option<&'a ResultEvent>,
    /// The run was rehearsed: no agent was used.
    pub rehearsed: bool,
    /// The job's conversation could not be taken up, and it began a new one.
    pub anew: bool,
    /// Until the next run, in milliseconds.
    pub wait_ms: i64,
    pub attempt: u32,
    /// The checks of the project; they are told of only where the agent answered.
    pub checks: Checks<'a>,
}

/// What an answer says that does not remember what came before.
pub const ANEW: &str = "(the earlier conversation could not be taken up: this one is new)";

/// What `rehearse` must always say.
pub const REHEARSAL: &str = "(a rehearsal: no `claude` was found, so no agent worked on this)";

/// The agent's answer as plain Markdown, with what must be said beside it; what `ask` prints and `job.answer` holds.
pub fn markdown(ended: Ended<'_>) -> String {
    let mut text = match ended.next {
        Next::Done => ended.result.and_then(|result| result.text.clone()).unwrap_or_default(),
        Next::Cancelled => format!("Task {}: cancelled, {}", ended.number, ended.outcome.reason()),
        Next::Failed => format!("Task {}: failed, {}", ended.number, ended.outcome.reason()),
        Next::Poison => format!(
            "Task {}: set aside, since it took its keeper down with it twice. It is not run again by itself; /retry {0} does it",
            ended.number
        ),
        Next::Retry { .. } => format!(
            "Task {}: {}. Trying again in {} (attempt {} ended)",
            ended.number,
            ended.outcome.reason(),
            progress::elapsed(ended.wait_ms),
            ended.attempt
        ),
        Next::Park { cause: ParkedFor::Unavailable, .. } => {
            format!("Task {}: queued, {}. It runs when Claude answers again", ended.number, ended.outcome.reason())
        }
        Next::Park { .. } => format!(
            "Task {}: waits, {}. I look again in {}",
            ended.number,
            ended.outcome.reason(),
            progress::elapsed(ended.wait_ms)
        ),
    };
    if text.trim().is_empty() {
        text = no_words(ended.number);
    }
    let denials = ended.result.map(|result| result.denials.as_slice()).unwrap_or_default();
    if !denials.is_empty() {
        text.push_str(&format!("\n\nNot permitted: {}", denials.join(", ")));
    }
    if ended.anew && ended.next == Next::Done {
        text.push_str(&format!("\n\n{ANEW}"));
    }
    if ended.next == Next::Done
        && let Some(words) = ended.checks.words()
    {
        text.push_str(&format!("\n\n{words}"));
    }
    if ended.rehearsed {
        text.push_str(&format!("\n\n{REHEARSAL}"));
    }
    text
}

fn no_words(number: i64) -> String {
    format!("Task {number} is done; the agent gave no answer in words.")
}

/// The messages of a job that ended or waits, of at most `limit` UTF-16 units each: the first one replaces the status
/// message, the others follow it.
pub fn messages(ended: Ended<'_>, limit: usize) -> Vec<Body> {
    let stop = match ended.next {
        Next::Retry { .. } | Next::Park { .. } => Some(ended.number),
        Next::Done | Next::Failed | Next::Cancelled | Next::Poison => None,
    };
    let markdown = markdown(ended);
    let rich = if ended.next == Next::Done { text::render(&markdown) } else { text::plain(&markdown) };
    let mut parts = text::split(&rich, limit);
    // Telegram refuses a message that shows nothing; the whole answer is kept in the job.
    parts.retain(|part| !part.is_blank());
    if parts.is_empty() {
        parts.push(text::plain(&no_words(ended.number)));
    }
    // As much text as ever, whatever the length of a part.
    let most = MOST_PARTS * PART_LIMIT / limit.clamp(1, PART_LIMIT);
    if parts.len() > most {
        let left = parts.len() - most;
        parts.truncate(most);
        parts.push(text::plain(&format!(
            "({left} more messages of this length are left out here: `agentlab job {}` prints the whole answer)",
            ended.number
        )));
    }
    parts.into_iter().map(|rich| Body { rich, stop }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        answer::{SHORT_PART_LIMIT, accepted, running},
        progress::Progress,
    };

    fn ended<'a>(outcome: &'a Outcome, next: Next, result: Option<&'a ResultEvent>) -> Ended<'a> {
        let checks = Checks::default();
        Ended { number: 12, outcome, next, result, rehearsed: false, anew: false, wait_ms: 4_000, attempt: 1, checks }
    }

    #[test]
    fn every_end_says_what_happened() {
        let lost = Outcome::Lost;
        let stopped = Outcome::Stopped { by: "Ann".into() };
        assert!(markdown(ended(&lost, Next::Failed, None)).starts_with("Task 12: failed, its process was gone"));
        assert!(markdown(ended(&lost, Next::Retry { at: 1 }, None)).contains("Trying again in 0:04"));
        assert!(markdown(ended(&stopped, Next::Cancelled, None)).contains("cancelled, stopped by Ann"));
        assert!(
            markdown(ended(&Outcome::NotLoggedIn, Next::Park { at: 1, cause: crate::retry::ParkedFor::Login }, None))
                .contains("/login")
        );
    }

    #[test]
    fn an_empty_answer_is_not_an_empty_message() {
        for text in [" ", "", "\u{200b}\u{200b}", "\u{200d}", "\u{2060}\n\n"] {
            let result = ResultEvent { text: Some(text.into()), ..ResultEvent::default() };
            let bodies = messages(ended(&Outcome::Succeeded, Next::Done, Some(&result)), PART_LIMIT);
            assert_eq!(bodies.len(), 1, "{text:?}");
            assert!(bodies[0].rich.text.contains("no answer in words"), "{text:?}");
        }
    }

    #[test]
    fn denials_and_rehearsals_are_said() {
        let result =
            ResultEvent { text: Some("did it".into()), denials: vec!["Bash".into()], ..ResultEvent::default() };
        let text = markdown(Ended { rehearsed: true, ..ended(&Outcome::Succeeded, Next::Done, Some(&result)) });
        assert!(text.contains("Not permitted: Bash"));
        assert!(text.contains("rehearsal"));
    }

    #[test]
    fn checks_are_told_of_where_the_agent_answered_and_nowhere_else() {
        let wanted = ["cargo test".to_owned()];
        let checks = Checks { wanted: &wanted, ran: &[] };
        let result = ResultEvent { text: Some("did it".into()), ..ResultEvent::default() };
        let done = markdown(Ended { checks, ..ended(&Outcome::Succeeded, Next::Done, Some(&result)) });
        assert!(done.starts_with("did it\n\n**Checks not finished:** `cargo test`"), "{done}");
        for next in [Next::Failed, Next::Cancelled, Next::Poison, Next::Retry { at: 1 }] {
            let text = markdown(Ended { checks, ..ended(&Outcome::Lost, next, None) });
            assert!(!text.contains("cargo test"), "{text}");
        }
    }

    #[test]
    fn a_long_answer_comes_in_parts_that_add_up() {
        let long = "word ".repeat(3_000);
        let result = ResultEvent { text: Some(long.clone()), ..ResultEvent::default() };
        for (limit, least) in [(PART_LIMIT, 4), (SHORT_PART_LIMIT, 15)] {
            let bodies = messages(ended(&Outcome::Succeeded, Next::Done, Some(&result)), limit);
            let sum: String = bodies.iter().map(|body| body.rich.text.as_str()).collect();
            assert_eq!(sum, long);
            assert!(bodies.len() >= least);
            assert!(bodies.iter().all(|body| text::utf16_len(&body.rich.text) <= limit));
        }
    }

    #[test]
    fn short_parts_leave_no_more_of_a_very_long_answer_out() {
        let result = ResultEvent { text: Some("word ".repeat(60_000)), ..ResultEvent::default() };
        let shown = |limit| {
            let bodies = messages(ended(&Outcome::Succeeded, Next::Done, Some(&result)), limit);
            assert!(bodies.last().unwrap().rich.text.contains("agentlab job 12"));
            bodies.iter().map(|body| body.rich.text.len()).sum::<usize>()
        };
        assert!(shown(SHORT_PART_LIMIT).abs_diff(shown(PART_LIMIT)) < 2 * PART_LIMIT);
    }

    #[test]
    fn a_task_that_an_outage_stopped_is_queued() {
        let outcome = Outcome::Unavailable("API Error: 529".into());
        let text = markdown(ended(&outcome, Next::Park { at: 1, cause: ParkedFor::Unavailable }, None));
        assert!(text.starts_with("Task 12: queued, ") && text.ends_with("runs when Claude answers again"), "{text}");
    }

    #[test]
    fn only_what_may_still_be_stopped_has_a_button() {
        assert_eq!(accepted(3, 2).stop, Some(3));
        assert_eq!(running(3, 2, 1_000, &Progress::default()).stop, Some(3));
        for (next, stop) in [(Next::Failed, None), (Next::Retry { at: 1 }, Some(12))] {
            assert_eq!(messages(ended(&Outcome::Lost, next, None), PART_LIMIT)[0].stop, stop);
        }
    }
}
