//! Releases that a person puts in place: an update under load, a rollback, and where nothing runs. A test's release is a script
//! that sets what is to go wrong and becomes the real program, by a name in its own folder: so that the program knows which
//! release it is.

use std::{
    fs,
    path::{Path, PathBuf},
};

use agentlab_platform::{home::Home, releases};
use agentlab_stand_ins::BotApi;
use serde_json::Value;

use super::restart::{names, side_by_side};
use crate::world::{ANN, LONG, Look, World, wait_until, write_script};

/// A release that does `what` before it becomes the real program. `$dir` is its folder, `$1` the role.
pub(super) fn release(world: &World, name: &str, what: &str) -> PathBuf {
    let path = world.path(&format!("bin/{name}"));
    let real = env!("CARGO_BIN_EXE_agentlab");
    // What another release has set, this one has not.
    let text = format!(
        "#!/bin/sh\n# {name}\ndir=$(dirname \"$(readlink -f \"$0\")\")\n\
         for variable in KILL STOP PAUSE BLOCK FREEZE; do unset AGENTLAB_TEST_${{variable}}_AT; done\n\
         [ -e \"$dir/real\" ] || ln {real} \"$dir/real\" 2>/dev/null || [ -e \"$dir/real\" ] || cp {real} \"$dir/real\"\n\
         {what}\nexec \"$dir/real\" \"$@\"\n"
    );
    write_script(&path, &text);
    path
}

pub(super) fn update(world: &World, path: &Path) -> crate::world::Ended {
    world.run(&["update", path.to_str().unwrap()])
}

/// The releases of this world, and the one in place.
pub(super) fn home(world: &World) -> Home {
    Home::at(world.home()).unwrap()
}

pub(super) fn current(world: &World) -> String {
    releases::current(&home(world)).unwrap().name
}

