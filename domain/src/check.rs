//! Checks: the commands of a project that must pass after an agent's work, and the words for what came of them. A check
//! *passed* when it ran to its end and exited with code 0; whatever else happened, it failed. A check of which nothing
//! is known neither passed nor failed, and that is said too.
//!
//! Nothing here runs a check or decides the job: the agent answered, so the job is done either way.

use serde::{Deserialize, Serialize};

use crate::text;

/// The longest end of an output that is told, in characters.
const TAIL: usize = 1_500;
/// The longest name of a check, in characters.
const WIDTH: usize = 100;

/// What the time limit of the run did to a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// It ended it: the exit code is that of a check that was asked to end, so it tells nothing.
    Ended,
    /// It kept it from beginning.
    NotRun,
}

/// A check that ran, or that is known not to have run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    pub command: String,
    /// The exit code, where it exited.
    pub code: Option<i32>,
    /// The signal, where one ended it.
    pub signal: Option<i32>,
    /// What the time limit of the run did to it, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// The last lines of its output.
    pub tail: String,
}

impl Ran {
    /// A check of which nothing is known yet but its command.
    pub fn of(command: &str) -> Self {
        Self { command: command.to_owned(), code: None, signal: None, cut: None, ms: 0, tail: String::new() }
    }

    /// Whether it ran to its end and found nothing.
    pub fn passed(&self) -> bool {
        self.code == Some(0) && self.cut.is_none()
    }

    fn was_run(&self) -> bool {
        self.cut != Some(Cut::NotRun)
    }
}

/// The checks of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Checks<'a> {
    /// What was to be run, in order.
    pub wanted: &'a [String],
    /// What ran: the first ones of those.
    pub ran: &'a [Ran],
}

impl Checks<'_> {
    /// What is said of them, as Markdown; `None` where there are none.
    pub fn words(&self) -> Option<String> {
        let failed = self.ran.iter().filter(|ran| ran.was_run() && !ran.passed()).map(failure);
        let mut words: Vec<String> = failed.collect();
        let passed = names(self.ran.iter().filter(|ran| ran.passed()).map(|ran| &ran.command));
        if !passed.is_empty() {
            words.push(format!("Checks passed: {passed}"));
        }
        let not_run = names(self.ran.iter().filter(|ran| !ran.was_run()).map(|ran| &ran.command));
        if !not_run.is_empty() {
            words.push(format!("**Checks not run:** {not_run} (the run had reached its time limit)"));
        }
        let open = names(self.wanted.iter().skip(self.ran.len()));
        if !open.is_empty() {
            words.push(format!(
                "**Checks not finished:** {open} (the keeper of the run was ended before it could say how they went)"
            ));
        }
        (!words.is_empty()).then(|| words.join("\n\n"))
    }
}

fn failure(ran: &Ran) -> String {
    let how = match (ran.cut, ran.code, ran.signal) {
        (Some(_), ..) => "ended by the time limit of the run".into(),
        (None, Some(code), _) => format!("exit code {code}"),
        (None, None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None, None) => "it could not be started".into(),
    };
    let head = format!("**Check failed:** {} ({how})", text::code(&name(&ran.command)));
    if ran.tail.trim().is_empty() { head } else { format!("{head}\n{}", text::code_block(&ran.tail)) }
}

/// Commands in a row, each as code.
fn names<'a>(commands: impl Iterator<Item = &'a String>) -> String {
    commands.map(|command| text::code(&name(command))).collect::<Vec<_>>().join(", ")
}

/// A command as one short line.
fn name(command: &str) -> String {
    let line = command.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= WIDTH { line } else { line.chars().take(WIDTH - 1).chain(['…']).collect() }
}

/// The last lines of an output, as they would stand on a screen: without the steering of terminals, and of a line that was
/// written over only its last state.
pub fn tail(output: &str) -> String {
    let clean = without_escapes(output);
    let lines =
        clean.lines().map(|line| line.rsplit('\r').find(|part| !part.is_empty()).unwrap_or_default().trim_end());
    let text = lines.collect::<Vec<_>>().join("\n");
    let text: String =
        text.trim_matches('\n').chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    let length = text.chars().count();
    if length <= TAIL {
        return text;
    }
    let end: String = text.chars().skip(length - TAIL).collect();
    // Whole lines, unless the last one alone is longer.
    end.split_once('\n').map(|(_, whole)| whole.to_owned()).filter(|whole| !whole.is_empty()).unwrap_or(end)
}

