use std::{collections::BTreeMap, os::unix::fs::PermissionsExt};

use secrecy::SecretString;

use super::*;

const WORKER: Post = Post { role: Role::Worker, slot: 1 };
const SUPERVISOR: Post = Post { role: Role::Supervisor, slot: 0 };

fn home() -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("h")).unwrap();
    (folder, home)
}

fn release() -> Release {
    Release { version: "0.1.0".into(), commit: Some("98fff82c0ffe".into()) }
}

fn death(name: &str, how: How) -> Death {
    Death {
        at: clock::now_ms(),
        post: WORKER,
        name: Some(name.into()),
        release: release(),
        born: Born { installed_at: Some(clock::now_ms()), committed_at: None },
        how,
        last: None,
        was_ready: Some(true),
        asked: false,
    }
}

fn start(name: String) -> Entry {
    Entry {
        at: 1,
        kind: Kind::Start,
        process: "bot".into(),
        name: Some(name),
        version: "0.1.0".into(),
        commit: None,
        reason: "x".repeat(300),
        was_ready: None,
        suspect: false,
        unseen: false,
    }
}

fn beat() -> Beat {
    Beat {
        name: "supervisor.A".into(),
        identity: Identity { pid: 1, ..Identity::own().unwrap() },
        version: "0.1.0".into(),
        commit: Some("98fff82c0ffe".into()),
        committed_at: None,
        installed_at: None,
        config: String::new(),
        ready: true,
        asked: false,
        ended: false,
        beats: 1,
        note: None,
        kept_by: None,
        loops: BTreeMap::new(),
    }
}

#[test]
fn the_third_crash_makes_its_release_suspect_and_each_is_a_line_with_its_reason() {
    let (_folder, home) = home();
    let note = |death: &Death| super::note(&home, death, &Redaction::default(), &[]);
    let panic = Death { last: Some("panicked".into()), ..death("b", How::Exited(101)) };
    assert_eq!(note(&death("a", How::Signalled(9))).unwrap().1, None);
    assert_eq!(note(&panic).unwrap().0.reason, "exit code 101: panicked");
    let (entry, found) = note(&death("c", How::Signalled(11))).unwrap();
    assert!(entry.suspect && found.unwrap().words().contains("is suspect: 3 crashes in 30 minutes"));
    let lines = read(&home);
    assert_eq!(lines.iter().map(|line| line.suspect).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(lines[2], entry);
    assert_eq!(lines[0].commit.as_deref(), Some("98fff82c0ffe"));
    let mode = fs::metadata(home.crash_history()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_crash_that_is_known_is_not_noted_again_and_what_is_no_crash_never() {
    let (_folder, home) = home();
    let note = |death: &Death| super::note(&home, death, &Redaction::default(), &[]);
    assert!(note(&death("a", How::Signalled(9))).is_some());
    assert!(note(&death("a", How::Unseen)).is_none());
    assert!(note(&death("b", How::Exited(75))).is_none());
    assert!(note(&Death { asked: true, ..death("c", How::Exited(42)) }).is_none());
    let nameless = Death { name: None, ..death("", How::Exited(1)) };
    assert!(note(&nameless).is_some() && note(&nameless).is_some(), "two that never gave a name are two");
    assert_eq!(read(&home).len(), 3);
}

#[test]
fn crashes_that_the_file_could_not_take_still_count() {
    let (_folder, home) = home();
    fs::create_dir(home.crash_history()).unwrap();
    let mut more = Vec::new();
    for name in ["a", "b", "c"] {
        let (entry, found) = note(&home, &death(name, How::Signalled(9)), &Redaction::default(), &more).unwrap();
        assert_eq!(found.is_some(), name == "c");
        more.push(entry);
    }
    assert!(read(&home).is_empty());
}

#[test]
fn a_secret_in_last_words_is_not_kept() {
    let (_folder, home) = home();
    let secrets = Redaction::of_logs(&[SecretString::from("123456:AAbbCCddEEff".to_owned())]);
    let told = Death { last: Some("bot123456:AAbbCCddEEff/getMe".into()), ..death("a", How::Exited(1)) };
    let (entry, _) = note(&home, &told, &secrets, &[]).unwrap();
    assert_eq!(entry.reason, "exit code 1: bot[secret]/getMe");
    let last = Some(format!("{}123456:AAbbCCddEEff", "x".repeat(390)));
    let (entry, _) = note(&home, &Death { last, ..death("b", How::Exited(1)) }, &secrets, &[]).unwrap();
    assert!(!entry.reason.contains("1234"), "{}", entry.reason);
}

#[test]
fn it_is_bounded_and_one_old_part_is_kept() {
    let (_folder, home) = home();
    let mut longest = 0;
    for number in 0..5000 {
        append(&home, &start(format!("bot.{number}"))).unwrap();
        longest = longest.max(fs::metadata(home.crash_history()).unwrap().len());
    }
    let old = fs::metadata(old_part(&home.crash_history())).unwrap().len();
    assert!(longest < LONGEST + 1000 && old < LONGEST + 1000);
    let lines = read(&home);
    assert!(lines.len() > 1000 && lines.len() < 5000);
    assert_eq!(lines.last().unwrap().name.as_deref(), Some("bot.4999"));
    let numbers = lines.iter().map(|line| line.name.clone().unwrap()[4..].parse::<u32>().unwrap());
    assert!(numbers.collect::<Vec<_>>().windows(2).all(|two| two[0] + 1 == two[1]), "no gap and in order");
}

#[test]
fn many_that_append_at_once_lose_no_line_of_the_last_two_parts_and_mix_none() {
    let (_folder, home) = home();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let home = &home;
            scope.spawn(move || {
                for number in 0..600 {
                    append(home, &start(format!("{thread}.{number}"))).unwrap();
                }
            });
        }
    });
    // 2,400 lines of 400 bytes: set aside once, so nothing was dropped.
    assert_eq!(read(&home).len(), 2400);
}

