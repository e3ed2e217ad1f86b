//! What a verb writes: a terminal obeys nothing of what tasks and agents wrote, and an answer that could not be written is told.

use std::{fs::File, process::Stdio};

use crate::world::{LONG, World, program};

/// Paints, clears the screen, names the window, rings and goes back over the line.
const WILD: &str = "a\u{1b}[31mb\u{1b}[2J\u{1b}]0;mine\u{7}c\rd\u{9b}2Je";

#[test]
fn a_terminal_obeys_nothing_that_a_task_or_an_agent_wrote_and_a_pipe_gets_it_as_it_is() {
    let world = World::new();
    let asked = world.run(&["ask", &format!("[[say: {WILD}]]")]);
    assert!(asked.code == Some(0) && asked.stdout.starts_with(WILD), "{asked:?}");
    for verb in [["job", "1"], ["logs", "1"]] {
        let (code, shown) = world.on_terminal(80, &verb);
        // The terminal itself ends each line with a carriage return.
        let shown = shown.replace("\r\n", "\n");
        assert_eq!(code, Some(0), "{shown:?}");
        assert!(shown.chars().all(|letter| letter == '\n' || !letter.is_control()), "{verb:?}: {shown:?}");
        assert!(shown.contains("abcd"), "{verb:?}: {shown:?}");
    }
    assert!(world.run(&["job", "1"]).stdout.contains(WILD));
    let (_, shown) = world.on_terminal(80, &["retry", "1"]);
    assert!(!shown.contains("\u{1b}]0;mine") && !shown.contains('\u{7}'), "{shown:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_could_not_be_written_is_told_and_is_no_success() {
    let world = World::new();
    assert_eq!(world.run(&["ask", "[[say: kept]]"]).code, Some(0));
    let verbs: [&[&str]; 8] = [
        &["jobs", "--all"],
        &["status"],
        &["sql", "SELECT 1"],
        &["job", "1"],
        &["--json", "job", "1"],
        &["logs", "1"],
        &["ask", "[[say: again]]"],
        &["--help"],
    ];
    for verb in verbs {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = program::command(&world, verb);
        let ended = command.stdin(Stdio::null()).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let words = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{verb:?}: {words}");
        assert!(words.contains("agentlab: the answer could not be written: No space left"), "{verb:?}: {words}");
    }
    // A reader that went away has what it wanted.
    let mut command = program::command(&world, &["jobs", "--all"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn whoever_waits_hears_the_place_of_the_task_and_one_that_is_stopped_is_only_stopped() {
    let world = World::new();
    let mut first = world.start(&["ask", "[[tool: Bash long]] [[sleep: 600]]"]);
    first.wait_for_line("Bash: long", LONG);
    let mut second = world.start(&["ask", "[[say: after]]"]);
    second.wait_for_line("its directory is in use", LONG);
    let first = first.stop();
    let after = first.stderr.split_once("cancelling\n").unwrap_or_else(|| panic!("{first:?}")).1;
    assert!(after.starts_with("task 1 cancelled"), "{first:?}");
    assert!(second.end(LONG).stdout.starts_with("after"));
    let mut again = world.start(&["retry", "1"]);
    again.wait_for_line("Bash: long", LONG);
    let again = again.stop();
    let after = again.stderr.split_once("cancelling\n").unwrap_or_else(|| panic!("{again:?}")).1;
    assert!(after.starts_with("task 3 cancelled"), "{again:?}");
    // What was done last and why it was cancelled is not what it does now.
    let jobs = world.run(&["jobs", "--all"]).stdout;
    assert!(jobs.lines().skip(1).all(|line| !line.trim_end().ends_with("terminal")), "{jobs}");
    assert!(!jobs.contains("Bash: long"), "{jobs}");
}
