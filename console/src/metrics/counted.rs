//! Samples of what was counted from the rows.

use agentlab_domain::{circuit, histogram};
use agentlab_platform::db::{
    stock::{Stock, Waiting},
    tally::{BEYOND, BOUND, Tallies, names, sum_of},
};

use super::{
    family::{self, Family},
    rows::Counted,
    text::{Samples, Value},
};

/// Adds all of them.
pub(super) fn add(samples: &mut Samples, counted: &Counted) {
    samples.one(&family::LOOK_AGE, counted.at.elapsed().as_secs_f64());
    samples.one(&family::LOOK_TIME, counted.took.as_secs_f64());
    tallies(samples, &counted.tallies);
    stock(samples, &counted.stock);
}

fn tallies(samples: &mut Samples, tallies: &Tallies) {
    for (family, name) in [
        (family::UPDATES, names::UPDATES),
        (family::DELIVERED, names::DELIVERED),
        (family::GIVEN_UP, names::GIVEN_UP),
        (family::ACCEPTED, names::TASKS_ACCEPTED),
        (family::ENDED, names::TASKS_ENDED),
        (family::RUNS, names::RUNS),
        (family::CLAUDE_CALLS, names::CALLS),
        (family::TOKENS, names::TOKENS),
        (family::STARTS, names::STARTS),
        (family::CRASHES, names::CRASHES),
        (family::RECOVERIES, names::RECOVERIES),
        (family::ALERTS, names::ALERTS),
    ] {
        for (labels, value) in tallies.of(name) {
            samples.under(&family, labels, number(value));
        }
    }
    // Those without labels are there from the beginning: so their first change is seen.
    for (family, name, unit) in [
        (family::RETRIES, names::RETRIES, 1.0),
        (family::ADOPTIONS, names::ADOPTIONS, 1.0),
        (family::CLAUDE_TIME, names::API_TIME, 1_000.0),
        (family::CLAUDE_TURNS, names::TURNS, 1.0),
        (family::SPENT, names::SPENT, 1_000_000.0),
        (family::WATCHED, names::WATCHED, 1_000.0),
        (family::SERVED, names::SERVED, 1_000.0),
    ] {
        samples.one(&family, number(tallies.sum(name)) / unit);
    }
    for (family, name, bounds) in [
        (family::PICKUP, names::PICKUPS, &histogram::WAITS[..]),
        (family::ANSWER, names::ANSWERS, &histogram::WAITS),
        (family::RUN_TIME, names::RUN_TIMES, &histogram::RUNS),
    ] {
        samples.add(&family, &[], times(tallies, name, bounds));
    }
}

/// A histogram; what an earlier release counted with other bounds goes into the bucket that holds it.
fn times(tallies: &Tallies, name: &str, bounds: &[i64]) -> Value {
    let mut counts = vec![0; bounds.len() + 1];
    for (labels, count) in tallies.of(name) {
        let bound = labels.get(BOUND).filter(|bound| *bound != BEYOND).and_then(|bound| bound.parse().ok());
        let place = bound.map_or(bounds.len(), |bound| histogram::bucket(bounds, bound));
        if let Some(bucket) = counts.get_mut(place) {
            *bucket += u64::try_from(count).unwrap_or_default();
        }
    }
    buckets(bounds, &counts, number(tallies.sum(&sum_of(name))))
}

/// Counts with their bounds; in seconds.
pub(super) fn buckets(bounds: &[i64], counts: &[u64], sum_ms: f64) -> Value {
    let bounds = bounds.iter().map(|bound| number(*bound) / 1_000.0).chain([f64::INFINITY]);
    Value::Times { sum: sum_ms / 1_000.0, buckets: bounds.zip(counts.iter().copied()).collect() }
}

fn stock(samples: &mut Samples, stock: &Stock) {
    waiting(samples, (&family::TASKS, &family::OLDEST), &stock.tasks);
    waiting(samples, (&family::OUTBOX, &family::OUTBOX_AGE), &stock.messages);
    samples.one(&family::CLAIMABLE, number(stock.claimable));
    samples.one(&family::WANTED, f64::from(stock.workers_wanted));
    samples.one(&family::SUSPECT, f64::from(u8::from(stock.suspect)));
    for (service, now) in &stock.circuits {
        for state in circuit::State::ALL {
            let labels = [("service", service.as_str()), ("state", state.as_str())];
            samples.with(&family::CIRCUIT, &labels, f64::from(u8::from(state == *now)));
        }
    }
    let spending = &stock.spending;
    samples.with(&family::SPENT_PERIOD, &[("period", "day")], spending.today_usd);
    samples.with(&family::SPENT_PERIOD, &[("period", "month")], spending.month_usd);
    samples.one(&family::RESERVED, spending.reserved_usd);
    for (period, limit) in [("day", spending.daily_limit_usd), ("month", spending.monthly_limit_usd)] {
        if let Some(limit) = limit {
            samples.with(&family::BUDGET, &[("period", period)], limit);
        }
    }
    for (window, ratio) in [("24h", stock.uptime.day), ("7d", stock.uptime.week), ("30d", stock.uptime.month)] {
        if let Some(ratio) = ratio {
            samples.with(&family::UPTIME, &[("window", window)], ratio);
        }
    }
}

fn waiting(samples: &mut Samples, (count, age): (&Family, &Family), waiting: &[Waiting]) {
    for one in waiting {
        samples.with(count, &[("state", &one.state)], number(one.count));
        // Nothing waits: nothing is old.
        samples.with(age, &[("state", &one.state)], number(one.oldest_ms.unwrap_or_default()) / 1_000.0);
    }
}

#[expect(clippy::cast_precision_loss, reason = "the format has no other numbers")]
fn number(value: i64) -> f64 {
    value as f64
}
