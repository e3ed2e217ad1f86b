//! A database that somebody else keeps locked, and leases that nobody could let go of.

use std::time::Duration;

use agentlab_domain::role::{Post, Role};
use agentlab_platform::{
    failpoints::PAUSE_AT,
    home::Home,
    identity::{Identity, Living},
    lock,
};
use agentlab_stand_ins::BotApi;
use nix::sys::signal::Signal;

use crate::world::{ANN, LONG, World, kill_9, wait_until};

/// Somebody's `sqlite3` inside a write transaction, until it is dropped.
pub(super) struct Foreign(std::sync::mpsc::Sender<()>, Option<std::thread::JoinHandle<()>>);

impl Foreign {
    pub(super) fn lock(world: &World) -> Self {
        Self::try_lock(world).unwrap()
    }

    /// `None` where the file is damaged or gone.
    pub(super) fn try_lock(world: &World) -> Option<Self> {
        let path = world.home().join("agentlab.db");
        let (stop, stopped) = std::sync::mpsc::channel();
        let (locked, is_locked) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).busy_timeout(LONG);
                let Ok(mut connection) = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await
                else {
                    return;
                };
                if sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.is_ok() {
                    locked.send(()).unwrap();
                    let _ = stopped.recv();
                    let _ = sqlx::query("ROLLBACK").execute(&mut connection).await;
                }
                // Waited for: its end takes the locks along that this process has on the same files by then.
                let _ = sqlx::Connection::close(connection).await;
            });
        });
        is_locked.recv_timeout(LONG).ok()?;
        Some(Self(stop, Some(thread)))
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.0.send(());
        let _ = self.1.take().map(std::thread::JoinHandle::join);
    }
}

/// A world in which a writer loses its patience after 0.75 s.
fn impatient() -> World {
    let mut world = World::new();
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.05".into()));
    assert_eq!(world.run(&["status"]).code, Some(0));
    world
}

#[test]
fn up_waits_for_a_locked_database_and_hears_ctrl_c_while_it_does() {
    let world = impatient();
    let foreign = Foreign::lock(&world);
    let log = world.home().join("logs");
    let mut up = world.start(&["up"]);
    let says = |words: &str| {
        let entries = std::fs::read_dir(&log).unwrap().filter_map(Result::ok);
        entries.filter_map(|entry| std::fs::read_to_string(entry.path()).ok()).any(|text| text.contains(words))
    };
    wait_until("it says that it waits", LONG, || says("the database is locked"));
    drop(foreign);
    up.wait_for_line("ready:", LONG);
    up.stop();
    let _foreign = Foreign::lock(&world);
    let up = world.start(&["up"]);
    std::thread::park_timeout(Duration::from_millis(300));
    let ended = up.stop();
    assert!(ended.stderr.contains("stopped before it was ready"), "{ended:?}");
}

#[test]
fn up_that_is_asked_to_start_again_before_it_is_ready_does_so() {
    let world = impatient();
    let foreign = Foreign::lock(&world);
    let mut up = world.start(&["up"]);
    let log = || crate::world::logs(&world);
    wait_until("it waits", LONG, || log().contains("the database is locked"));
    up.signal(Signal::SIGUSR1);
    wait_until("it starts again", LONG, || up.ended().is_some() || log().matches("the database is locked").count() > 1);
    drop(foreign);
    up.wait_for_line("ready:", LONG);
    assert_eq!(up.stop().code, Some(0));
}

#[test]
fn a_finish_that_met_a_lock_is_made_once_the_lock_is_gone() {
    let world = impatient();
    let mut up = world.up();
    let mut ask = world.start(&["ask", "[[tool: Bash slow]] [[sleep: 1]] [[say: kept]]"]);
    ask.wait_for_line("Bash: slow", LONG);
    let foreign = Foreign::lock(&world);
    let log = world.home().join("logs");
    // Finish and release have both lost their patience.
    wait_until("the worker could not let go", LONG, || {
        let entries = std::fs::read_dir(&log).unwrap().filter_map(Result::ok);
        entries.filter_map(|entry| std::fs::read_to_string(entry.path()).ok()).any(|t| t.contains("could not let go"))
    });
    drop(foreign);
    let ended = ask.end(LONG);
    assert!(ended.stdout.starts_with("kept"), "{ended:?}");
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 1);
    up.wait_for_line("ready:", LONG);
}

#[test]
fn a_delivery_that_met_a_lock_is_noted_once_the_lock_is_gone_and_not_made_again() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    let marker = world.path("sent");
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.05".into()));
    world.env.push((PAUSE_AT.into(), format!("outbox-sent:{}", marker.display())));
    let _up = world.up();
    api.user_says(ANN, ANN, "[[say: answered.]]");
    wait_until("it is sent and not noted", LONG, || marker.exists());
    let foreign = Foreign::lock(&world);
    std::fs::remove_file(&marker).unwrap();
    let log = world.home().join("logs");
    wait_until("the bot could not note it", LONG, || {
        let entries = std::fs::read_dir(&log).unwrap().filter_map(Result::ok);
        entries.filter_map(|entry| std::fs::read_to_string(entry.path()).ok()).any(|t| t.contains("could not be noted"))
    });
    drop(foreign);
    api.wait_for_text(ANN, "answered.", LONG);
    // The owner may have been told who keeps the database locked.
    let answers = api.messages(ANN).iter().filter(|message| message.text.contains("answered.")).count();
    assert_eq!(answers, 1, "{}", api.transcript(ANN));
}

#[test]
fn a_run_of_a_slot_that_nobody_fills_any_more_is_taken_over() {
    let mut world = World::new();
    let up = world.up();
    let asks: Vec<_> = (0..3).map(|n| world.start(&["ask", &format!("[[sleep: 3]] [[say: answer {n}]]")])).collect();
    // Each ask has the same directory: one runs, whoever took it.
    wait_until("one runs", LONG, || world.count("SELECT COUNT(*) FROM v_workers WHERE task IS NOT NULL") == 1);
    let slots = [1, 2, 3].map(|slot| world.pid("worker", slot));
    kill_9(up.pid());
    drop(up);
    slots.into_iter().for_each(kill_9);
    world.configure("[workers]\ncount = 1\n");
    for (n, ask) in asks.into_iter().enumerate() {
        let ended = ask.end(LONG);
        assert!(ended.stdout.starts_with(&format!("answer {n}")), "{ended:?}");
    }
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 3);
}

#[test]
fn a_worker_that_only_starts_is_asked_to_stop_too_when_the_others_drain() {
    let world = impatient();
    let mut up = world.start(&["up", "--drain"]);
    up.wait_for_line("ready:", LONG);
    let worker = Identity::of(world.pid("worker", 1)).unwrap().unwrap();
    let post = Home::at(world.home()).unwrap().post_lock(Post { role: Role::Worker, slot: 1 });
    // Its successor holds the post and cannot enter its row.
    let foreign = Foreign::lock(&world);
    kill_9(worker.pid);
    wait_until("it is dead", LONG, || worker.living() == Living::No);
    wait_until("another has taken its post", LONG, || lock::is_held(&post).unwrap());
    up.signal(Signal::SIGINT);
    up.wait_for_line("running tasks end first", LONG);
    drop(foreign);
    let ended = up.end(LONG);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
