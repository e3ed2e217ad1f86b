use super::*;

const LIMITS: Limits = Limits { healthy: HEALTHY, unready: UNREADY };
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn every_combination_of_observations_has_one_verdict() {
    let mut verdicts = Vec::new();
    for faults in 0..=4 {
        for unready_for in [Duration::ZERO, UNREADY.checked_sub(SECOND).unwrap(), UNREADY, UNREADY * 2] {
            for healthy_for in [Duration::ZERO, HEALTHY.checked_sub(SECOND).unwrap(), HEALTHY, HEALTHY * 2] {
                let verdict = judge(Seen { faults, unready_for, healthy_for }, LIMITS);
                let expected = match (faults >= 3, unready_for >= UNREADY, healthy_for >= HEALTHY) {
                    (true, _, _) => Verdict::Failed(Why::Faults(faults)),
                    (false, true, _) => Verdict::Failed(Why::Unready(UNREADY)),
                    (false, false, true) => Verdict::Passed,
                    (false, false, false) => Verdict::Continue,
                };
                assert_eq!(verdict, expected, "{faults} {unready_for:?} {healthy_for:?}");
                verdicts.push(verdict);
            }
        }
    }
    assert!([Verdict::Continue, Verdict::Passed].iter().all(|verdict| verdicts.contains(verdict)));
}

#[test]
fn only_what_the_release_does_is_its_fault() {
    let ready_for = Duration::from_secs(5);
    let falls = [
        (Fall::Asked, false),
        (Fall::Taken { ready_for }, false),
        (Fall::Refused, false),
        (Fall::Failed { ready_for }, true),
        (Fall::NeverReady, true),
    ];
    let ends = [
        (Ended::Code(101), true),
        (Ended::Code(0), true),
        (Ended::Signal(6), true),
        (Ended::Signal(11), true),
        (Ended::Signal(9), false),
        (Ended::Signal(15), false),
        (Ended::NobodyKnows, false),
    ];
    for (fall, may) in falls {
        for (ended, own) in ends {
            assert_eq!(is_fault(fall, ended, None), may && own, "{fall:?} {ended:?}");
            // Why it was killed is known, whatever the kill looks like.
            for hang in [Hang::Frozen, Hang::Quiet, Hang::Unanswered] {
                assert_eq!(is_fault(fall, ended, Some(hang)), may, "{fall:?} {ended:?} {hang:?}");
            }
            assert!(!is_fault(fall, ended, Some(Hang::Stopped)), "somebody stopped it: {fall:?} {ended:?}");
        }
    }
}

#[test]
fn faults_count_together_within_half_an_hour_of_the_last_one() {
    let minute = 60_000;
    let spans = crash::Spans::default();
    assert_eq!(together(&[], spans), 0);
    assert_eq!(together(&[0, 20 * minute, 40 * minute], spans), 2);
    assert_eq!(together(&[0, 10 * minute, 30 * minute], spans), 3);
    // The clock was set back in between.
    assert_eq!(together(&[100 * minute, 10 * minute, 11 * minute], spans), 2);
}

#[test]
fn the_third_start_in_a_row_goes_back() {
    assert_eq!([0, 1, 2, 3].map(goes_back_at_start), [false, false, true, true]);
}

#[test]
fn a_supervisor_is_ended_on_proof_or_when_it_never_gets_ready() {
    use watch::Verdict as Seen;
    let late = Seen::Late { name: "posts".into() };
    for unready_for in [Duration::ZERO, UNREADY.checked_sub(SECOND).unwrap(), UNREADY] {
        let in_vain = if unready_for == UNREADY { Act::End { fault: true } } else { Act::Leave };
        assert_eq!(act(&Seen::Stopped, unready_for, UNREADY), Act::End { fault: false });
        assert_eq!(act(&late, unready_for, UNREADY), Act::End { fault: true });
        for silent in [Seen::Well, Seen::Gone, Seen::Silent] {
            assert_eq!(act(&silent, unready_for, UNREADY), in_vain, "{silent:?} {unready_for:?}");
        }
    }
}

#[test]
fn whoever_stands_by_starts_again_what_nobody_asked_to_end() {
    for asked in [false, true] {
        for on_trial in [false, true] {
            let next = |ended| after(ended, asked, on_trial);
            assert_eq!(next(Ended::Code(42)), Next::Again, "a restart is asked for by this code alone");
            assert_eq!(next(Ended::Code(0)), Next::End);
            for refusal in [69, 75, 78] {
                let expected = if !asked && on_trial { Next::Again } else { Next::End };
                assert_eq!(next(Ended::Code(refusal)), expected, "{refusal} {asked} {on_trial}");
            }
            for (ended, own) in [
                (Ended::Code(1), true),
                (Ended::Code(101), true),
                (Ended::Signal(6), true),
                (Ended::Signal(9), false),
                (Ended::NobodyKnows, false),
            ] {
                let expected = match (asked, on_trial && own) {
                    (true, _) => Next::End,
                    (false, true) => Next::Fault,
                    (false, false) => Next::Again,
                };
                assert_eq!(next(ended), expected, "{ended:?} {asked} {on_trial}");
            }
        }
    }
}

