//! Lines that are whole, cut, changed, taken back and cut off into segments.

use std::fs;

use serde_json::json;

use super::*;
use crate::home::Home;

fn home() -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("h")).unwrap();
    (folder, home)
}

fn line(seq: i64) -> Line {
    let row = json!({ "id": format!("job-{seq}"), "cost": 0.1, "number": seq, "reason": null, "prompt": "Grüße \u{1F980}\n" });
    let put = BTreeMap::from([("job".to_owned(), vec![row.as_object().unwrap().clone()])]);
    Line {
        db: "a".into(),
        seq,
        at: 5,
        put,
        gone: BTreeMap::from([("hold".into(), vec![vec![json!(1)]])]),
        whole: seq == 1,
        head: false,
        from: None,
    }
}

fn numbers(journal: &Journal) -> Vec<i64> {
    journal.lines.iter().map(|line| line.seq).collect()
}

#[test]
fn what_was_appended_is_read_again_above_a_number() {
    let (_folder, home) = home();
    assert!(!exists(&home));
    for seq in 1..=5 {
        append(&home, &line(seq)).unwrap();
    }
    assert!(exists(&home));
    let journal = read(&home, Some("a"), 3).unwrap();
    assert_eq!(journal.lines, [line(4), line(5)]);
    assert_eq!((journal.missing, journal.unreadable, journal.foreign), (0, 0, 0));
    let other = read(&home, Some("b"), 0).unwrap();
    assert_eq!((other.lines.len(), other.foreign), (0, 5));
}

#[test]
fn of_two_of_one_number_the_later_counts_and_one_that_was_taken_back_is_gone() {
    let (_folder, home) = home();
    append(&home, &line(1)).unwrap();
    append(&home, &Line { at: 1, ..line(2) }).unwrap();
    append(&home, &Line { at: 2, ..line(2) }).unwrap();
    let back = append(&home, &line(3)).unwrap();
    back.take_back();
    let journal = read(&home, Some("a"), 0).unwrap();
    assert_eq!((numbers(&journal), journal.lines[1].at), (vec![1, 2], 2));
    // Not once another one stands behind it.
    let early = append(&home, &line(3)).unwrap();
    append(&home, &line(4)).unwrap();
    early.take_back();
    assert_eq!(numbers(&read(&home, Some("a"), 0).unwrap()), [1, 2, 3, 4]);
}

#[test]
fn a_line_cut_anywhere_or_with_any_byte_changed_is_none_and_costs_no_other() {
    let (_folder, home) = home();
    let whole = line(2).seal().unwrap();
    for cut in 0..whole.len() - 1 {
        fs::write(home.journal(), [&line(1).seal().unwrap()[..], &whole[..cut]].concat()).unwrap();
        append(&home, &line(3)).unwrap();
        let journal = read(&home, Some("a"), 0).unwrap();
        assert_eq!(numbers(&journal), [1, 3], "cut at {cut}");
        assert_eq!((journal.missing, journal.unreadable), (1, usize::from(cut > 0)), "cut at {cut}");
    }
    for at in 0..whole.len() - 1 {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x01;
        fs::write(home.journal(), [&line(1).seal().unwrap()[..], &bytes, &line(3).seal().unwrap()].concat()).unwrap();
        let journal = read(&home, Some("a"), 0).unwrap();
        assert!(!numbers(&journal).contains(&2) || journal.lines.contains(&line(2)), "changed at {at}");
    }
}

#[test]
fn a_database_that_stands_before_the_journal_appends_nothing() {
    let (_folder, home) = home();
    for seq in 1..=3 {
        append(&home, &line(seq)).unwrap();
    }
    assert!(matches!(append(&home, &line(2)), Err(NotAppended::Behind { last: 3 })));
    append(&home, &line(3)).unwrap();
    append(&home, &Line { db: "b".into(), ..line(1) }).unwrap();
}

