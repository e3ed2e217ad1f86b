use std::os::unix::process::ExitStatusExt;

use agentlab_domain::crash::How;

use super::*;
use crate::{
    crashes::death_of,
    errand::{Answer, Errand},
};

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "any child will do")]
async fn a_child_that_ended_and_was_not_collected_is_still_who_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("h")).unwrap();
    let post = Post { role: Role::Worker, slot: 1 };
    let mut child = tokio::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
    let identity = Identity::of(child.id().unwrap().cast_signed()).unwrap().unwrap();
    let stdin = child.stdin.take();
    let mut state = State { child: Some(child), person: Some(Person::new(identity.clone())), ..State::default() };
    drop(stdin);
    // As between two lines of one look: it ends, and nobody has asked for its status yet.
    while identity.living() == Living::Yes {
        std::thread::yield_now();
    }
    recognise(&home, post, &mut state);
    assert_eq!(state.person.as_ref().map(|person| &person.identity), Some(&identity));
    let ended = loop {
        if let (_, Some(fallen)) =
            look(&home, post, &mut state, Ran { since: Duration::ZERO, every: Duration::ZERO }, None, None)
        {
            break fallen;
        }
        tokio::task::yield_now().await;
    };
    assert!(ended.person.is_some(), "so its end is told from one before it was ready");
}

/// A PID that nobody has.
const NOBODY: i32 = 0x7fff_fff0;

/// Writes the pulse of somebody who was ready, was asked to stop and ended.
fn beat(home: &Home, post: Post, name: &str, pid: i32) {
    let boot = Identity::own().unwrap().boot;
    let beat = format!(
        r#"{{"name": "{name}", "identity": {{"boot": "{boot}", "pid": {pid}, "start": 1}}, "version": "0.0.1",
        "commit": "0ld", "config": "", "ready": true, "asked": true, "ended": true, "beats": 7, "note": null, "loops": {{}}}}"#
    );
    std::fs::create_dir_all(home.run()).unwrap();
    std::fs::write(home.pulse(post), beat).unwrap();
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "any child will do")]
async fn a_child_that_ended_before_anybody_knew_who_it_is_is_not_taken_for_the_one_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("h")).unwrap();
    let post = Post { role: Role::Console, slot: 0 };
    let died = async |speaks: bool| {
        let child = tokio::process::Command::new("sh").args(["-c", "exit 101"]).spawn().unwrap();
        let pid = child.id().unwrap().cast_signed();
        beat(&home, post, "console.BEAT", if speaks { pid } else { NOBODY });
        while Identity::of(pid).unwrap().is_some() {
            std::thread::yield_now();
        }
        let mut state = State { child: Some(child), ..State::default() };
        loop {
            let ran = Ran { since: Duration::ZERO, every: Duration::ZERO };
            if let (_, Some(fallen)) = look(&home, post, &mut state, ran, None, None) {
                break death_of(&home, &fallen);
            }
            tokio::task::yield_now().await;
        }
    };
    let silent = died(false).await;
    assert_eq!((silent.name, silent.was_ready, silent.asked), (None, Some(false), false), "a crash of its own");
    assert_eq!(silent.how, How::Exited(101));
    assert_eq!(died(true).await.name.as_deref(), Some("console.BEAT"));
}

#[tokio::test]
async fn who_died_before_his_first_beat_is_not_taken_for_the_one_before_him() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("h")).unwrap();
    let post = Post { role: Role::Worker, slot: 1 };
    let ran = Ran { since: Duration::ZERO, every: Duration::ZERO };
    let died = async |speaks: bool| {
        beat(&home, post, "worker-1.OLD", NOBODY);
        let status = Some(ExitStatus::from_raw(11));
        let errand = Errand::out(&home, post, async move { Answer { status, words: None } });
        if speaks {
            beat(&home, post, "worker-1.NEW", NOBODY);
        }
        let mut state = State { errand: Some(errand), ..State::default() };
        loop {
            if let (_, Some(fallen)) = look(&home, post, &mut state, ran, None, None) {
                break death_of(&home, &fallen);
            }
            tokio::task::yield_now().await;
        }
    };
    let silent = died(false).await;
    assert_eq!((silent.name, silent.was_ready), (None, Some(false)));
    assert_ne!(silent.release.commit.as_deref(), Some("0ld"), "the one before him ended as he was asked to");
    assert_eq!(silent.how, How::Signalled(11));
    let spoke = died(true).await;
    assert_eq!(spoke.name.as_deref(), Some("worker-1.NEW"), "who has said who he is is known");
}