/// Without what colours and moves: `ESC [ ... letter`, and a lone ESC.
fn without_escapes(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '\u{1b}' {
            clean.push(c);
        } else if rest.next_if_eq(&'[').is_some() {
            while rest.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(command: &str, code: Option<i32>, signal: Option<i32>, tail: &str) -> Ran {
        Ran { code, signal, ms: 7, tail: tail.into(), ..Ran::of(command) }
    }

    fn words(wanted: &[&str], ran: &[Ran]) -> Option<String> {
        let wanted: Vec<String> = wanted.iter().map(|&command| command.to_owned()).collect();
        Checks { wanted: &wanted, ran }.words()
    }

    #[test]
    fn no_checks_have_no_words() {
        assert_eq!(words(&[], &[]), None);
    }

    #[test]
    fn what_passed_is_one_short_line() {
        let ran = [ran("cargo test", Some(0), None, "ok"), ran("cargo  clippy\n", Some(0), None, "")];
        let said = words(&["cargo test", "cargo  clippy\n"], &ran).unwrap();
        assert_eq!(said, "Checks passed: `cargo test`, `cargo clippy`");
    }

    #[test]
    fn what_failed_comes_first_and_shows_its_last_lines() {
        let ran = [
            ran("true", Some(0), None, ""),
            ran("cargo test", Some(101), None, "test a ... FAILED"),
            ran("sleep 9", None, Some(9), ""),
            ran("gone", None, None, "no such directory"),
        ];
        assert_eq!(
            words(&["true", "cargo test", "sleep 9", "gone"], &ran).unwrap(),
            "**Check failed:** `cargo test` (exit code 101)\n```\ntest a ... FAILED\n```\n\n\
             **Check failed:** `sleep 9` (ended by signal 9)\n\n\
             **Check failed:** `gone` (it could not be started)\n```\nno such directory\n```\n\n\
             Checks passed: `true`"
        );
    }

    #[test]
    fn what_the_time_limit_cut_is_said_and_never_passed_whatever_its_exit_code() {
        let cut = |ran, cut| Ran { cut: Some(cut), ..ran };
        let ran = [
            ran("true", Some(0), None, ""),
            cut(ran("cargo test", Some(0), None, "12 of 99"), Cut::Ended),
            cut(Ran::of("x"), Cut::NotRun),
            cut(Ran::of("y"), Cut::NotRun),
        ];
        assert_eq!(
            words(&["true", "cargo test", "x", "y"], &ran).unwrap(),
            "**Check failed:** `cargo test` (ended by the time limit of the run)\n```\n12 of 99\n```\n\n\
             Checks passed: `true`\n\n**Checks not run:** `x`, `y` (the run had reached its time limit)"
        );
    }

    #[test]
    fn what_nothing_is_known_of_is_neither_passed_nor_failed() {
        let said = words(&["true", "cargo test", "x"], &[ran("true", Some(0), None, "")]).unwrap();
        assert!(said.starts_with("Checks passed: `true`\n\n**Checks not finished:** `cargo test`, `x` ("), "{said}");
        assert!(words(&["cargo test"], &[]).unwrap().starts_with("**Checks not finished:** `cargo test`"));
    }

    #[test]
    fn backticks_of_a_command_or_an_output_do_not_break_out() {
        let said = words(&["x"], &[ran("echo `id`", Some(1), None, "```\nfake\n```")]).unwrap();
        assert!(said.contains("`` echo `id` `` (exit code 1)"), "{said}");
        let rich = text::render(&said);
        assert!(rich.text.contains("```\nfake\n```"), "the output is kept as it is: {}", rich.text);
        assert!(rich.text.contains("echo `id`"), "{}", rich.text);
        assert_eq!(rich.entities.iter().filter(|entity| entity.kind.is_code()).count(), 2, "{rich:?}");
    }

    #[test]
    fn a_long_command_is_named_by_its_beginning() {
        let said = words(&["x"], &[ran(&"ab ".repeat(200), Some(0), None, "")]).unwrap();
        assert!(said.chars().count() < 130 && said.ends_with("…`"), "{said}");
    }

    #[test]
    fn the_tail_is_the_end_in_whole_lines() {
        assert_eq!(tail("one\ntwo\n\n"), "one\ntwo");
        assert_eq!(tail(""), "");
        let long = (0..1_000).map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n");
        let end = tail(&long);
        assert!(end.starts_with("line ") && end.ends_with("line 999") && end.chars().count() <= TAIL, "{end}");
        assert!(end.chars().count() > TAIL - 20);
        let one_line = "ä".repeat(5_000);
        assert_eq!(tail(&one_line).chars().count(), TAIL);
    }

    #[test]
    fn the_tail_has_no_steering_of_terminals() {
        assert_eq!(tail("\u{1b}[1;31merror\u{1b}[0m: no\u{1b}\u{7}\tx"), "error: no\tx");
        assert_eq!(tail("10%\r50%\r100%\ndone\r\n"), "100%\ndone");
    }
}
