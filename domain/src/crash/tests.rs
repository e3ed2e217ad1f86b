use super::*;

const MINUTE: i64 = 60_000;
const NOW: i64 = 1_795_340_000_000;

fn release(version: &str, commit: Option<&str>) -> Release {
    Release { version: version.into(), commit: commit.map(str::to_owned) }
}

fn ours() -> Release {
    release("0.1.0", Some("98fff82c0ffe"))
}

const fn installed(minutes_ago: i64) -> Born {
    Born { installed_at: Some(NOW - minutes_ago * MINUTE), committed_at: None }
}

/// Crashes of our release so many milliseconds ago.
fn crashes(ago: &[i64]) -> Vec<(i64, Release)> {
    ago.iter().map(|ago| (NOW - ago, ours())).collect()
}

fn judge(born: Born, crashes: &[(i64, Release)]) -> Option<Suspicion> {
    suspicion(&ours(), born, crashes, NOW, Spans::default())
}

#[test]
fn every_end_asked_for_or_not_is_a_crash_or_none() {
    let hung = || How::Hung("its loop `intake` did not turn for 12 s".into());
    // The end; whether it is one when nobody asked, and when somebody did.
    let table = [
        (How::Exited(0), true, false),
        (How::Exited(42), true, false),
        (How::Exited(69), false, false),
        (How::Exited(75), false, false),
        (How::Exited(78), false, false),
        (How::Exited(1), true, true),
        (How::Exited(2), true, true),
        (How::Exited(101), true, true),
        (How::Signalled(9), true, false),
        (How::Signalled(15), true, false),
        (How::Signalled(10), true, false),
        (How::Signalled(4), true, true),
        (How::Signalled(6), true, true),
        (How::Signalled(8), true, true),
        (How::Signalled(11), true, true),
        (hung(), true, true),
        (How::Found, true, false),
        (How::Unseen, true, false),
    ];
    for (how, unasked, asked) in table {
        assert_eq!((is_crash(&how, false), is_crash(&how, true)), (unasked, asked), "{how:?}");
    }
}

#[test]
fn an_end_is_worded_with_what_is_known_of_it() {
    assert_eq!(words(&How::Signalled(11), None), "ended by signal 11");
    assert_eq!(words(&How::Signalled(6), Some("stack overflow")), "ended by signal 6: stack overflow");
    assert_eq!(words(&How::Exited(101), Some(" panicked at x ")), "exit code 101: panicked at x");
    assert_eq!(words(&How::Exited(101), Some("  ")), "exit code 101");
    assert_eq!(words(&How::Exited(0), None), "exit code 0, though nobody had asked for it");
    assert_eq!(words(&How::Hung("stood still".into()), None), "hung: stood still");
    assert_eq!(words(&How::Found, None), "nobody knows how: an earlier supervisor had started it");
    assert!(words(&How::Unseen, None).starts_with("nobody knows how: it ended while no supervisor looked"));
    let long = words(&How::Exited(1), Some(&"ä".repeat(5000)));
    assert_eq!(long.chars().count(), "exit code 1: ".len() + LONGEST);
}

#[test]
fn three_crashes_of_a_young_release_make_it_suspect_and_two_do_not() {
    assert_eq!(judge(installed(12), &crashes(&[0, MINUTE])), None);
    let found = judge(installed(12), &crashes(&[20 * MINUTE, MINUTE, 0])).unwrap();
    assert_eq!(found.words(), "release 0.1.0 (98fff82c0ffe) is suspect: 3 crashes in 30 minutes, it is 12 minutes old");
    assert_eq!(judge(installed(12), &crashes(&[3, 2, 1, 0])).unwrap().crashes, 4);
    assert_eq!(judge(installed(12), &[]), None);
}

#[test]
fn exactly_half_an_hour_is_within_it_and_a_millisecond_more_is_not() {
    assert!(judge(installed(1), &crashes(&[30 * MINUTE, MINUTE, 0])).is_some());
    assert!(judge(installed(1), &crashes(&[30 * MINUTE + 1, MINUTE, 0])).is_none());
}

#[test]
fn an_hour_is_not_young_and_a_millisecond_less_is() {
    let three = crashes(&[2, 1, 0]);
    let old = |ms| Born { installed_at: Some(NOW - ms), committed_at: None };
    assert!(judge(old(60 * MINUTE), &three).is_none());
    assert_eq!(judge(old(60 * MINUTE - 1), &three).unwrap().young, Young::Executable { age_ms: 60 * MINUTE - 1 });
}

