//! Conversations: what the agent remembers from one task to the next, and how a person moves between them.

use agentlab_stand_ins::BotApi;

use crate::world::{ANN, LONG, World, kill_9, wait_until};

fn says(api: &BotApi, text: &str, needle: &str) -> String {
    api.user_says(ANN, ANN, text);
    api.wait_for_text(ANN, needle, LONG).text
}

/// The beginning of the id of the session of this task's newest run.
fn session_of(world: &World, task: i64) -> String {
    let rows = world.sql(&format!("SELECT session FROM v_runs WHERE task = {task} ORDER BY attempt DESC"));
    rows[0]["session"].as_str().unwrap()[..8].to_owned()
}

#[test]
fn a_chat_goes_on_with_one_conversation_until_it_begins_another() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let up = world.up();
    says(&api, "apple [[say: one.]]", "one.");
    let answer = says(&api, "pear [[recall]] [[say: two.]]", "two.");
    assert!(answer.contains("apple"), "{answer}");
    up.stop();
    let _up = world.up();
    let answer = says(&api, "plum [[recall]] [[say: three.]]", "three.");
    assert!(answer.contains("apple") && answer.contains("pear"), "also after a restart: {answer}");
    let first = session_of(&world, 1);
    let opened = world.sql("SELECT opened FROM v_runs ORDER BY task");
    let opened: Vec<&str> = opened.iter().filter_map(|row| row["opened"].as_str()).collect();
    assert_eq!(opened, ["new", "resumed", "resumed"]);
    says(&api, "/new", "begins a new conversation");
    let answer = says(&api, "fig [[recall]] [[say: four.]]", "four.");
    assert!(!answer.contains("apple"), "{answer}");
    let second = session_of(&world, 4);
    assert_ne!(first, second);
    let list = says(&api, "/sessions", "goes on with one of them");
    assert!(
        list.contains(&format!("{second} (goes on)")) && list.contains(&format!("{first} workspace: apple")),
        "{list}"
    );
    says(&api, &format!("/session {first}"), "The next task goes on with conversation");
    let answer = says(&api, "kiwi [[recall]] [[say: five.]]", "five.");
    assert!(answer.contains("plum") && !answer.contains("fig"), "{answer}");
    says(&api, "/session 00000000", "There is no conversation 00000000");
}

#[test]
fn a_fork_remembers_and_what_it_was_forked_from_stays_as_it_was() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    says(&api, "/fork", "There is no conversation here yet");
    says(&api, "apple [[say: one.]]", "one.");
    says(&api, "/fork", "goes on with a copy");
    let answer = says(&api, "pear [[recall]] [[say: two.]]", "two.");
    assert!(answer.contains("apple"), "{answer}");
    assert_eq!(world.count("SELECT COUNT(*) FROM v_runs WHERE opened = 'forked'"), 1);
    let answer = says(&api, "plum [[recall]] [[say: three.]]", "three.");
    assert!(answer.contains("apple") && answer.contains("pear"), "the copy goes on: {answer}");
    says(&api, &format!("/session {}", session_of(&world, 1)), "The next task goes on with conversation");
    let answer = says(&api, "fig [[recall]] [[say: four.]]", "four.");
    assert!(answer.contains("apple") && !answer.contains("pear"), "{answer}");
}

#[test]
fn a_conversation_that_the_agent_lost_is_set_aside_and_the_task_begins_a_new_one_and_says_so() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    says(&api, "apple [[say: one.]]", "one.");
    // What the agent keeps is damaged: resumed, it says that it does not know it.
    for entry in std::fs::read_dir(world.path("user/.claude/projects")).unwrap() {
        for file in std::fs::read_dir(entry.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            std::fs::remove_file(&path).unwrap();
            std::fs::create_dir(&path).unwrap();
        }
    }
    // A folder is no transcript: it is begun anew under the same id, and the agent says that this is in use.
    let answer = says(&api, "pear [[recall]] [[say: two.]]", "two.");
    assert!(answer.contains("the earlier conversation could not be taken up"), "{answer}");
    assert_eq!(world.count("SELECT COUNT(*) FROM v_runs WHERE outcome = 'session_lost'"), 1);
    assert_eq!(
        world.count("SELECT SUM(uses_attempt) FROM run WHERE job_id = (SELECT id FROM job WHERE number = 2)"),
        1
    );
    let answer = says(&api, "plum [[recall]] [[say: three.]]", "three.");
    assert!(answer.contains("pear") && !answer.contains("could not be taken up"), "{answer}");
}