#[test]
fn a_line_that_a_full_disk_cut_spoils_no_other() {
    let (_folder, home) = home();
    append(&home, &start("a".into())).unwrap();
    let mut bytes = fs::read(home.crash_history()).unwrap();
    bytes.extend_from_slice(b"{\"at\":12,\"ki");
    fs::write(home.crash_history(), bytes).unwrap();
    append(&home, &start("b".into())).unwrap();
    let names: Vec<_> = read(&home).into_iter().filter_map(|line| line.name).collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn a_supervisor_that_was_killed_is_noted_by_the_next_one_and_by_no_other_process() {
    let (_folder, home) = home();
    let died = beat();
    began(&home, WORKER, "worker-1.B", Some(&died));
    assert!(read(&home).iter().all(|line| line.kind == Kind::Start), "a supervisor notes what a worker does not");
    began(&home, SUPERVISOR, "supervisor.B", Some(&died));
    let lines = read(&home);
    assert_eq!((lines[1].kind, lines[1].process.as_str()), (Kind::Crash, "supervisor"));
    assert!(lines[1].reason.starts_with("nobody knows how") && lines[1].was_ready == Some(true));
    assert_eq!((lines[2].kind, lines[2].name.as_deref()), (Kind::Start, Some("supervisor.B")));
    began(&home, SUPERVISOR, "supervisor.C", Some(&died));
    assert_eq!(read(&home).iter().filter(|line| line.kind == Kind::Crash).count(), 1, "once");
}

#[test]
fn a_reboot_an_orderly_end_and_an_end_that_was_asked_for_are_no_crash() {
    let (_folder, home) = home();
    let mut rebooted = beat();
    rebooted.identity.boot = "another boot".into();
    let itself = Beat { identity: Identity::own().unwrap(), ..beat() };
    for before in [rebooted, itself, Beat { ended: true, ..beat() }, Beat { asked: true, ..beat() }] {
        began(&home, SUPERVISOR, "supervisor.B", Some(&before));
    }
    began(&home, SUPERVISOR, "supervisor.B", None);
    let kinds: Vec<Kind> = read(&home).into_iter().map(|line| line.kind).collect();
    assert_eq!(kinds, [Kind::Start; 5]);
}
