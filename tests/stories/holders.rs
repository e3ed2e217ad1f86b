//! Who keeps the database locked (rule L2): a stranger is named and left alone, a program of ours that stands still in a write
//! transaction is woken or ended, and whoever gets on with it is left alone for ever.

use std::process::{Child, Command, Stdio};

use agentlab_domain::role::{Post, Role};
use agentlab_platform::{
    failpoints::{PAUSE_AT, STOP_AT},
    home::Home,
    identity::{Identity, Living},
    pulse,
};
use agentlab_stand_ins::BotApi;

use crate::world::{ANN, Giver, LONG, Running, World, wait_until};

const PART: &str = "STRANGER_PART";
const DATABASE: &str = "STRANGER_DATABASE";
const SAID: &str = "STRANGER_SAID";

/// Somebody's program that never heard of us: this test's program again, playing a part.
struct Stranger {
    child: Child,
    identity: Identity,
}

impl Stranger {
    /// Plays a part with this world's database, and has begun when this returns.
    fn plays(part: &str, world: &World) -> Self {
        let said = world.path(&format!("{part}.said"));
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "stories::holders::a_stranger", "--nocapture"])
            .envs([(PART, part.as_ref()), (DATABASE, world.home().join("agentlab.db").as_os_str())])
            .env(SAID, &said)
            .env("TEST_WORLD", world.path("."))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let identity = Identity::of(child.id().cast_signed()).unwrap().unwrap();
        let stranger = Self { child, identity };
        wait_until("the stranger has begun", LONG, || said.exists());
        stranger
    }

    fn lives(&self) -> bool {
        self.identity.living() == Living::Yes
    }

    fn lets_go(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the stranger does, until its standard input is closed.
#[test]
fn a_stranger() {
    let (Ok(part), Some(path), Some(said)) = (std::env::var(PART), std::env::var_os(DATABASE), std::env::var_os(SAID))
    else {
        return;
    };
    let (end, mut ended) = tokio::sync::watch::channel(false);
    std::thread::spawn(move || {
        let _ = std::io::read_to_string(std::io::stdin());
        end.send(true).unwrap();
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options =
            sqlx::sqlite::SqliteConnectOptions::new().filename(path).busy_timeout(LONG).pragma("synchronous", "OFF");
        let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await.unwrap();
        let mut does = async |statement: &'static str| {
            sqlx::query(statement).execute(&mut connection).await.unwrap();
        };
        match part.as_str() {
            "writes" => {
                does("BEGIN IMMEDIATE").await;
                std::fs::write(said, "").unwrap();
                ended.changed().await.unwrap();
            }
            "has it for himself" => {
                does("PRAGMA locking_mode = EXCLUSIVE").await;
                does("UPDATE meta SET value = value").await;
                std::fs::write(said, "").unwrap();
                ended.changed().await.unwrap();
            }
            "is busy" => {
                std::fs::write(said, "").unwrap();
                while !*ended.borrow_and_update() {
                    does("BEGIN IMMEDIATE").await;
                    does("INSERT INTO meta (key, value) VALUES ('busy', '1') ON CONFLICT DO UPDATE SET value = value + 1").await;
                    let _ = tokio::time::timeout(std::time::Duration::from_millis(20), ended.changed()).await;
                    does("COMMIT").await;
                    // Whoever never lets anybody else in is another matter.
                    let _ = tokio::time::timeout(std::time::Duration::from_millis(3), ended.changed()).await;
                }
            }
            other => panic!("{other}"),
        }
    });
}

/// A world in which a minute lasts three seconds, with its database made.
fn hasty(mut world: World) -> World {
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.05".into()));
    assert_eq!(world.run(&["status"]).code, Some(0));
    world
}

/// How often the supervisor has looked who keeps the database locked, by its own count.
fn sweeps(world: &World) -> u64 {
    let supervisor = Post { role: Role::Supervisor, slot: 0 };
    let beat = pulse::read(&Home::at(world.home()).unwrap(), supervisor);
    beat.and_then(|beat| beat.loops.get("holders").map(|turns| turns.turns)).unwrap_or_default()
}