#[test]
fn rung_four_returns_from_what_never_proved_itself_and_else_only_where_that_is_allowed() {
    for suspect in [false, true] {
        for auto_revert in [false, true] {
            assert!(rung_returns(false, suspect, auto_revert));
            assert_eq!(rung_returns(true, suspect, auto_revert), suspect && auto_revert);
        }
    }
}

fn kept(name: &str, bad: bool, healthy: bool, ran: bool, since: i64) -> Kept<'_> {
    Kept { name, bad, healthy, ran, from: None, since }
}

#[test]
fn the_one_before_is_returned_to_if_it_ran_else_the_last_healthy_one_and_never_a_bad_one() {
    let all = [
        kept("old", false, true, true, 1),
        kept("good", false, true, true, 2),
        kept("before", false, false, true, 3),
        kept("new", false, false, false, 4),
    ];
    assert_eq!(target("new", Some("before"), &all), Some("before"));
    assert_eq!(target("new", Some("old"), &all), Some("old"));
    assert_eq!(target("new", None, &all), Some("good"));
    assert_eq!(target("new", Some("gone"), &all), Some("good"));
    assert_eq!(target("good", None, &all), Some("old"));
    let mut bad = all;
    bad[2].bad = true;
    assert_eq!(target("new", Some("before"), &bad), Some("good"));
    let never = [kept("a", false, false, false, 1), kept("b", true, true, true, 2), kept("c", false, false, false, 3)];
    assert_eq!(target("c", Some("a"), &never), None, "one never ran, the other is bad");
}

/// Whatever fails, in whatever order: each return marks one release bad, so there are fewer returns than releases.
#[test]
fn however_many_are_bad_nothing_takes_turns() {
    for count in 1..=5_usize {
        let names = ["a", "b", "c", "d", "e"];
        for start in 0..count {
            let mut all: Vec<Kept<'_>> = (0..count).map(|n| kept(names[n], false, n % 2 == 0, true, 0)).collect();
            let (mut current, mut returns) = (names[start], 0);
            while let Some(next) = target(current, names.get((returns + start) % 5).copied(), &all) {
                all.iter_mut().filter(|release| release.name == current).for_each(|release| release.bad = true);
                current = next;
                returns += 1;
                assert!(returns < count, "{count} {start}");
            }
        }
    }
}

#[test]
fn the_oldest_go_bad_ones_first_and_what_is_needed_stays() {
    let all: Vec<Kept<'_>> = [
        ("a", false, true, 1),
        ("b", true, true, 2),
        ("c", false, false, 3),
        ("d", false, true, 4),
        ("e", false, true, 5),
        ("f", false, true, 6),
        ("g", false, false, 7),
    ]
    .map(|(name, bad, healthy, since)| kept(name, bad, healthy, true, since))
    .to_vec();
    assert_eq!(superfluous(&["g"], &all), ["b", "c"]);
    assert_eq!(superfluous(&["g", "b", "c"], &all), ["a", "d"]);
    assert_eq!(superfluous(&["a", "b", "c", "d", "e", "f", "g"], &all), Vec::<&str>::new());
    assert_eq!(superfluous(&[], &all[..5]), Vec::<&str>::new());
}

#[test]
fn updates_that_never_ran_take_the_way_back_from_nobody() {
    let mut all = vec![kept("ran", false, false, true, 1), kept("before", false, false, false, 2)];
    all.extend(["c", "d", "e", "f", "g"].map(|name| kept(name, false, false, false, 10)));
    all.push(Kept { from: Some("before"), ..kept("h", false, false, false, 20) });
    assert_eq!(superfluous(&["h"], &all), ["c", "d", "e"], "what ran, and what is returned to, stays");
    // Every kind against every other one: what could be returned to never goes before what could not.
    for bits in 0..64_u32 {
        let bit = |n: u32| bits >> n & 1 == 1;
        let mut all: Vec<Kept<'_>> = ["1", "2", "3", "4"].map(|name| kept(name, false, true, true, 0)).to_vec();
        all.push(kept("a", bit(0), bit(1), bit(2), 5));
        all.push(kept("b", bit(3), bit(4), bit(5), 6));
        let gone = superfluous(&["1", "2", "3", "4"], &all);
        let may = |release: &Kept<'_>| !release.bad && (release.ran || release.healthy);
        assert_eq!(gone.len(), 1);
        if may(&all[4]) != may(&all[5]) {
            assert_eq!(gone[0], if may(&all[4]) { "b" } else { "a" }, "{all:?}");
        }
    }
}
