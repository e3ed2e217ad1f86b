//! Bad input at the start and in the terminal: a clear answer with its exit code, nothing lost, nothing that loops.

use std::{
    fs,
    net::TcpListener,
    time::{Duration, Instant},
};

use agentlab_platform::identity::marked;
use agentlab_stand_ins::BotApi;
use serde_json::json;
use sqlx::ConnectOptions;

use crate::world::{ANN, Ended, LONG, World, wait_until};

const LOGIN: &str =
    "Claude is not logged in: run `claude` on the machine and type /login, or set agent.env.ANTHROPIC_API_KEY";
const NO_CLAUDE: &str = "no `claude` was found on PATH: install it with `npm install -g @anthropic-ai/claude-code`, \
                         or set agent.command to its path";
const NO_TOKEN: &str = "telegram.token is no bot token: it looks like 123456789:AA…, from @BotFather";

/// The last line that a person sees is the reason, and this is its exit code.
fn refused(ended: &Ended, code: i32, words: &str) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    let last = ended.stderr.lines().last().unwrap_or_default();
    assert_eq!(last, format!("agentlab: {words}"), "{ended:?}");
}

/// A refusal leaves no process behind, now or in a moment.
fn nothing_is_left(world: &World) {
    let mark = format!("TEST_WORLD={}", world.home().parent().unwrap().display());
    wait_until("no process is left", Duration::from_secs(20), || marked(&mark).unwrap().is_empty());
}

/// How often the process of this role began its life.
fn starts(world: &World, role: &str) -> usize {
    let files = fs::read_dir(world.home().join("logs")).unwrap().map(|entry| entry.unwrap().path());
    let logs = files.filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(role) && path.extension().is_some_and(|extension| extension == "jsonl")
    });
    logs.map(|path| begun(&fs::read_to_string(path).unwrap())).sum()
}

