use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn beat(name: &'static str, standing: Standing, beats: u64, late: Option<(&'static str, u64)>) -> Look<'static> {
    Look { held: Held::Yes, beat: Some(Beat { name, standing, beats, late }) }
}

const FREE: Look<'_> = Look { held: Held::No, beat: None };

/// Looks every two seconds; the verdict and the second of the first look that was not well.
fn until(mut look: impl FnMut(u64) -> Look<'static>, seconds: u64) -> Option<(u64, Verdict)> {
    let mut watch = Watch::default();
    for second in (0..=seconds).step_by(2) {
        let (next, verdict) = watch.look(look(second), EVERY, EVERY, PATIENCE);
        if verdict != Verdict::Well {
            return Some((second, verdict));
        }
        watch = next;
    }
    None
}

#[test]
fn each_fault_is_noticed_in_time_for_the_owner_to_know_within_half_a_minute() {
    use Standing::{CannotTell, Running, Stopped};
    let well = |second| beat("s.1", Running, second, None);
    let from_ten =
        |fault: fn(u64) -> Look<'static>| until(|second| if second < 10 { well(second) } else { fault(second) }, 100);
    let found = [
        from_ten(|_| FREE),
        from_ten(|_| beat("s.1", Stopped, 9, None)),
        from_ten(|second| beat("s.1", Running, second, Some(("posts", 4)))),
        from_ten(|_| beat("s.1", Running, 9, None)),
        from_ten(|_| beat("s.1", CannotTell, 9, None)),
        from_ten(|_| Look { held: Held::Yes, beat: None }),
    ];
    let late = Verdict::Late { name: "posts".into() };
    let expected = [Verdict::Gone, Verdict::Stopped, late, Verdict::Silent, Verdict::Silent, Verdict::Silent];
    for (found, expected) in found.into_iter().zip(expected) {
        let (second, verdict) = found.unwrap();
        assert_eq!(verdict, expected);
        assert!((10 + 14..=10 + 22).contains(&second), "{verdict:?} after {second} s");
    }
}

#[test]
fn what_is_well_is_well_for_ever_and_so_is_what_passes_soon() {
    use Standing::{Blocked, Gone, Running, Stopped};
    let cases: [fn(u64) -> Look<'static>; 9] = [
        // It waits for a disk: no loop of it can turn.
        |second| beat("s.1", Blocked, second, Some(("posts", 1))),
        |second| beat("s.1", Running, second, None),
        // Nobody was ever seen: no supervisor is nothing that went wrong.
        |_| FREE,
        |_| Look { held: Held::CannotTell, beat: None },
        // A loop that is late again and again, and turns each time.
        |second| beat("s.1", Running, second, Some(("posts", second / 10))),
        // Stopped for a moment, again and again.
        |second| beat("s.1", if second % 10 < 8 { Stopped } else { Running }, second, None),
        // Replaced: for twelve seconds nobody is there, then somebody else.
        |second| match second {
            0..10 => beat("s.1", Running, second, None),
            10..22 => FREE,
            _ => beat("s.2", Running, second, None),
        },
        // Somebody has taken the lock and not beaten yet.
        |second| if second < 10 { beat("s.1", Running, second, None) } else { beat("s.1", Gone, 9, None) },
        |second| {
            if second < 10 { beat("s.1", Running, second, None) } else { Look { held: Held::CannotTell, beat: None } }
        },
    ];
    for (case, look) in cases.into_iter().enumerate() {
        assert_eq!(until(look, 600), None, "case {case}");
    }
}

#[test]
fn a_look_after_a_long_sleep_counts_as_two() {
    let well = beat("s.1", Standing::Running, 1, None);
    let (watch, _) = Watch::default().look(well, EVERY, EVERY, PATIENCE);
    for look in [FREE, beat("s.1", Standing::Stopped, 1, None), well] {
        let (_, verdict) = watch.clone().look(look, SECOND * 3600 * 8, EVERY, PATIENCE);
        assert_eq!(verdict, Verdict::Well, "eight hours of sleep prove nothing");
    }
}