#[test]
fn a_success_of_nothing_sets_the_conversation_aside_once_and_is_no_answer() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    says(&api, "apple [[say: one.]]", "one.");
    says(&api, "pear [[empty]]", "Task 2: failed, Claude gave up: it answered with nothing at all");
    let outcomes = world.sql("SELECT outcome, opened FROM v_runs WHERE task = 2 ORDER BY attempt");
    assert_eq!(outcomes.len(), 2, "fresh once, and not for ever: {outcomes:?}");
    assert_eq!(
        (outcomes[0]["outcome"].as_str(), outcomes[0]["opened"].as_str()),
        (Some("session_lost"), Some("resumed"))
    );
    assert_eq!((outcomes[1]["outcome"].as_str(), outcomes[1]["opened"].as_str()), (Some("errored"), Some("new")));
}

#[test]
fn a_terminal_takes_up_the_conversation_of_a_chat_and_waits_its_turn_there() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    says(&api, "apple [[say: one.]]", "one.");
    let session = session_of(&world, 1);
    api.user_says(ANN, ANN, "pear [[tool: Bash slow]] [[sleep: 1.5]] [[say: two.]]");
    api.wait_for_text(ANN, "Bash: slow", LONG);
    let ended = world.run(&["ask", "--session", &session, "[[recall]]"]);
    assert!(ended.stdout.contains("apple") && ended.stdout.contains("pear"), "{ended:?}");
    let ended = world.run(&["ask", "--session", "ffffffff", "x"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("ffffffff"), "{ended:?}");
}

#[test]
fn a_retried_run_is_told_that_it_was_interrupted_and_goes_on_with_its_conversation() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    let marker = world.path("first");
    // The first run kills itself when it has begun; the second one reads what it is told.
    let text = format!("apple [[once: {}]] [[recall]] [[say: finished.]]", marker.display());
    let answer = says(&api, &text, "finished.");
    assert!(answer.contains("apple"), "it remembers its own first run: {answer}");
    assert_eq!(world.count("SELECT COUNT(*) FROM v_runs"), 2);
    let run = world.sql("SELECT run FROM v_runs WHERE attempt = 2")[0]["run"].as_str().unwrap().to_owned();
    let prompt = std::fs::read_to_string(world.home().join("runs").join(run).join("prompt.txt")).unwrap();
    assert!(prompt.starts_with("[agentlab: an earlier run of this task was interrupted: it ended without"), "{prompt}");
    assert!(prompt.ends_with(&text), "{prompt}");
}

#[test]
fn r7_two_lanes_never_run_one_conversation_at_the_same_time() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    world.project("p");
    world.configure(&format!("[projects.p]\npath = '{}'\nisolation = 'none'\n", world.path("p").display()));
    let _up = world.up();
    says(&api, "apple [[say: one.]]", "one.");
    let session = session_of(&world, 1);
    api.user_says(ANN, ANN, "[[tool: Bash slow]] [[sleep: 1.5]] [[say: two.]]");
    api.wait_for_text(ANN, "Bash: slow", LONG);
    // Another chat takes the conversation over while a task runs in it.
    api.user_says(-50, ANN, &format!("/session {session}"));
    api.wait_for_text(-50, "The next task goes on with conversation", LONG);
    api.user_says(-50, ANN, "[[recall]] [[say: three.]]");
    wait_until("it waits", LONG, || world.count("SELECT COUNT(*) FROM v_queue WHERE state = 'queued'") == 1);
    kill_9(world.pid("worker", 1));
    let answer = api.wait_for_text(-50, "three.", LONG);
    assert!(answer.text.contains("apple"), "{answer:?}");
    let overlaps = "SELECT COUNT(*) FROM run a JOIN run b ON a.session = b.session AND a.id < b.id
                    AND a.claimed_at < b.ended_at AND b.claimed_at < a.ended_at";
    assert_eq!(world.count(overlaps), 0);
}
