//! The WAL is taken away under a running system, or cut to nothing: it is noticed, everybody lets go of the database and starts again,
//! and what the journal has is put back. What was accepted in between is there too, what ran runs on, and the owner is told.

use std::{
    fs,
    path::{Path, PathBuf},
};

use agentlab_stand_ins::BotApi;

use crate::world::{ANN, LONG, World, wait_until};

fn wal(world: &World) -> PathBuf {
    world.home().join("agentlab.db-wal")
}

/// What is done to the WAL.
fn remove(wal: &Path) {
    fs::remove_file(wal).unwrap();
}

fn cut(wal: &Path) {
    fs::File::options().write(true).open(wal).unwrap().set_len(0).unwrap();
}

#[test]
fn a_wal_that_is_removed_under_a_running_system_costs_nothing() {
    lost(remove);
}

#[test]
fn a_wal_that_is_cut_to_nothing_under_a_running_system_costs_nothing() {
    lost(cut);
}

fn lost(how: fn(&Path)) {
    let api = BotApi::start();
    let log = tempfile::NamedTempFile::new().unwrap();
    let world = World::with_bot(&api);
    let append = |word: &str| format!("[[append: {} {word}]] [[say: {word}.]]", log.path().display());
    let up = world.up();
    api.user_says(ANN, ANN, &append("one"));
    api.wait_for_text(ANN, "one.", LONG);
    let asked = world.start(&["ask", &format!("[[sleep: 15]] {}", append("through"))]);
    wait_until("it runs", LONG, || world.count("SELECT COUNT(*) FROM run WHERE state = 'running'") == 1);
    let run = world.sql("SELECT id FROM run WHERE state = 'running'")[0]["id"].as_str().unwrap().to_owned();
    assert!(fs::metadata(wal(&world)).unwrap().len() > 0);
    how(&wal(&world));
    // At once, before anybody can have noticed.
    api.user_says(ANN, ANN, &append("during"));
    wait_until("it is put back", LONG, || world.home().join("restored.json").exists());
    api.wait_for_text(ANN, "put back from the journal", LONG);
    api.wait_for_text(ANN, "during.", LONG);
    let ended = asked.end(LONG);
    assert!(ended.code == Some(0) && ended.stdout.starts_with("through."), "{ended:?}");
    api.user_says(ANN, ANN, &append("later"));
    api.wait_for_text(ANN, "later.", LONG);
    let runs = world.sql("SELECT id FROM run WHERE job_id = (SELECT id FROM job WHERE number = 2)");
    assert!(runs.len() == 1 && runs[0]["id"] == run.as_str(), "adopted: {runs:?}");
    assert_eq!(world.count("SELECT COUNT(*) FROM job WHERE state = 'done'"), 4);
    assert_eq!(world.count("SELECT COUNT(*) FROM job"), 4);
    let mut done: Vec<String> = fs::read_to_string(log.path()).unwrap().split_whitespace().map(str::to_owned).collect();
    done.sort();
    assert_eq!(done, ["during", "later", "one", "through"], "each once");
    wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
    for word in ["one.", "during.", "later."] {
        let said = api.messages(ANN).iter().filter(|message| message.text.starts_with(word)).count();
        assert_eq!(said, 1, "{word}: {}", api.transcript(ANN));
    }
    let doctor = world.run(&["doctor"]);
    assert!(doctor.stdout.contains("put back from the journal"), "{doctor:?}");
    assert_eq!(world.sql("SELECT integrity_check FROM pragma_integrity_check")[0]["integrity_check"], "ok");
    assert_eq!(up.stop().code, Some(0));
}