/// Waits for more looks than patience has: each adds a second of it at least, in the time of this world.
fn patience_is_over(world: &World) {
    let before = sweeps(world);
    wait_until("patience is over", LONG, || sweeps(world) > before + 80);
}

/// Starts a verb that stops or stays at a failpoint, and waits until it is there.
fn stuck(world: &mut World, setting: &str, point: &str, arguments: &[&str]) -> Running {
    let marker = world.path("stuck");
    world.env.push((setting.into(), format!("{point}:{}", marker.display())));
    let running = world.start(arguments);
    world.env.pop();
    wait_until("it is stuck", LONG, || marker.exists());
    running
}

#[test]
fn l2_a_stranger_at_the_start_is_named_and_left_alone_and_up_is_ready_once_it_lets_go() {
    for part in ["writes", "has it for himself"] {
        let api = BotApi::start();
        let world = hasty(World::with_bot(&api));
        let stranger = Stranger::plays(part, &world);
        let mut up = world.start(&["up"]);
        let line = up.wait_for_line("the database is locked by", LONG);
        let pid = format!("(pid {})", stranger.child.id());
        assert!(line.contains(&pid) && line.contains("no program of ours"), "{line}");
        let told = api.wait_for_text(ANN, "The database is locked by", LONG);
        assert!(told.text.contains(&pid), "{}", told.text);
        patience_is_over(&world);
        assert!(stranger.lives(), "it is not ours to end");
        stranger.lets_go();
        up.wait_for_line("no longer locked", LONG);
        up.wait_for_line("ready:", LONG);
        api.user_says(ANN, ANN, "[[say: answered.]]");
        api.wait_for_text(ANN, "answered.", LONG);
    }
}

#[test]
fn l2_a_stranger_that_locks_a_running_system_is_named_and_what_was_sent_meanwhile_is_done_once_it_lets_go() {
    let api = BotApi::start();
    let world = hasty(World::with_bot(&api));
    let mut up = world.up();
    let stranger = Stranger::plays("writes", &world);
    api.user_says(ANN, ANN, "[[say: at last.]]");
    up.wait_for_line("no program of ours: end it, or wait", LONG);
    api.wait_for_text(ANN, "is not lost", LONG);
    let refused = world.run(&["ask", "--no-wait", "[[say: not taken]]"]);
    let named = format!("(pid {})", stranger.child.id());
    assert!(refused.code == Some(69) && refused.stderr.contains(&named), "{named}: {refused:?}");
    patience_is_over(&world);
    assert!(stranger.lives(), "it is not ours to end");
    stranger.lets_go();
    api.wait_for_text(ANN, "at last.", LONG);
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 1, "once");
    assert_eq!(world.count("SELECT COUNT(*) FROM v_recoveries WHERE rung = 'end_holders'"), 0);
}

#[test]
fn l2_where_the_owner_asked_for_it_a_stranger_is_ended() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    world.configure("[recovery]\nkill_foreign_holders = true\n");
    let world = hasty(world);
    let stranger = Stranger::plays("writes", &world);
    let mut up = world.start(&["up"]);
    up.wait_for_line("after a minute I end it", LONG);
    up.wait_for_line("ready:", LONG);
    assert!(!stranger.lives());
    api.wait_for_text(ANN, "I ended", LONG);
    let written =
        "SELECT COUNT(*) FROM v_recoveries WHERE rung = 'end_holders' AND changed = 1 AND process = 'supervisor'";
    wait_until("it is written down", LONG, || world.count(written) == 1);
}

#[test]
fn l2_a_verb_that_was_stopped_inside_its_transaction_or_before_it_is_woken_and_nothing_is_lost() {
    for point in ["enqueue-commit", "write-ticket"] {
        let mut world = hasty(World::new());
        let ask = stuck(&mut world, STOP_AT, point, &["ask", "[[say: kept]]"]);
        let mut up = world.start(&["up"]);
        up.wait_for_line("I told it to go on", LONG);
        up.wait_for_line("ready:", LONG);
        let ended = ask.end(LONG);
        assert!(ended.code == Some(0) && ended.stdout.starts_with("kept"), "{point}: {ended:?}");
    }
}