#[test]
fn what_is_cut_off_is_read_until_it_is_forgotten() {
    let (_folder, home) = home();
    rotate(&home, "a", 0).unwrap();
    for seq in 1..=9 {
        append(&home, &line(seq)).unwrap();
        if seq % 3 == 0 {
            rotate(&home, "a", seq).unwrap();
        }
    }
    append(&home, &line(9)).unwrap();
    rotate(&home, "a", 9).unwrap();
    append(&home, &line(10)).unwrap();
    assert_eq!(numbers(&read(&home, Some("a"), 0).unwrap()), (1..=10).collect::<Vec<_>>());
    forget(&home, 5).unwrap();
    let journal = read(&home, Some("a"), 0).unwrap();
    assert_eq!((numbers(&journal), journal.missing), ((4..=10).collect::<Vec<_>>(), 3));
}

#[test]
fn where_nothing_can_be_cut_off_the_journal_stays_as_it_is_and_what_is_in_the_way_is_named() {
    let (_folder, home) = home();
    append(&home, &line(1)).unwrap();
    let before = fs::read(home.journal()).unwrap();
    fs::write(home.journal_segments(), "in the way").unwrap();
    let words = rotate(&home, "a", 1).unwrap_err().to_string();
    assert!(words.contains(&format!("{} is in the way", home.journal_segments().display())), "{words}");
    assert_eq!(fs::read(home.journal()).unwrap(), before);
    assert_eq!(
        fs::read_dir(home.path()).unwrap().flatten().filter(|entry| entry.path().is_file()).count(),
        2,
        "no half"
    );
    append(&home, &line(2)).unwrap();
}

#[test]
fn what_is_no_file_in_the_place_of_the_journal_is_said_and_keeps_nobody_waiting() {
    let (_folder, home) = home();
    assert_eq!(in_the_way(&home), None);
    let make: [fn(&Home); 2] = [
        |home| fs::create_dir(home.journal()).unwrap(),
        |home| nix::unistd::mkfifo(&home.journal(), nix::sys::stat::Mode::S_IRWXU).unwrap(),
    ];
    for make in make {
        make(&home);
        let why = in_the_way(&home).unwrap();
        assert!(why.contains("move it away"), "{why}");
        let NotAppended::Io(error) = append(&home, &line(1)).unwrap_err() else { panic!("it is no line") };
        assert_eq!(error.to_string(), why);
        assert!(read(&home, None, 0).is_err() && ends_at(&home, "a", 1).is_err());
        let _ = fs::remove_dir(home.journal()).or_else(|_| fs::remove_file(home.journal()));
    }
    append(&home, &line(1)).unwrap();
    assert_eq!(in_the_way(&home), None);
}

#[test]
fn numbers_that_were_skipped_on_purpose_are_not_missing_and_what_was_given_up_leads_nowhere() {
    let (_folder, home) = home();
    for seq in 1..=3 {
        append(&home, &line(seq)).unwrap();
    }
    let far = Leap::after(4, 0);
    assert_eq!(Leap::after(4, far.to + 7).to, far.to + 7);
    // The fourth was never known here.
    leap(&home, "a", far).unwrap();
    assert!(is_noted(&home) && ends_at(&home, "a", far.to).unwrap());
    let empty = read(&home, Some("a"), 2).unwrap();
    assert_eq!((numbers(&empty), empty.top, empty.missing, empty.goes_on), (vec![3], far.to, 1, true));
    append(&home, &line(far.to + 1)).unwrap();
    for (from, found, missing, leads_to) in [
        (1, vec![2, 3, far.to + 1], 1, 3),
        (4, vec![far.to + 1], 0, far.to + 1),
        (far.to, vec![far.to + 1], 0, far.to + 1),
        (far.to + 1, vec![], 0, far.to + 1),
        (5, vec![], 0, 5),
    ] {
        let journal = read(&home, Some("a"), from).unwrap();
        assert_eq!((numbers(&journal), journal.missing), (found, missing), "from {from}");
        assert_eq!((journal.leads_to(from), journal.goes_on), (leads_to, from != 5), "from {from}");
        assert_eq!(journal.top, if from == 5 { 5 } else { far.to + 1 });
    }
    // Of another database, it says nothing of this one.
    assert_eq!(read(&home, Some("b"), 5).unwrap().leaps, []);
}
