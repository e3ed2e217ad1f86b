//! Every state with every kind of call, and a breaker that lives through outages and jumps of the clock.

use super::*;

const T: Times = TIMES;
const NONE: Calls = Calls { answered: 0, failed: 0 };
const BOTH: Calls = Calls { answered: 1, failed: 1 };

fn calls(answered: u32, failed: u32) -> Calls {
    Calls { answered, failed }
}

#[test]
fn more_than_half_of_at_least_five_opens_and_nothing_less() {
    for answered in 0..20 {
        for failed in 0..20 {
            let window = calls(answered, failed);
            let after = after_calls(Circuit::default(), Caller::Other, Calls::FAILED, window, 7_000, T);
            let opens = answered + failed >= 5 && failed * 2 > answered + failed;
            let expected =
                if opens { Circuit { state: State::Open, until: 37_000, since: 7_000 } } else { Circuit::default() };
            assert_eq!(after, expected, "{window:?}");
        }
    }
}

#[test]
fn every_state_with_every_caller_and_every_kind_of_call_before_and_after_its_time() {
    let (since, until) = (1_000, 50_000);
    let awful = calls(0, 99);
    for state in State::ALL {
        for caller in [Caller::Probe, Caller::Other] {
            for new in [NONE, Calls::ANSWERED, Calls::FAILED, BOTH] {
                for now in [until - 1, until] {
                    let circuit = Circuit { state, until, since };
                    let after = after_calls(circuit, caller, new, awful, now, T);
                    let (due, probe) = (now >= until, caller == Caller::Probe);
                    let answers = new.answered > 0 && (probe || due);
                    let expected = match state {
                        State::Closed if new.failed > 0 => (State::Open, now),
                        State::Open | State::Probing if answers => (State::Closed, now),
                        State::Probing if probe && new.failed > 0 => (State::Open, since),
                        State::Closed | State::Open | State::Probing => (state, since),
                    };
                    assert_eq!((after.state, after.since), expected, "{circuit:?} {caller:?} {new:?} {now}");
                    if after.state == State::Open && state != State::Open {
                        assert_eq!(after.until, now + T.pause);
                    }
                    if after.state == state {
                        assert_eq!(after, circuit, "nothing is pushed off by what decides nothing");
                    }
                }
            }
        }
    }
}

#[test]
fn who_may_begin() {
    let until = 90_000;
    let at = |state, probe_over, now| admit(Circuit { state, until, since: 0 }, probe_over, now, T);
    for probe_over in [true, false] {
        for now in [0, 60_000, 89_999, 90_000, 1_000_000] {
            assert_eq!(at(State::Closed, probe_over, now), Admission::Go);
        }
        assert_eq!(at(State::Open, probe_over, 60_000), Admission::Wait { until });
        assert_eq!(at(State::Open, probe_over, 89_999), Admission::Wait { until });
        assert_eq!(at(State::Open, probe_over, 90_000), Admission::Probe);
    }
    assert_eq!(at(State::Probing, false, 89_999), Admission::Wait { until }, "its verdict is waited for");
    assert_eq!(at(State::Probing, true, 89_999), Admission::Probe, "it died without one");
    assert_eq!(at(State::Probing, false, 90_000), Admission::Probe, "it gives none");
}

#[test]
fn a_clock_that_was_set_back_keeps_nobody_out_and_blinds_nobody() {
    let open = Circuit { state: State::Open, until: 9_000_000, since: 8_970_000 };
    assert_eq!(admit(open, false, 1_000, T), Admission::Probe);
    assert_eq!(after_calls(open, Caller::Other, Calls::ANSWERED, NONE, 1_000, T).state, State::Closed);
    let probing = Circuit { state: State::Probing, ..open };
    assert_eq!(admit(probing, false, 1_000, T), Admission::Probe);
    let closed = Circuit { state: State::Closed, until: 0, since: 9_000_000 };
    assert_eq!(counts_from(closed, 100_000, T), 40_000);
    // Set forward: what was to come has come.
    assert_eq!(admit(open, false, 99_000_000, T), Admission::Probe);
}

