//! The real Claude Code CLI through the whole product; only the service behind it is a stand-in.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use agentlab_platform::identity::{Identity, marked};
use agentlab_stand_ins::{
    BotApi, MessagesApi, find_claude,
    messages_api::{Asked, Reply},
};
use serde_json::{Value, json};

use crate::world::{ANN, LONG, World, wait_until};

/// The CLI is large: on a busy machine it takes its time.
pub(super) const LONGER: Duration = Duration::from_mins(2);

/// Where the CLI is not installed its tests are skipped and say so; where it must be, they fail.
pub(super) fn claude() -> Option<PathBuf> {
    match find_claude() {
        Ok(path) => Some(path),
        Err(why) => {
            let required = std::env::var("AGENTLAB_REQUIRE_REAL").is_ok_and(|value| value == "1");
            assert!(!required, "{why}");
            eprintln!("skipped: {why}");
            None
        }
    }
}

/// A world whose agent is the real CLI, which asks this stand-in and nobody else.
pub(super) fn world(claude: &Path, api: &MessagesApi, settings: &str, env: &[(&str, &str)]) -> World {
    let mut world = World::new();
    let more = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let all = api.child_env(&world.path("user")).into_iter().chain(more);
    let env: Vec<String> = all.map(|(name, value)| format!("{name} = '{value}'\n")).collect();
    world.configure(&format!("[agent]\ncommand = '{}'\n{settings}\n[agent.env]\n{}", claude.display(), env.concat()));
    world
}

/// The same with a bot that Ann may use.
pub(super) fn with_bot(claude: &Path, bot: &BotApi, api: &MessagesApi, settings: &str, env: &[(&str, &str)]) -> World {
    let mut world = world(claude, api, settings, env);
    world.configure(&format!(
        "[telegram]\ntoken = '{}'\napi_url = '{}'\nallowed_users = [{ANN}]\n",
        bot.token(),
        bot.url()
    ));
    world
}

/// One retry of the CLI's own instead of ten.
const ONE_RETRY: [(&str, &str); 1] = [("CLAUDE_CODE_MAX_RETRIES", "1")];

fn turns(asked: &[Asked]) -> usize {
    asked.iter().filter(|it| it.path == "/v1/messages" && it.has_tools).count()
}

fn outcomes(world: &World) -> Vec<Value> {
    world.sql("SELECT outcome FROM run ORDER BY attempt").into_iter().map(|mut row| row["outcome"].take()).collect()
}

/// The directory of the one run.
pub(super) fn run_dir(world: &World) -> PathBuf {
    let run = world.sql("SELECT id FROM run")[0]["id"].as_str().unwrap().to_owned();
    world.home().join("runs").join(run)
}

fn command_of(run: &Path) -> Vec<String> {
    let spec: Value = serde_json::from_slice(&fs::read(run.join("spec.json")).unwrap()).unwrap();
    serde_json::from_value(spec["command"].clone()).unwrap()
}

#[test]
fn a_message_edits_a_file_in_a_project_and_its_cost_is_recorded() {
    let Some(claude) = claude() else { return };
    let (bot, api) = (BotApi::start(), MessagesApi::start());
    let mut world = with_bot(&claude, &bot, &api, "", &[]);
    let project = world.project("p");
    world.configure(&format!("[projects.p]\npath = '{}'\n", project.display()));
    let _up = world.up();
    let note = project.join("note.txt");
    let input = json!({ "file_path": note, "content": "written by the agent\n" });
    bot.user_says(ANN, ANN, &format!("[[tool: Write {input}]] [[say: the note is there]]"));
    let answer = bot.wait_for(LONGER, "the answer", |state| {
        state.messages(ANN).into_iter().find(|message| message.text == "the note is there")
    });
    assert_eq!(fs::read_to_string(&note).unwrap(), "written by the agent\n");
    wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
    assert!(answer.reply_markup.is_none(), "nothing is left to stop");
    assert_eq!(bot.messages(ANN).len(), 1, "{}", bot.transcript(ANN));
    assert_eq!(turns(&api.requests()), 2, "the tool, then the answer");
    let run = &world.sql("SELECT * FROM run")[0];
    assert_eq!((run["outcome"].as_str(), run["exit_code"].as_i64()), (Some("succeeded"), Some(0)), "{run}");
    let numbers = ["cost_micro_usd", "input_tokens", "output_tokens"];
    assert!(numbers.iter().all(|name| run[*name].as_i64().is_some_and(|number| number > 0)), "{run}");
    assert_eq!((run["turns"].as_i64(), run["rehearsed"].as_i64()), (Some(2), Some(0)), "{run}");
    let spent = world.count("SELECT settled_micro_usd FROM spend");
    assert_eq!(Some(spent), run["cost_micro_usd"].as_i64());
}