#[test]
fn l2_a_program_of_ours_that_makes_no_progress_in_its_transaction_is_ended_and_up_is_ready_without_a_person() {
    let mut world = hasty(World::new());
    let ask = stuck(&mut world, PAUSE_AT, "enqueue-commit", &["ask", "[[say: never]]"]);
    let stuck = Identity::of(ask.pid()).unwrap().unwrap();
    let mut up = world.start(&["up"]);
    up.wait_for_line("makes no progress", LONG);
    up.wait_for_line("I ended agentlab", LONG);
    up.wait_for_line("ready:", LONG);
    assert_eq!(ask.end(LONG).code, None, "by a signal");
    assert_eq!(stuck.living(), Living::No);
    assert_eq!(world.count("SELECT COUNT(*) FROM job"), 0, "it was never accepted");
    let written = "SELECT COUNT(*) FROM v_recoveries WHERE rung = 'end_holders' AND words LIKE 'I ended agentlab%'";
    wait_until("it is written down", LONG, || world.count(written) == 1);
}

#[test]
fn l2_a_worker_that_an_earlier_system_left_stopped_inside_its_transaction_is_ended_though_nobody_watches_posts_yet() {
    let mut world = World::new();
    let project = world.project("project");
    world.configure(&format!("[projects.p]\npath = '{}'\n", project.display()));
    let mut world = hasty(world);
    Giver::of(&world, "p").give("[[say: done]]".into());
    let worker = stuck(&mut world, STOP_AT, "claim-lease", &["worker", "--slot", "1"]);
    let mut up = world.start(&["up"]);
    up.wait_for_line("stands still", LONG);
    up.wait_for_line("ready:", LONG);
    assert_eq!(worker.end(LONG).code, None, "by a signal");
    wait_until("the task is done", LONG, || world.count("SELECT COUNT(*) FROM job WHERE state = 'done'") == 1);
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 1, "once");
}

#[test]
fn l2_a_writer_that_gets_on_with_it_is_never_ended_however_long_it_writes() {
    let mut world = World::new();
    world.configure("[recovery]\nkill_foreign_holders = true\n");
    let world = hasty(world);
    let stranger = Stranger::plays("is busy", &world);
    let up = world.up();
    patience_is_over(&world);
    patience_is_over(&world);
    assert!(stranger.lives());
    stranger.lets_go();
    let ended = up.stop();
    assert!(!ended.stderr.contains("I ended"), "{ended:?}");
}

#[test]
fn whoever_asks_while_a_stranger_keeps_readers_out_hears_by_whom_and_is_not_kept_for_ever() {
    let world = hasty(World::new());
    let stranger = Stranger::plays("has it for himself", &world);
    let by = format!("(pid {})", stranger.child.id());
    let verbs: [&[&str]; 5] = [&["jobs"], &["job", "1"], &["sql", "SELECT 1"], &["cancel", "1"], &["backup", "now"]];
    for verb in verbs {
        let ended = world.run(verb);
        assert_eq!(ended.code, Some(69), "{verb:?}: {ended:?}");
        let said: Vec<&str> = ended.stderr.lines().filter(|line| line.contains(&by)).collect();
        assert!(said.len() == 2 && said[0].starts_with("waiting for the database: it is locked by"), "{ended:?}");
        assert!(said[1].starts_with("agentlab: the database was locked for"), "{ended:?}");
    }
    let doctor = world.run(&["doctor"]);
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    assert!(doctor.stdout.contains("disk: ") && doctor.stdout.contains(&by), "{doctor:?}");
    // One that is let go in time is answered from.
    let jobs = world.start(&["jobs"]);
    stranger.lets_go();
    assert_eq!(jobs.end(LONG).code, Some(0));
}