#[test]
fn calls_from_before_the_last_closing_do_not_count() {
    let closed = |since| Circuit { state: State::Closed, until: 0, since };
    assert_eq!(counts_from(closed(0), 100_000, T), 40_000);
    assert_eq!(counts_from(closed(70_000), 100_000, T), 70_000);
    assert_eq!(counts_from(closed(100_000), 100_000, T), 100_000);
}

/// An outage from its first failure to its end, as rows would tell it.
#[test]
fn one_probe_at_a_time_in_one_outage_until_one_is_answered() {
    let mut circuit = Circuit::default();
    let mut window = NONE;
    for n in 1..=5 {
        window.failed = n;
        circuit = after_calls(circuit, Caller::Other, Calls::FAILED, window, 10_000, T);
        assert_eq!(circuit.state, if n < 5 { State::Closed } else { State::Open });
    }
    let mut now = 10_000;
    for _ in 0..3 {
        assert_eq!(admit(circuit, true, now + T.pause - 1, T), Admission::Wait { until: now + T.pause });
        now += T.pause;
        assert_eq!(admit(circuit, true, now, T), Admission::Probe);
        circuit = probing(circuit, now, T);
        assert_eq!(admit(circuit, false, now, T), Admission::Wait { until: now + T.patience }, "one only");
        // A run from before the outage that fails on decides nothing.
        circuit = after_calls(circuit, Caller::Other, Calls::FAILED, window, now, T);
        assert_eq!(circuit.state, State::Probing);
        circuit = after_calls(circuit, Caller::Probe, Calls::FAILED, window, now, T);
        assert_eq!(circuit, Circuit { state: State::Open, until: now + T.pause, since: 10_000 }, "the same outage");
    }
    now += T.pause;
    circuit = after_calls(probing(circuit, now, T), Caller::Probe, Calls::ANSWERED, window, now, T);
    assert_eq!(circuit, Circuit { state: State::Closed, until: 0, since: now });
    assert_eq!(admit(circuit, true, now, T), Admission::Go);
    // What failed before counts no more.
    assert_eq!(counts_from(circuit, now, T), now);
}

/// The service's own client tries again by itself: its late answer is the verdict as well.
#[test]
fn a_probe_that_failed_first_and_is_answered_later_closes_before_the_pause_is_over() {
    let circuit = Circuit { state: State::Open, until: 40_000, since: 0 };
    assert_eq!(after_calls(circuit, Caller::Probe, Calls::ANSWERED, BOTH, 12_000, T).state, State::Closed);
    assert_eq!(after_calls(circuit, Caller::Other, Calls::ANSWERED, BOTH, 12_000, T), circuit);
}

#[test]
fn a_refusal_is_an_answer() {
    for status in [None, Some(408), Some(429), Some(500), Some(529), Some(599)] {
        assert!(is_outage(status), "{status:?}");
    }
    for status in [200, 400, 401, 403, 404, 413, 600].map(Some) {
        assert!(!is_outage(status), "{status:?}");
    }
}

#[test]
fn the_words_say_what_is_out_of_order_for_how_long_and_what_comes_next() {
    let circuit = |state| Circuit { state, until: 130_000, since: 100_000 };
    assert_eq!(words(Service::Claude, circuit(State::Closed), 112_000), None);
    assert_eq!(
        words(Service::Claude, circuit(State::Open), 112_000).unwrap(),
        "Claude API temporarily unavailable for 0:12: tasks are queued, one task tries it in 0:18"
    );
    assert_eq!(
        words(Service::Claude, circuit(State::Open), 220_000).unwrap(),
        "Claude API was unavailable 2:00 ago: the next call tries it",
        "nobody knows whether it still is"
    );
    assert_eq!(
        words(Service::Telegram, circuit(State::Probing), 160_000).unwrap(),
        "Telegram temporarily unavailable for 1:00: messages are kept, one message tries it now"
    );
}

#[test]
fn what_was_counted_is_not_counted_again() {
    assert_eq!(calls(5, 2).beyond(calls(3, 2)), calls(2, 0));
    assert!(calls(1, 1).beyond(calls(9, 9)).is_none(), "a file that was cut short takes nothing back");
    assert_eq!(State::parse("probing"), Some(State::Probing));
    assert_eq!(State::parse("ajar"), None);
}