/// Which release the ready process at each post runs.
pub(super) fn runs(world: &World) -> Vec<String> {
    let rows = world.sql("SELECT commit_hash FROM process WHERE ready_at IS NOT NULL ORDER BY role, slot");
    rows.iter().map(|row| row["commit_hash"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Three chats, each with a task that runs for a while; the message of each.
pub(super) fn three_tasks(api: &BotApi, seconds: u32) -> [i64; 3] {
    let chats = [-30, -40, -50];
    for (n, chat) in chats.into_iter().enumerate() {
        let half = f64::from(seconds) / 2.0;
        let script = format!("[[tool: Bash first]] [[sleep: {half}]] [[tool: Bash second]] [[sleep: {half}]]");
        api.user_says(chat, ANN, &format!("{script} [[say: answer-{n}.]]"));
    }
    for chat in chats {
        api.wait_for_text(chat, "Bash: first", LONG);
    }
    chats
}

/// Each of the three was answered once, in the message that it began with, by the run that it began with.
pub(super) fn answered_once(world: &World, api: &BotApi, chats: [i64; 3]) {
    for (n, chat) in chats.into_iter().enumerate() {
        api.wait_for_text(chat, &format!("answer-{n}."), LONG);
        let answers =
            api.messages(chat).iter().filter(|message| message.text.contains(&format!("answer-{n}."))).count();
        assert_eq!(answers, 1, "{}", api.transcript(chat));
    }
    assert_eq!(world.count("SELECT COUNT(*) FROM run WHERE attempt > 1"), 0, "no task was begun again");
}

#[test]
fn an_update_while_three_tasks_run_is_noticed_by_none_of_them_and_is_on_trial() {
    let api = BotApi::start();
    let world = side_by_side(&api);
    let mut up = world.up();
    let look = Look::into(&world);
    let chats = three_tasks(&api, 8);
    let before = names(&look);
    let ended = update(&world, &release(&world, "new", ""));
    assert!(ended.code == Some(0) && ended.stdout.contains("on trial for"), "{ended:?}");
    let new = current(&world);
    assert_eq!(runs(&world), vec![new.clone(); 6], "everything runs from it");
    assert_eq!(world.count("SELECT COUNT(*) FROM crash WHERE kind = 'crash'"), 0, "nobody crashed");
    for (now, before) in names(&look).iter().zip(&before) {
        assert!(now.0 == before.0 && now.1 != before.1, "{now:?} {before:?}");
    }
    answered_once(&world, &api, chats);
    // The old one can be returned to: it was taken as a release before it was left.
    let old = releases::last_healthy(&home(&world)).unwrap();
    assert!(old.name != new && old.ran_at.is_some());
    let status = world.run(&["status"]).stdout;
    assert!(status.contains(&format!("release: {new} (")) && status.contains("on trial after"), "{status}");
    let again = update(&world, &world.path("bin/new"));
    assert!(again.code == Some(0) && again.stdout.contains("runs already"), "{again:?}");
    assert_eq!(world.count("SELECT COUNT(*) FROM audit WHERE action = 'update' AND actor = 'the terminal'"), 1);
    up.wait_for_line("ready:", LONG);
    let ended = up.stop();
    assert_eq!((ended.code, ended.stdout.matches("ready:").count()), (Some(0), 2), "{ended:?}");
    wait_until("nobody is left behind", LONG, || world.living().is_empty());
    // The next start is of the new one, whatever executable is called.
    let up = world.up();
    assert_eq!(runs(&world), vec![new; 6]);
    assert_eq!(up.stop().code, Some(0));
}

#[test]
fn a_rollback_by_hand_returns_to_what_ran_before_and_marks_what_it_left() {
    let api = BotApi::start();
    let world = side_by_side(&api);
    let never = world.run(&["rollback"]);
    assert!(never.code == Some(1) && never.stderr.contains("was never updated"), "{never:?}");
    let _up = world.up();
    let [first, second] = ["first", "second"].map(|name| release(&world, name, ""));
    assert_eq!(update(&world, &first).code, Some(0));
    let before = current(&world);
    assert_eq!(update(&world, &second).code, Some(0));
    let left = current(&world);
    let chats = three_tasks(&api, 4);
    let back: Value = serde_json::from_str(&world.run(&["--json", "rollback"]).stdout).unwrap();
    assert_eq!((back["release"]["name"].as_str(), back["from"].as_str()), (Some(&*before), Some(&*left)), "{back}");
    assert_eq!(back["trial"], Value::Null, "what was returned to is not on trial");
    assert_eq!(runs(&world), vec![before.clone(); 6]);
    answered_once(&world, &api, chats);
    let bad = releases::read(&home(&world), &left).unwrap().bad.unwrap();
    assert_eq!((bad.why.as_str(), bad.by_itself), ("rolled back by hand", false));
    // What a person left comes back only when a person says so.
    let refused = update(&world, &second);
    assert!(
        refused.code == Some(1) && refused.stderr.contains("--again") && refused.stderr.contains("by hand"),
        "{refused:?}"
    );
    assert_eq!(current(&world), before);
    let again = world.run(&["update", second.to_str().unwrap(), "--again"]);
    assert_eq!((again.code, current(&world)), (Some(0), left.clone()), "{again:?}");
    let named = world.run(&["rollback", &before]);
    assert_eq!((named.code, current(&world)), (Some(0), before.clone()), "{named:?}");
    let unknown = world.run(&["rollback", "nothing"]);
    assert!(unknown.code == Some(1) && unknown.stderr.contains(&before), "{unknown:?}");
    assert_eq!(world.count("SELECT COUNT(*) FROM audit WHERE action = 'rollback'"), 2);
}

#[test]
fn where_nothing_runs_an_update_begins_with_the_next_start_and_what_does_not_fit_changes_nothing() {
    let world = World::new();
    let nowhere = world.run(&["update"]);
    assert!(nowhere.code == Some(2) && nowhere.stderr.contains("give an executable or a checkout"), "{nowhere:?}");
    let ended = update(&world, &release(&world, "new", ""));
    assert!(ended.code == Some(0) && ended.stdout.contains("from the next start on"), "{ended:?}");
    let new = current(&world);
    for (name, what, words) in [
        ("refuses", "if [ \"$2\" = fit ]; then echo '{\"error\": \"it wants more\"}'; exit 78; fi", "it wants more"),
        ("silent", "exit 1", "does not answer"),
        ("another", "echo hello; exit 0", "does not answer as agentlab does"),
    ] {
        let refused = update(&world, &release(&world, name, what));
        assert!(refused.code == Some(1) && refused.stderr.contains(words), "{refused:?}");
    }
    fs::write(world.path("bin/text"), "no program").unwrap();
    let refused = update(&world, &world.path("bin/text"));
    assert!(refused.code == Some(1) && refused.stderr.contains("does not fit this home"), "{refused:?}");
    assert_eq!((current(&world), releases::all(&home(&world)).len()), (new.clone(), 2), "nothing is left of them");
    let up = world.up();
    assert_eq!(runs(&world), vec![new; 5]);
    assert_eq!(up.stop().code, Some(0));
    assert!(world.living().is_empty());
}
