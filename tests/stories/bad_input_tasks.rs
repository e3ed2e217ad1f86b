//! Bad input as work: texts and answers beyond every limit, a project that is not there, an agent that looks for secrets.

use agentlab_stand_ins::BotApi;
use serde_json::json;

use crate::world::{ANN, LONG, World, wait_until};

fn nothing_is_owed(world: &World) {
    wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
}

#[test]
fn a_message_of_100_000_characters_runs_whole() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    let end = " [[say: I read it all]]";
    // Characters of one to four bytes.
    let text = format!("{}{end}", "wörd 🙂 ".chars().cycle().take(100_000 - end.len()).collect::<String>());
    assert_eq!(text.chars().count(), 100_000);
    api.user_says(ANN, ANN, &text);
    api.wait_for_text(ANN, "I read it all", LONG);
    assert_eq!(world.count("SELECT length(prompt) FROM job"), 100_000);
    let run = world.sql("SELECT id FROM run")[0]["id"].as_str().unwrap().to_owned();
    let prompt = std::fs::read_to_string(world.home().join("runs").join(run).join("prompt.txt")).unwrap();
    assert!(prompt == text, "the agent was given all of it");
    nothing_is_owed(&world);
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 1);
}

#[test]
fn an_answer_of_9_000_characters_arrives_complete_and_in_order() {
    arrives_complete(9_000);
}

#[test]
fn an_answer_of_100_000_characters_arrives_complete_and_in_order() {
    arrives_complete(100_000);
}

fn arrives_complete(characters: usize) {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    api.user_says(ANN, ANN, &format!("[[long: {characters}]]"));
    api.wait_for_text(ANN, "0123456789", LONG);
    let answer: String = "0123456789 ".chars().cycle().take(characters).collect();
    assert!(world.sql("SELECT answer FROM job")[0]["answer"] == answer, "the job keeps all of it");
    let parts = world.count("SELECT COUNT(*) FROM outbox WHERE job_id IS NOT NULL");
    // One message a second and chat.
    api.wait_for(2 * LONG, "all parts", |state| (state.messages(ANN).len() >= parts.try_into().unwrap()).then_some(()));
    nothing_is_owed(&world);
    let messages = api.messages(ANN);
    let units = |text: &str| text.encode_utf16().count();
    assert!(messages.iter().all(|message| units(&message.text) <= 4096), "each one is a message");
    // Telegram cuts white space off around a message: what shows must be all that shows.
    let shown = |text: &str| text.split_whitespace().collect::<String>();
    let arrived: String = messages.iter().map(|message| shown(&message.text)).collect();
    assert_eq!(arrived.len(), shown(&answer).len(), "the last message: {:?}", messages.last());
    assert!(arrived == shown(&answer), "in order");
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 1);
}

#[test]
fn a_project_that_is_not_there_fails_visibly_and_works_once_it_is() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    let path = world.path("gone");
    world.configure(&format!("[projects.gone]\npath = '{}'\n", path.display()));
    let _up = world.up();
    let failed = |number: i64| {
        let words = format!(
            "Task {number}: failed, the agent could not be started: the project's path {path:?} is not there: \
             create it, or correct projects.*.path"
        );
        api.user_says(ANN, ANN, "[[write: here x]] [[say: it was there]]");
        let told = api.wait_for_text(ANN, &format!("Task {number}: failed"), LONG);
        assert_eq!(told.text, words);
        assert!(told.reply_markup.is_none(), "nothing is left to stop");
        nothing_is_owed(&world);
        let runs = world.count(&format!(
            "SELECT COUNT(*) FROM run JOIN job ON job.id = run.job_id AND job.number = {number} AND run.outcome = 'not_started'"
        ));
        assert!((1..=3).contains(&runs), "retry.max_attempts: {runs}");
    };
    failed(1);
    std::fs::create_dir(&path).unwrap();
    api.user_says(ANN, ANN, "[[write: here x]] [[say: now it is]]");
    api.wait_for_text(ANN, "now it is", LONG);
    assert!(path.join("here").is_file(), "it worked there and nowhere else");
    std::fs::remove_dir_all(&path).unwrap();
    failed(3);
    assert!(!path.exists(), "nobody made it up");
    assert!(!world.home().join("workspace/here").exists());
}

#[test]
fn an_agent_finds_no_secret_of_ours_in_its_environment_or_its_arguments() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    world.env = vec![
        ("AGENTLAB_WORKERS__COUNT".into(), "2".into()),
        ("BOT_URL".into(), format!("https://api.telegram.org/bot{}/getMe", api.token())),
        ("FOR_THE_AGENT".into(), "1".into()),
    ];
    world.configure("[agent.env]\nOF_THE_AGENT = '2'\n");
    let _up = world.up();
    api.user_says(ANN, ANN, "kumquat [[env]]");
    wait_until("it is done", LONG, || world.sql("SELECT state FROM job") == [json!({ "state": "done" })]);
    let answer = world.sql("SELECT answer FROM job")[0]["answer"].as_str().unwrap().to_owned();
    let has = |line: &str| answer.lines().any(|it| it == line);
    assert!(has("FOR_THE_AGENT=1") && has("OF_THE_AGENT=2"), "{answer}");
    let ours: Vec<&str> = answer.lines().filter(|line| line.starts_with("AGENTLAB_")).collect();
    assert!(ours.len() == 1 && ours[0].starts_with("AGENTLAB_RUN="), "only the mark of the run: {ours:?}");
    assert!(!answer.contains(&api.token()), "{answer}");
    let run = world.sql("SELECT id FROM run")[0]["id"].as_str().unwrap().to_owned();
    let spec = std::fs::read_to_string(world.home().join("runs").join(run).join("spec.json")).unwrap();
    assert!(!spec.contains("kumquat") && !spec.contains(&api.token()), "{spec}");
}
