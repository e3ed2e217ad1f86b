use super::*;

const FACTS: [Fact; 3] = [Fact::Yes, Fact::No, Fact::CannotTell];
const LEASES: [Lease; 3] = [Lease::Living, Lease::Nobody, Lease::CannotTell];

/// Calls `visit` with everything that can be seen.
fn everything(mut visit: impl FnMut(Seen)) {
    for (state, lease, shim, exit, asked) in State::ALL.into_iter().flat_map(|state| {
        LEASES.into_iter().flat_map(move |lease| {
            FACTS.into_iter().flat_map(move |shim| {
                FACTS
                    .into_iter()
                    .flat_map(move |exit| FACTS.into_iter().map(move |asked| (state, lease, shim, exit, asked)))
            })
        })
    }) {
        for bits in 0..64_u8 {
            let bit = |n: u8| bits & (1 << n) != 0;
            let (still, unwanted, overdue, held, told, named) = (bit(0), bit(1), bit(2), bit(3), bit(4), bit(5));
            visit(Seen { state, lease, shim, still, exit, unwanted, asked, overdue, held, told, named });
        }
    }
}

/// What is seen after an action; settling may succeed, or find that nobody can tell, which leaves the run alone for a time.
fn after(seen: Seen, action: Action, settled: bool) -> Seen {
    match action {
        Action::Wake => Seen { still: false, ..seen },
        Action::Stop => Seen { asked: Fact::Yes, ..seen },
        Action::Name => Seen { named: true, ..seen },
        Action::Settle if settled => Seen { exit: Fact::Yes, ..seen },
        Action::Settle => Seen { held: true, ..seen },
        Action::Adopt => Seen { told: true, ..seen },
    }
}

#[test]
fn nothing_that_could_end_somebody_is_done_while_anything_about_it_is_unknown() {
    let (mut visited, mut settled) = (0, 0);
    everything(|seen| {
        visited += 1;
        let actions = decide(seen);
        if actions.contains(&Action::Settle) {
            settled += 1;
            let dead = (seen.lease, seen.shim, seen.exit) == (Lease::Nobody, Fact::No, Fact::No);
            assert!(dead && seen.state != State::Over && !seen.held, "{seen:?}: {actions:?}");
        }
        if [seen.shim, seen.exit].contains(&Fact::CannotTell) && seen.lease == Lease::Nobody {
            assert_eq!(actions, [], "{seen:?}");
        }
        if seen.lease == Lease::CannotTell || seen.state == State::Over {
            assert_eq!(actions, [], "{seen:?}");
        }
        assert!(!actions.contains(&Action::Stop) || seen.unwanted && seen.asked == Fact::No, "{seen:?}: {actions:?}");
        assert!(!actions.contains(&Action::Wake) || seen.still && seen.shim == Fact::Yes, "{seen:?}: {actions:?}");
    });
    assert_eq!((visited, settled), (3 * 3 * 27 * 64, 2 * 3 * 32));
}

#[test]
fn what_a_living_worker_follows_is_left_to_it() {
    everything(|seen| {
        if seen.lease == Lease::Living {
            let actions = decide(seen);
            assert!(actions.is_empty() || actions == [Action::Name] && seen.overdue, "{seen:?}: {actions:?}");
        }
    });
}

#[test]
fn planning_again_after_everything_was_done_gives_nothing() {
    everything(|seen| {
        for settled in [true, false] {
            let done = decide(seen).into_iter().fold(seen, |seen, action| after(seen, action, settled));
            assert_eq!(decide(done), [], "{seen:?} became {done:?}");
        }
    });
}

#[test]
fn every_orphan_that_can_be_judged_gets_what_it_needs() {
    let orphan = Seen {
        state: State::Running,
        lease: Lease::Nobody,
        shim: Fact::Yes,
        still: false,
        exit: Fact::No,
        unwanted: false,
        asked: Fact::No,
        overdue: false,
        held: false,
        told: false,
        named: false,
    };
    assert_eq!(decide(orphan), [Action::Adopt]);
    assert_eq!(decide(Seen { still: true, unwanted: true, ..orphan }), [Action::Wake, Action::Stop, Action::Adopt]);
    assert_eq!(decide(Seen { overdue: true, told: true, ..orphan }), [Action::Name]);
    for state in [State::Claimed, State::Running] {
        assert_eq!(decide(Seen { state, shim: Fact::No, told: true, ..orphan }), [Action::Settle, Action::Adopt]);
    }
    let over = Seen { exit: Fact::Yes, told: true, ..orphan };
    assert_eq!(decide(Seen { still: true, ..over }), [Action::Wake], "so that it ends");
    assert_eq!(decide(Seen { unwanted: true, overdue: true, ..over }), [], "it ended");
}

#[test]
fn overdue_is_who_passed_its_limit_or_its_stop_by_grace_and_patience() {
    let second = Duration::from_secs;
    let overdue =
        |lived, asked: Option<u64>| overdue(second(lived), asked.map(second), second(60), second(10), OVERDUE);
    assert!(!overdue(190, None) && overdue(191, None));
    assert!(!overdue(1, Some(130)) && overdue(1, Some(131)));
    assert!(!super::overdue(Duration::MAX, None, Duration::MAX, second(10), OVERDUE), "no limit");
}