/// How often a log says that a process began.
pub(super) fn begun(log: &str) -> usize {
    log.lines().filter(|line| line.contains(r#""message":"started""#) && line.contains(r#""post":""#)).count()
}

/// `up` is asked for and refuses soon, in these words.
fn up_refuses(world: &World, code: i32, words: &str) {
    let asked = Instant::now();
    let ended = world.run(&["up"]);
    refused(&ended, code, words);
    assert!(asked.elapsed() < Duration::from_secs(30), "it took {:?}", asked.elapsed());
    assert!(!ended.stdout.contains("ready:"), "{ended:?}");
    assert!(!ended.stderr.contains("I start it again"), "it does not: {ended:?}");
    nothing_is_left(world);
}

#[test]
fn without_a_token_the_bot_is_off_and_says_so_and_ask_works() {
    let world = World::new();
    let mut up = world.up();
    let ready = up.wait_for_line("ready:", LONG);
    assert!(ready.ends_with("3 workers; the bot is off (no telegram.token)"), "{ready}");
    let ended = world.run(&["ask", "[[say: it works]]"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.starts_with("it works"), "{ended:?}");
    assert_eq!(world.count("SELECT COUNT(*) FROM process WHERE role = 'bot'"), 0);
    assert_eq!(up.stop().code, Some(0));
    nothing_is_left(&world);
}

#[test]
fn a_token_that_telegram_does_not_know_is_refused_at_once() {
    let api = BotApi::start();
    let mut world = World::new();
    world.rehearse();
    world.configure(&format!(
        "[telegram]\ntoken = '123456:WRONG-token'\napi_url = '{}'\nallowed_users = [{ANN}]\n",
        api.url()
    ));
    let words = "Telegram refuses telegram.token: copy it again from @BotFather (it may have been revoked)";
    up_refuses(&world, 78, words);
    assert_eq!(starts(&world, "bot"), 1, "asked once");
    let methods: Vec<String> = api.requests().into_iter().map(|request| request.method).collect();
    assert_eq!(methods, ["getMe"]);
    let doctor = world.run(&["doctor"]);
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    assert!(doctor.stdout.contains(&format!("BAD  telegram: {words}")), "{doctor:?}");
}

#[test]
fn a_token_that_is_none_is_refused_and_the_place_is_named() {
    let mut world = World::new();
    world.env = vec![("AGENTLAB_TELEGRAM__TOKEN".into(), "x".into())];
    up_refuses(&world, 78, &format!("the environment: {NO_TOKEN}"));
    world.env = vec![("AGENTLAB_TELEGRAM__TOKN".into(), "x".into())];
    up_refuses(&world, 78, "the environment: unknown key `telegram.tokn`; did you mean `telegram.token`?");
    world.env.clear();
    world.configure("[telegram]\ntoken = 'hello'\n");
    up_refuses(&world, 78, &format!("{}: {NO_TOKEN}", world.home().join("config.toml").display()));
}

#[test]
fn a_port_in_use_is_named_and_nothing_is_left_running() {
    let world = World::new();
    let _taken = TcpListener::bind(("127.0.0.1", world.port)).unwrap();
    let words = format!(
        "console.port {} cannot be used on 127.0.0.1 (Address already in use (os error {})): \
         end what listens there, or set console.port",
        world.port,
        nix::errno::Errno::EADDRINUSE as i32
    );
    up_refuses(&world, 69, &words);
    assert_eq!(starts(&world, "console"), 1, "tried once");
}

#[test]
fn a_configuration_that_cannot_be_read_is_refused_by_its_name() {
    let world = World::new();
    let path = world.home().join("config.toml");
    let asks: [&[&str]; 3] = [&["up"], &["ask", "x"], &["status"]];
    let all_refuse = |words: &str| {
        for ask in asks {
            let ended = world.run(ask);
            assert_eq!(ended.code, Some(78), "{ended:?}");
            assert!(ended.stderr.starts_with("agentlab: ") && ended.stderr.contains("config.toml"), "{ended:?}");
            assert!(ended.stderr.contains(words), "{words:?}: {ended:?}");
        }
        nothing_is_left(&world);
    };
    fs::write(&path, "[agent\n").unwrap();
    all_refuse("expected");
    fs::write(&path, b"\xff\xfe\x00").unwrap();
    all_refuse("UTF-8");
    fs::write(&path, "[telegram]\nalowed_users = [1]\n").unwrap();
    all_refuse("unknown key `telegram.alowed_users`; did you mean `telegram.allowed_users`?");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    all_refuse("cannot be read: something that is no file is in its place");
    assert!(!world.home().join("agentlab.db").exists(), "refused before anything was begun");
}

#[test]
fn an_agent_that_is_missing_is_never_rehearsed() {
    let api = BotApi::start();
    let mut world = World::new();
    world.configure(&format!(
        "[telegram]\ntoken = '{}'\napi_url = '{}'\nallowed_users = [{ANN}]\n",
        api.token(),
        api.url()
    ));
    up_refuses(&world, 69, NO_CLAUDE);
    refused(&world.run(&["ask", "x"]), 69, NO_CLAUDE);
    let command = world.path("bin/agent");
    world.configure(&format!("[agent]\ncommand = '{}'\n", command.display()));
    let words = format!(
        "agent.command {command:?} is not there or not executable: correct the path, or remove the key to use `claude` \
         from PATH"
    );
    up_refuses(&world, 69, &words);
    fs::write(&command, "no program").unwrap();
    refused(&world.run(&["ask", "x"]), 69, &words);
    assert_eq!(api.requests().len(), 0, "nobody was told that it works");
    assert_eq!(world.count("SELECT COUNT(*) FROM job"), 0, "nothing was accepted");
}

#[test]
fn a_missing_login_parks_the_task_and_says_what_to_do() {
    let world = World::new();
    let ended = world.run(&["ask", "[[login]]"]);
    let kept = "It is kept: `agentlab job 1` shows it, `agentlab cancel 1` ends it.";
    refused(&ended, 69, &format!("task 1 waits: {LOGIN}. {kept}"));
    wait_until("the private system ends", LONG, || !world.run(&["status"]).stdout.contains("is running"));
    assert_eq!(world.sql("SELECT state, reason FROM job"), [json!({ "state": "parked", "reason": LOGIN })]);
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 1, "parked, not tried again and again");
    let cancelled = world.run(&["cancel", "1"]);
    assert_eq!((cancelled.code, cancelled.stdout.as_str()), (Some(0), "task 1: cancelled"), "{cancelled:?}");
    nothing_is_left(&world);
}

#[test]
fn a_missing_login_is_told_in_the_chat_and_its_stop_button_works() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    api.user_says(ANN, ANN, "[[login]]");
    let told = api.wait_for_text(ANN, LOGIN, LONG);
    assert!(told.text.starts_with(&format!("Task 1: waits, {LOGIN}. I look again in ")), "{}", told.text);
    let button = told.reply_markup.unwrap()["inline_keyboard"][0][0].clone();
    assert_eq!((button["text"].as_str(), button["callback_data"].as_str()), (Some("Stop"), Some("stop:1")));
    assert_eq!(world.sql("SELECT state FROM job"), [json!({ "state": "parked" })]);
    api.user_presses(ANN, ANN, told.message_id, "stop:1");
    let ended = api.wait_for_text(ANN, &format!("Task 1: cancelled by user {ANN}"), LONG);
    assert_eq!((ended.message_id, ended.reply_markup), (told.message_id, None), "the button is gone with the task");
    api.wait_for(LONG, "the button stops waiting", |state| {
        state.requests().iter().find(|it| it.method == "answerCallbackQuery" && it.status == 200).cloned()
    });
    wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 1);
}