#[test]
fn ask_prints_the_answer_and_the_prompt_went_to_standard_input() {
    let Some(claude) = claude() else { return };
    let api = MessagesApi::start();
    let world = world(&claude, &api, "", &[]);
    let ended = world.run(&["ask", "kumquat [[say: a plain answer]]"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stdout, "a plain answer", "no rehearsal: {ended:?}");
    assert!(ended.stderr.contains("task 1 done, ") && ended.stderr.contains(" tokens read, "), "{ended:?}");
    assert!(api.requests().iter().any(|asked| asked.last_user_text.contains("kumquat")));
    let run = run_dir(&world);
    let command = command_of(&run);
    assert_eq!(command.first().map(PathBuf::from), Some(claude));
    assert!(command.iter().all(|word| !word.contains("kumquat") && !word.contains("plain")), "{command:?}");
    assert_eq!(fs::read_to_string(run.join("prompt.txt")).unwrap(), "kumquat [[say: a plain answer]]");
}

#[test]
fn a_request_that_is_refused_fails_at_once_in_the_services_words() {
    let Some(claude) = claude() else { return };
    let api = MessagesApi::start();
    let world = world(&claude, &api, "", &[]);
    let ended = world.run(&["ask", "[[error: 400]]"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.starts_with("Task 1: failed, Claude refused the request: API Error: 400"), "{ended:?}");
    assert!(ended.stdout.contains("invalid request error"), "{ended:?}");
    assert_eq!(outcomes(&world), ["refused"], "not again");
}

#[test]
fn an_overloaded_service_is_tried_again_and_answers_once() {
    an_error_that_passes(529);
}

#[test]
fn too_many_requests_are_tried_again_and_answered_once() {
    an_error_that_passes(429);
}

/// The CLI gives up after two requests; the next run, which is ours, gets through.
fn an_error_that_passes(status: u16) {
    let Some(claude) = claude() else { return };
    let (bot, api) = (BotApi::start(), MessagesApi::start());
    let world = with_bot(&claude, &bot, &api, "", &ONE_RETRY);
    api.script(vec![Reply::error(status), Reply::error(status), Reply::Text("after the storm".into())]);
    let _up = world.up();
    bot.user_says(ANN, ANN, "hello");
    bot.wait_for(LONGER, "the answer", |state| {
        state.messages(ANN).into_iter().find(|message| message.text == "after the storm")
    });
    wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
    assert_eq!(bot.messages(ANN).len(), 1, "{}", bot.transcript(ANN));
    assert_eq!(outcomes(&world), ["unavailable", "succeeded"]);
    assert_eq!(turns(&api.requests()), 3);
    let sessions = world.count("SELECT COUNT(DISTINCT session) FROM run");
    assert_eq!(sessions, 1, "it goes on where it was");
    let opened = world.sql("SELECT opened FROM run ORDER BY attempt");
    assert_eq!((opened[0]["opened"].as_str(), opened[1]["opened"].as_str()), (Some("new"), Some("resumed")));
}

#[test]
fn a_service_that_stays_out_of_order_fails_the_task_after_its_attempts() {
    let Some(claude) = claude() else { return };
    let api = MessagesApi::start();
    let mut world = world(&claude, &api, "", &ONE_RETRY);
    world.configure("[retry]\nmax_attempts = 2\n");
    let ended = world.run(&["ask", "[[error: 529]]"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.starts_with("Task 1: failed, Claude was not available: API Error"), "{ended:?}");
    assert!(ended.stdout.contains("529"), "{ended:?}");
    assert_eq!(outcomes(&world), ["unavailable", "unavailable"]);
    assert_eq!(turns(&api.requests()), 4, "two of the CLI's own for each attempt");
}

/// The CLI gives up after three calls that were overloaded; its events tell of each, and the fifth opens the circuit.
#[test]
fn calls_that_the_cli_makes_again_by_itself_are_counted_and_open_the_circuit_until_one_is_answered() {
    let Some(claude) = claude() else { return };
    let (bot, api) = (BotApi::start(), MessagesApi::start());
    let world = with_bot(&claude, &bot, &api, "", &[("CLAUDE_CODE_MAX_RETRIES", "2")]);
    let mut script = vec![Reply::error(529); 6];
    script.push(Reply::Text("after the storm".into()));
    api.script(script);
    let _up = world.up();
    bot.user_says(ANN, ANN, "hello");
    bot.wait_for(LONGER, "the notice", |state| {
        state.messages(ANN).into_iter().find(|message| message.text.starts_with("Claude API temporarily unavailable"))
    });
    let open = world.sql("SELECT state, until FROM circuit")[0].clone();
    assert_eq!(open["state"], "open");
    bot.wait_for(LONGER, "the answer", |state| {
        state.messages(ANN).into_iter().find(|message| message.text == "after the storm")
    });
    wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
    assert_eq!(turns(&api.requests()), 7);
    let runs = world.sql("SELECT calls_answered, calls_failed, uses_attempt, claimed_at FROM run ORDER BY attempt");
    let told = |run: &Value| ["calls_answered", "calls_failed", "uses_attempt"].map(|name| run[name].as_i64().unwrap());
    let told: Vec<_> = runs.iter().map(told).collect();
    assert_eq!(told, [[0, 3, 1], [0, 3, 0], [1, 0, 1]], "each request once, and no attempt for the outage");
    assert!(runs[2]["claimed_at"].as_i64() >= open["until"].as_i64(), "left alone in between: {runs:?} {open}");
    assert_eq!(world.sql("SELECT state FROM circuit"), [json!({ "state": "closed" })]);
}

#[test]
fn a_key_that_is_not_accepted_parks_the_task_as_not_logged_in() {
    let Some(claude) = claude() else { return };
    let api = MessagesApi::start();
    let world = world(&claude, &api, "", &ONE_RETRY);
    let ended = world.run(&["ask", "[[error: 401]]"]);
    assert_eq!(ended.code, Some(69), "{ended:?}");
    assert!(ended.stderr.contains("agentlab: task 1 waits: Claude is not logged in: "), "{ended:?}");
    assert!(ended.stderr.contains("/login") && ended.stderr.contains("It is kept"), "{ended:?}");
    assert_eq!(outcomes(&world), ["not_logged_in"]);
    assert_eq!(world.sql("SELECT state FROM job"), [json!({ "state": "parked" })]);
}

#[test]
fn cancel_stops_a_run_that_hangs_and_nothing_of_it_is_left() {
    let Some(claude) = claude() else { return };
    let (bot, api) = (BotApi::start(), MessagesApi::start());
    let mut world = with_bot(&claude, &bot, &api, "", &[]);
    // The grace at its full length: that the CLI ends within it must not depend on a busy machine.
    world.env = vec![("AGENTLAB_TEST_TIME_SCALE".into(), "1".into())];
    let _up = world.up();
    bot.user_says(ANN, ANN, "kumquat [[hang]]");
    api.wait_for(LONGER, "the request that hangs", |asked| {
        asked.iter().find(|it| it.has_tools && it.last_user_text.contains("[[hang]]")).map(|_| ())
    });
    let run = run_dir(&world);
    let mark = format!("AGENTLAB_RUN={}", run.file_name().unwrap().to_string_lossy());
    let living = marked(&mark).unwrap();
    assert!(living.len() >= 2, "the shim and the CLI: {living:?}");
    nothing_of_ours_shows(&living, &bot.token());
    bot.user_says(ANN, ANN, "/cancel");
    bot.wait_for_text(ANN, "Stopping task 1.", LONG);
    let ended = bot.wait_for_text(ANN, "Task 1: cancelled", LONG);
    assert_eq!(ended.text, format!("Task 1: cancelled, stopped by user {ANN}"));
    assert!(ended.reply_markup.is_none());
    let left = marked(&mark).unwrap();
    assert!(left.is_empty(), "nothing of the run is left: {left:?}");
    let row = &world
        .sql("SELECT job.state, job.answer, run.outcome, run.exit_signal FROM job JOIN run ON run.job_id = job.id")[0];
    assert_eq!((row["state"].as_str(), row["outcome"].as_str()), (Some("cancelled"), Some("stopped")), "{row}");
    assert_eq!(row["exit_signal"], Value::Null, "asked, it ended within the grace: {row}");
    assert_eq!(row["answer"], format!("Task 1: cancelled, stopped by user {ANN}"));
    let audit = world.sql("SELECT actor, subject FROM audit WHERE action = 'cancel'");
    assert_eq!(audit, [json!({ "actor": format!("user {ANN}"), "subject": "task 1" })]);
    wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
}

/// What every user of the machine can read of a process (`ps`), and what the agent itself can: no prompt, no secret.
#[cfg(target_os = "linux")]
fn nothing_of_ours_shows(living: &[Identity], token: &str) {
    for process in living {
        let read = |name: &str| {
            let bytes = fs::read(format!("/proc/{}/{name}", process.pid)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).replace('\0', "\n")
        };
        let (arguments, environment) = (read("cmdline"), read("environ"));
        assert!(!arguments.contains("kumquat") && !arguments.contains(token), "{arguments}");
        assert!(!environment.contains(token), "{environment}");
        let ours = environment.lines().filter(|line| line.starts_with("AGENTLAB_"));
        assert!(ours.into_iter().all(|line| line.starts_with("AGENTLAB_RUN=")), "{environment}");
    }
}

#[cfg(not(target_os = "linux"))]
const fn nothing_of_ours_shows(_living: &[Identity], _token: &str) {}

#[test]
fn a_run_that_stalls_is_stopped_and_the_chat_is_told() {
    let Some(claude) = claude() else { return };
    let (bot, api) = (BotApi::start(), MessagesApi::start());
    let mut world = with_bot(&claude, &bot, &api, "no_progress_minutes = 1", &[]);
    // A minute becomes nine seconds: longer than the CLI takes to begin.
    world.env = vec![("AGENTLAB_TEST_TIME_SCALE".into(), "0.15".into())];
    let _up = world.up();
    bot.user_says(ANN, ANN, "[[stall]]");
    let told = bot.wait_for_text(ANN, "Task 1: failed", LONGER);
    let words = "Task 1: failed, it showed no progress for agent.no_progress_minutes and was stopped";
    assert_eq!((told.text.as_str(), told.reply_markup), (words, None));
    assert!(api.requests().iter().any(|asked| asked.last_user_text.contains("[[stall]]")), "it had asked");
    assert_eq!(outcomes(&world), ["no_progress"], "and it is not tried again");
    let mark = format!("AGENTLAB_RUN={}", run_dir(&world).file_name().unwrap().to_string_lossy());
    assert!(marked(&mark).unwrap().is_empty(), "nothing of the run is left");
    wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
}

#[test]
fn a_commit_of_the_real_cli_meets_the_checks_of_its_project() {
    let Some(claude) = claude() else { return };
    let api = MessagesApi::start();
    let mut world = world(&claude, &api, "args = ['--allowedTools', 'Bash']", &[]);
    let project = world.project("p");
    world.configure(&format!("[projects.p]\npath = '{}'\nchecks = ['grep good state']\n", project.display()));
    // Its tools get the environment of the CLI: that it hands on what we put there is what is tried here.
    let tool = |state: &str| {
        let as_ann = "git -c user.name=Ann -c user.email=a@example.org";
        let command = format!("echo {state} >state; git add -A; {as_ann} commit -qm {state}; echo $? >>../ended");
        format!("[[tool: Bash {}]]", json!({ "command": command, "description": "commit" }))
    };
    let init = std::process::Command::new("git").args(["init", "-q"]).current_dir(&project).status().unwrap();
    assert!(init.success());
    let prompt = format!("{} {} [[say: committed]]", tool("bad"), tool("good"));
    let ended = world.run(&["ask", "--project", "p", &prompt]);
    assert_eq!(fs::read_to_string(world.path("ended")).unwrap_or_default(), "1\n0\n", "{ended:?}");
    assert_eq!(ended.stdout, "committed\n\nChecks passed: `grep good state`", "{ended:?}");
    let events = fs::read_to_string(run_dir(&world).join("events.jsonl")).unwrap();
    assert!(events.contains("agentlab: nothing was committed, since this check"), "the agent sees why: {events}");
}
