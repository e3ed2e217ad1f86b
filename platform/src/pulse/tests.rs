use agentlab_domain::role::Post;

use super::*;
use crate::home::Home;

fn pulse(folder: &tempfile::TempDir) -> (Home, Pulse) {
    let home = Home::at(folder.path().join("h")).unwrap();
    let own = Identity::own().unwrap();
    let path = home.pulse(POST);
    (home, Pulse::begin(&path, ("worker-1.X", &own), "config", &Arc::default()).unwrap())
}

const POST: Post = Post { role: agentlab_domain::role::Role::Worker, slot: 1 };

#[tokio::test]
async fn it_has_beaten_when_it_begins_and_a_loop_that_does_not_turn_is_late() {
    let folder = tempfile::tempdir().unwrap();
    let (home, pulse) = pulse(&folder);
    let first = read(&home, POST).unwrap();
    assert!(first.beats == 1 && !first.ready && first.identity == Identity::own().unwrap());
    pulse.ready();
    assert!(read(&home, POST).unwrap().ready);
    let (turning, frozen, resting) = (pulse.turns("turning"), pulse.turns("frozen"), pulse.turns("resting"));
    frozen.turn(Duration::from_millis(100));
    resting.turn(Duration::from_millis(1));
    resting.rest();
    let beat = loop {
        turning.turn(Duration::from_mins(1));
        let beat = read(&home, POST).unwrap();
        if beat.latest().is_some() {
            break beat;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(beat.latest().unwrap().0, "frozen");
    assert!(beat.loops["turning"].turns > 1 && beat.loops["resting"].late_ms == 0);
}

#[tokio::test]
async fn only_an_orderly_end_says_that_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (home, first) = pulse(&folder);
    assert!(!read(&home, POST).unwrap().ended);
    drop(first);
    let last = read(&home, POST).unwrap();
    assert!(last.ended && !last.asked);
    let (_, second) = pulse(&folder);
    assert!(!read(&home, POST).unwrap().ended, "the next one begins anew");
    let died = std::thread::spawn(move || {
        let _pulse = second;
        panic!("a test's panic");
    });
    assert!(died.join().is_err());
    assert!(!read(&home, POST).unwrap().ended);
}

#[tokio::test]
async fn what_an_earlier_process_left_in_the_file_does_not_stand_behind_a_beat() {
    let folder = tempfile::tempdir().unwrap();
    let path = Home::at(folder.path().join("h")).unwrap().pulse(POST);
    std::fs::write(path, "x".repeat(3 * SIZE)).unwrap();
    let (home, _pulse) = pulse(&folder);
    assert_eq!(read(&home, POST).unwrap().name, "worker-1.X");
}

#[test]
fn a_thread_that_did_not_run_does_not_count_the_time() {
    let every = Duration::from_secs(1);
    let mut last = clock::instant().checked_sub(Duration::from_mins(1)).unwrap();
    assert_eq!(passed(&mut last, every), every);
}

#[tokio::test(flavor = "current_thread")]
async fn a_runtime_that_never_turns_is_late_too() {
    let folder = tempfile::tempdir().unwrap();
    let (home, _pulse) = pulse(&folder);
    let began = clock::instant();
    // This thread is the runtime's, and waits for nothing.
    while read(&home, POST).unwrap().latest().is_none() {
        assert!(began.elapsed() < RUNTIME * 5, "nobody said so");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(read(&home, POST).unwrap().latest().unwrap().0, RUNTIME_LOOP);
}

#[tokio::test]
async fn a_pulse_that_somebody_removed_is_there_again_with_the_next_beat() {
    let folder = tempfile::tempdir().unwrap();
    let (home, pulse) = pulse(&folder);
    std::fs::remove_file(home.pulse(POST)).unwrap();
    assert_eq!(read(&home, POST), None);
    pulse.ready();
    assert!(read(&home, POST).unwrap().ready);
}

#[tokio::test]
async fn an_end_is_said_while_something_still_has_the_pulse() {
    let folder = tempfile::tempdir().unwrap();
    let (home, pulse) = pulse(&folder);
    let ending = pulse.ending();
    assert!(!read(&home, POST).unwrap().ended);
    drop(ending);
    assert!(read(&home, POST).unwrap().ended);
    pulse.ready();
    assert!(read(&home, POST).unwrap().ended, "no later beat takes it back");
}