#[test]
fn a_project_that_is_not_there_is_refused_in_the_terminal() {
    let mut world = World::new();
    let path = world.path("gone");
    world.configure(&format!("[projects.gone]\npath = '{}'\n", path.display()));
    let words = format!("the path {} of project `gone` is not there", path.display());
    refused(&world.run(&["ask", "--project", "gone", "x"]), 78, &words);
    refused(&world.run(&["ask", "--project", "gnoe", "x"]), 78, "there is no project `gnoe`: did you mean `gone`?");
    let config = world.home().join("config.toml");
    let words = format!("there is no project `shop`: add [projects.shop] with its path to {}", config.display());
    refused(&world.run(&["ask", "--project", "shop", "x"]), 78, &words);
    assert_eq!(world.count("SELECT COUNT(*) FROM job"), 0, "nothing was accepted");
    let doctor = world.run(&["doctor"]);
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    assert!(doctor.stdout.contains(&format!("BAD  project: gone: {} is not there", path.display())), "{doctor:?}");
    nothing_is_left(&world);
}

#[test]
fn a_database_of_a_newer_release_is_refused_by_every_verb() {
    let world = World::new();
    assert_eq!(world.run(&["status"]).code, Some(0));
    set_schema_min_release(&world, "99.0.0");
    let words = format!(
        "the database needs agentlab 99.0.0 or newer, and this is {}: update agentlab, or restore an older backup",
        env!("CARGO_PKG_VERSION")
    );
    up_refuses(&world, 78, &words);
    let asks: [&[&str]; 10] = [
        &["ask", "x"],
        &["status"],
        &["jobs"],
        &["job", "1"],
        &["logs", "1"],
        &["cancel", "1"],
        &["sql", "SELECT 1"],
        &["worker", "--slot", "1"],
        &["supervisor"],
        &["console"],
    ];
    for ask in asks {
        refused(&world.run(ask), 78, &words);
    }
    // Who looks for the cause must find it.
    let doctor = world.run(&["doctor"]);
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    assert!(doctor.stdout.contains(&format!("BAD  database: {words}")), "{doctor:?}");
    assert_eq!(world.run(&["logs"]).code, Some(0));
    nothing_is_left(&world);
    set_schema_min_release(&world, "0.1.0");
    assert_eq!(world.run(&["status"]).code, Some(0), "untouched by all that");
}

fn set_schema_min_release(world: &World, release: &str) {
    let database = world.home().join("agentlab.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = sqlx::sqlite::SqliteConnectOptions::new().filename(database).connect().await.unwrap();
        let changed = sqlx::query("UPDATE meta SET value = ?1 WHERE key = 'schema_min_release'")
            .bind(release)
            .execute(&mut connection)
            .await
            .unwrap();
        assert_eq!(changed.rows_affected(), 1);
    });
}

#[test]
fn a_home_that_sockets_cannot_live_in_is_refused() {
    let mut world = World::new();
    let home = world.path(&"x".repeat(120));
    // The longest socket in it is run/supervisor.sock; 103 bytes are what a Mac allows.
    let over = home.join("run/supervisor.sock").as_os_str().len() - 103;
    let words =
        format!("the home {home:?} is {over} bytes too long for the sockets in it: choose a shorter AGENTLAB_HOME");
    world.env = vec![("AGENTLAB_HOME".into(), home.display().to_string())];
    up_refuses(&world, 78, &words);
    refused(&world.run(&["ask", "x"]), 78, &words);
    refused(&world.run(&["status"]), 78, &words);
    assert!(!home.exists(), "nothing was begun there");
    world.env = vec![("AGENTLAB_HOME".into(), "here".into())];
    refused(&world.run(&["status"]), 78, "AGENTLAB_HOME must be an absolute path, not \"here\"");
}