/// Every sequence of four looks of every kind, each ten seconds after the other.
#[test]
fn nothing_is_proved_without_looks_that_prove_it() {
    use Standing::{Blocked, CannotTell, Gone, Running, Stopped};
    const LIFE: &str = "s.1";
    let kinds = |index: u64| -> Vec<Look<'static>> {
        let mut kinds = vec![FREE, Look { held: Held::Yes, beat: None }, Look { held: Held::CannotTell, beat: None }];
        for standing in [Running, Stopped, Blocked, Gone, CannotTell] {
            for beats in [0, index + 1] {
                kinds.push(beat(LIFE, standing, beats, None));
            }
        }
        kinds.push(beat(LIFE, Running, index + 1, Some(("posts", 1))));
        kinds.push(beat("s.2", Running, index + 1, Some(("posts", 1))));
        kinds
    };
    let every = SECOND * 10;
    let count = kinds(0).len();
    let mut visited = 0_u32;
    for mut number in 0..count.pow(4) {
        let (mut watch, mut looks, mut verdict) = (Watch::default(), Vec::new(), Verdict::Well);
        for index in 0..4 {
            let look = kinds(index)[number % count];
            number /= count;
            looks.push(look);
            (watch, verdict) = watch.look(look, every, every, PATIENCE);
        }
        visited += 1;
        // A look that cannot tell changes nothing.
        let telling: Vec<&Look<'_>> = looks.iter().filter(|look| look.held != Held::CannotTell).collect();
        let all = |proof: fn(&Look<'_>) -> bool| telling.iter().rev().take(2).all(|look| proof(look));
        let proved = match &verdict {
            Verdict::Well => true,
            Verdict::Gone => all(|look| look.held == Held::No) && looks.iter().any(|look| look.beat.is_some()),
            Verdict::Stopped => all(|look| look.beat.is_some_and(|beat| beat.standing == Stopped)),
            // Twice late without a turn, after it had been seen late for the first time, and the pulse beat.
            Verdict::Late { name } => name == "posts" && all(|look| look.beat.is_some_and(|beat| beat.late.is_some())),
            Verdict::Silent => looks[3].held == Held::Yes && looks.iter().any(|look| look.beat.is_some()),
        };
        assert!(proved, "{verdict:?} without a proof: {looks:?}");
    }
    assert!(visited > 50_000, "{visited}");
}

#[test]
fn only_what_is_proved_to_hang_and_kept_by_a_service_manager_is_ended() {
    let verdicts =
        [Verdict::Well, Verdict::Gone, Verdict::Stopped, Verdict::Late { name: "posts".into() }, Verdict::Silent];
    for verdict in &verdicts {
        for kept in [false, true] {
            let proved = matches!(verdict, Verdict::Stopped | Verdict::Late { .. });
            let action = action(verdict, kept);
            assert_eq!(action == Action::End, proved && kept, "{verdict:?} {kept}");
            assert_eq!(action == Action::Nothing, *verdict == Verdict::Well, "{verdict:?} {kept}");
            let words = words(verdict, 77, kept.then_some("systemd"));
            assert_eq!(words.is_some(), action != Action::Nothing);
            let words = words.unwrap_or_default();
            assert!(action == Action::Nothing || (words.contains("77") && words.len() < 600), "{words}");
            let tells = matches!(action, Action::Tell);
            assert_eq!(words.contains("`agentlab up`"), tells && !kept, "what to do: {words}");
            assert!(!tells || !kept || words.contains("systemd"), "whose it is: {words}");
        }
    }
}

#[test]
fn what_is_wrong_has_been_so_since_it_was_seen_first() {
    let mut watch = Watch::default();
    let mut told = None;
    for second in (0..=112_u64).step_by(2) {
        let standing = if second < 10 { Standing::Running } else { Standing::Stopped };
        let verdict;
        (watch, verdict) = watch.look(beat("s.1", standing, second.min(9), None), EVERY, EVERY, PATIENCE);
        if verdict != Verdict::Well {
            told.get_or_insert(watch.wrong_for());
        }
    }
    assert_eq!(told, Some(SECOND * 16), "when it is told it has been so for a while");
    // Of two that explain each other the longer one counts: it stood still, and beat no more.
    assert_eq!(watch.wrong_for(), SECOND * 104);
}

#[test]
fn a_supervisor_that_speaks_is_neither_dead_nor_stands_still() {
    for (verdict, refuted) in [
        (Verdict::Gone, true),
        (Verdict::Stopped, true),
        (Verdict::Late { name: "posts".into() }, false),
        (Verdict::Silent, false),
    ] {
        assert_eq!(is_refuted_by_life(&key(&verdict, "supervisor.1")), refuted, "{verdict:?}");
    }
    assert!(!is_refuted_by_life("component_down:bot"));
}