#[test]
fn a_young_commit_in_an_old_executable_is_suspect_and_so_is_the_reverse() {
    let three = crashes(&[2, 1, 0]);
    let born = |executable: Option<i64>, commit: Option<i64>| Born {
        installed_at: executable.map(|minutes| NOW - minutes * MINUTE),
        committed_at: commit.map(|minutes| NOW - minutes * MINUTE),
    };
    let found = judge(born(Some(600), Some(5)), &three).unwrap();
    assert!(found.words().ends_with("its commit is 5 minutes old"), "{}", found.words());
    let found = judge(born(Some(5), Some(90_000)), &three).unwrap();
    assert!(found.words().ends_with("it is 5 minutes old"), "{}", found.words());
    assert!(judge(born(None, Some(5)), &three).is_some());
    assert!(judge(born(Some(5), None), &three).is_some());
    assert!(judge(born(Some(600), Some(600)), &three).is_none());
    assert!(judge(born(Some(600), None), &three).is_none());
    assert!(judge(born(None, None), &three).is_none(), "an unknown age is not young");
}

#[test]
fn crashes_of_another_release_do_not_count() {
    let others =
        [release("0.2.0", Some("98fff82c0ffe")), release("0.1.0", Some("df079bf00000")), release("0.1.0", None)];
    for other in others {
        let mut mixed = crashes(&[1, 0]);
        mixed.push((NOW, other.clone()));
        assert!(judge(installed(1), &mixed).is_none(), "{other}");
        mixed.push((NOW - 1, ours()));
        assert_eq!(judge(installed(1), &mixed).unwrap().crashes, 3);
    }
    assert_eq!(release("0.1.0", None).to_string(), "release 0.1.0");
}

#[test]
fn a_clock_that_was_set_back_hides_no_crash_of_the_last_half_hour_and_counts_no_far_one() {
    assert!(judge(installed(1), &crashes(&[-20 * MINUTE, -10 * MINUTE, 0])).is_some());
    assert!(judge(installed(1), &crashes(&[-30 * MINUTE - 1, -10 * MINUTE, 0])).is_none());
    let three = crashes(&[2, 1, 0]);
    assert!(judge(installed(-59), &three).is_some(), "written by a clock that was ahead");
    assert!(judge(installed(-60), &three).is_none());
    assert!(judge(Born { installed_at: Some(i64::MIN), committed_at: Some(i64::MAX) }, &three).is_none());
}

/// Against a count that is made another way, over every placing of four crashes on a grid.
#[test]
fn over_every_placing_of_crashes_it_is_suspect_exactly_when_three_are_near() {
    let grid: Vec<i64> = (-2..=4).map(|step| step * 15 * MINUTE).collect();
    let mut seen = [0_u32; 2];
    for a in &grid {
        for b in &grid {
            for c in &grid {
                for age in [0, 59, 60] {
                    let all = crashes(&[*a, *b, *c, 0]);
                    let near = [*a, *b, *c, 0].iter().filter(|ago| (-30 * MINUTE..=30 * MINUTE).contains(*ago)).count();
                    let expected = near >= 3 && age < 60;
                    assert_eq!(judge(installed(age), &all).is_some(), expected, "{a} {b} {c} {age}");
                    seen[usize::from(expected)] += 1;
                }
            }
        }
    }
    assert!(seen[0] > 100 && seen[1] > 100, "{seen:?}");
}

#[test]
fn a_series_has_a_beginning_and_goes_on_until_half_an_hour_is_quiet() {
    let series = |minutes: &[i64]| {
        let times: Vec<i64> = minutes.iter().map(|minute| NOW + minute * MINUTE).collect();
        super::series(&times, Spans::default()).map(|began| (began - NOW) / MINUTE)
    };
    assert_eq!(series(&[]), None);
    assert_eq!(series(&[0, 1]), None);
    assert_eq!(series(&[0, 15, 30]), Some(0));
    assert_eq!(series(&[0, 15, 31]), None, "not three within half an hour");
    // One beginning, however long it goes on: the owner is told once.
    assert_eq!(series(&[0, 10, 20, 30, 40, 50, 60, 70]), Some(0));
    assert_eq!(series(&[0, 1, 2, 33, 34, 35]), Some(33), "a quiet half hour ends it");
    assert_eq!(series(&[0, 1, -1]), Some(0), "the clock was set back");
    assert_eq!(series(&[0, 1, 2, 32, 62]), None);
}

#[test]
fn ages_are_for_people() {
    let words = |minutes: i64| {
        let young = Young::Executable { age_ms: minutes * MINUTE };
        Suspicion { release: ours(), crashes: 3, young }.words().rsplit(", ").next().unwrap().to_owned()
    };
    assert_eq!(words(0), "it is less than a minute old");
    assert_eq!(words(1), "it is 1 minute old");
    assert_eq!(words(119), "it is 119 minutes old");
    assert_eq!(words(120), "it is 2 hours old");
    assert_eq!(words(48 * 60), "it is 2 days old");
}

#[test]
fn kinds_have_their_words() {
    for kind in Kind::ALL {
        assert_eq!(serde_json_word(kind), kind.as_str());
    }
}

/// The domain has no JSON: serde's own word of a unit variant.
fn serde_json_word(kind: Kind) -> String {
    use serde::de::{IntoDeserializer, value::StrDeserializer};
    let words: StrDeserializer<'_, serde::de::value::Error> = kind.as_str().into_deserializer();
    Kind::deserialize(words).map(|found| found.as_str().to_owned()).unwrap()
}
