use super::*;

/// 22 November 2026.
const NOW: i64 = 1_795_340_500_000;
const NAME: &str = "worker-2.01KAPYZZZZZZZZZZZZZZZZZZZ4";

fn record(state: State) -> Record {
    Record {
        kind: "restart".into(),
        role: None,
        state: state.as_str().into(),
        asked_at: NOW - 500,
        replaces: Names::Read(vec![NAME.into(), "bot.01KAPYZZZZZZZZZZZZZZZZZZZ4".into()]),
    }
}

#[test]
fn what_makes_sense_is_read_as_it_was_written() {
    for kind in Kind::ALL {
        for role in Role::ALL {
            let whole = Record { kind: kind.as_str().into(), role: Some(role.as_str().into()), ..record(State::Asked) };
            let read = validate(whole, NOW).unwrap();
            assert_eq!(read, Intervention { kind, role: Some(role), asked_at: NOW - 500, replaces: None });
        }
    }
    let begun = validate(record(State::Begun), NOW).unwrap();
    assert_eq!((begun.role, begun.replaces.map(|names| names.len())), (None, Some(2)));
    // Nobody lived: it is over once the posts are filled.
    let nobody = Record { replaces: Names::Read(Vec::new()), ..record(State::Begun) };
    assert_eq!(validate(nobody, NOW).unwrap().replaces, Some(Vec::new()));
}

#[test]
fn a_time_that_makes_no_sense_is_never_acted_on() {
    let day = 24 * 3_600_000;
    let table = [
        (NOW, None),
        (NOW - day, None),
        (NOW + 60_000, None),
        (NOW - day - 1, Some(Corrupt::Old(NOW - day - 1))),
        (NOW + 60_001, Some(Corrupt::Future(NOW + 60_001))),
        // What a predecessor once compared with milliseconds, and threw away as 55 years old.
        (1_760_504_154, Some(Corrupt::Seconds(1_760_504_154))),
        (NOW / 1000, Some(Corrupt::Seconds(NOW / 1000))),
        (NOW * 1000, Some(Corrupt::Future(NOW * 1000))),
        (0, Some(Corrupt::Old(0))),
        (-1, Some(Corrupt::Old(-1))),
        (i64::MIN, Some(Corrupt::Old(i64::MIN))),
        (i64::MAX, Some(Corrupt::Future(i64::MAX))),
    ];
    for state in [State::Asked, State::Begun] {
        for (asked_at, corrupt) in &table {
            let read = validate(Record { asked_at: *asked_at, ..record(state) }, NOW);
            assert_eq!(read.err(), *corrupt, "{asked_at}");
        }
    }
    // A clock that stands at its first second reads nothing wrongly, and breaks nothing.
    for now in [0, i64::MIN, i64::MAX] {
        assert!(validate(record(State::Asked), now).is_err());
    }
}

#[test]
fn words_and_names_that_nobody_has_are_never_acted_on() {
    let begun = || record(State::Begun);
    let named = |name: &str| Record { replaces: Names::Read(vec![NAME.into(), name.into()]), ..begun() };
    let word = String::from;
    let table = [
        (Record { kind: word("reboot"), ..begun() }, Corrupt::Kind(word("reboot"))),
        (Record { role: Some(word("shim")), ..begun() }, Corrupt::Role(word("shim"))),
        (Record { kind: word("recover"), ..begun() }, Corrupt::NoRole),
        (Record { state: word("finished"), ..begun() }, Corrupt::State(word("finished"))),
        (Record { state: word("dropped"), ..begun() }, Corrupt::State(word("dropped"))),
        (Record { state: word("paused"), ..begun() }, Corrupt::State(word("paused"))),
        (Record { replaces: Names::Missing, ..begun() }, Corrupt::NoNames),
        (Record { replaces: Names::Unreadable, ..begun() }, Corrupt::NoNames),
        (named("1234"), Corrupt::Name(word("1234"))),
        (named(""), Corrupt::Name(word(""))),
        (named("sshd.01KAPYZZZZZZZZZZZZZZZZZZZ4"), Corrupt::Name(word("sshd.01KAPYZZZZZZZZZZZZZZZZZZZ4"))),
        // It is about the console, and would end a worker.
        (Record { role: Some(word("console")), ..begun() }, Corrupt::Name(word(NAME))),
    ];
    for (record, corrupt) in table {
        assert_eq!(validate(record, NOW), Err(corrupt));
    }
}

fn every_sight() -> Vec<Seen> {
    let bit = |n: u8, place: u8| n >> place & 1 == 1;
    let seen =
        |n| Seen { begun: bit(n, 0), told: bit(n, 1), others_there: bit(n, 2), own: bit(n, 3), ready: bit(n, 4) };
    (0..32).map(seen).collect()
}

#[test]
fn nobody_is_ended_before_it_is_stored_who_and_nothing_is_over_before_all_are_back() {
    for seen in every_sight() {
        let step = next(seen);
        assert_eq!(step == Step::Begin, !seen.begun && seen.told, "{seen:?}");
        match step {
            Step::EndThem => assert!(seen.begun && seen.others_there, "{seen:?}"),
            Step::ReplaceOneself => assert!(seen.begun && seen.own && seen.ready && !seen.others_there, "{seen:?}"),
            Step::Finish => assert!(seen.begun && !seen.own && seen.ready && !seen.others_there, "{seen:?}"),
            Step::Begin | Step::Wait => {}
        }
    }
}

#[test]
fn whatever_is_seen_at_first_it_is_over_in_the_end_and_each_step_is_taken_once() {
    for mut seen in every_sight() {
        let mut taken = Vec::new();
        loop {
            let step = next(seen);
            taken.push(step);
            // What the world does about it.
            match step {
                Step::Finish => break,
                Step::Wait if !seen.begun => seen.told = true,
                Step::Wait => seen.ready = true,
                Step::Begin => seen.begun = true,
                Step::EndThem => (seen.others_there, seen.ready) = (false, false),
                Step::ReplaceOneself => seen.own = false,
            }
        }
        for step in [Step::Begin, Step::EndThem, Step::ReplaceOneself, Step::Finish] {
            assert!(taken.iter().filter(|other| **other == step).count() <= 1, "{taken:?}");
        }
    }
}

#[test]
fn the_notice_has_a_figure_where_the_clock_allows_one() {
    let table = [
        (0, "Back after 0.0 s."),
        (1_249, "Back after 1.2 s."),
        (1_250, "Back after 1.3 s."),
        (59_949, "Back after 59.9 s."),
        (59_950, "Back after 1 min 0 s."),
        (60_000, "Back after 1 min 0 s."),
        (125_900, "Back after 2 min 5 s."),
        (3_599_999, "Back after 59 min 59 s."),
        (3_600_000, "Back after 1 h 0 min."),
        (11_520_000, "Back after 3 h 12 min."),
        (86_400_000, "Back after 24 h 0 min."),
        (86_400_001, "Back."),
        (-1, "Back."),
    ];
    for (took, words) in table {
        assert_eq!(back(NOW, NOW + took), words, "{took}");
    }
    assert_eq!(back(i64::MIN, i64::MAX), "Back.");
    assert!(dropped("its time lies in the future").starts_with("Nobody can say what became of this: its time"));
}

#[test]
fn words_round_trip() {
    for state in State::ALL {
        assert_eq!(State::parse(state.as_str()), Some(state));
    }
    assert_eq!(State::parse("paused"), None);
}
