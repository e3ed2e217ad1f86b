//! Circuit breakers. A *circuit* is open while a service is held to be out of order: nothing new is begun, what waits says
//! so, and after a pause one call tries (the *probe*). A *call* is one request to the service that was answered or failed;
//! a refusal is an answer, and silence is neither.
//!
//! The rule: more than half of at least five calls failed within a minute opens it for half a minute, then one probe;
//! its success closes, its failure opens it again.

use crate::progress;

/// A service that everything depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Claude,
    Telegram,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 2] = [Self::Claude, Self::Telegram];

    /// The word in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Telegram => "telegram",
        }
    }
}

/// Where a circuit stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum State {
    #[default]
    Closed,
    Open,
    Probing,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::Probing];

    /// The word in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Probing => "probing",
        }
    }

    /// The state of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// The times of the rule in milliseconds: a value, since tests shorten them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Calls count for this long.
    pub window: i64,
    /// An open circuit lets nobody try for this long.
    pub pause: i64,
    /// A probe without any verdict keeps the next one waiting for this long.
    pub patience: i64,
}

/// The times as they are promised.
pub const TIMES: Times = Times { window: 60_000, pause: 30_000, patience: 120_000 };
/// Fewer calls than this tell nothing.
const FEWEST: u32 = 5;

/// A circuit; times are Unix milliseconds. One that nobody has heard of is closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Circuit {
    pub state: State,
    /// Open: nobody tries before. Probing: nobody else tries before.
    pub until: i64,
    /// Closed: when it closed; calls before count no more. Else: when this outage began.
    pub since: i64,
}

/// So many calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    pub answered: u32,
    pub failed: u32,
}

impl Calls {
    /// One call that was answered.
    pub const ANSWERED: Self = Self { answered: 1, failed: 0 };
    /// One call that failed.
    pub const FAILED: Self = Self { answered: 0, failed: 1 };

    /// Whether there is none.
    pub const fn is_none(self) -> bool {
        self.answered == 0 && self.failed == 0
    }

    /// What is new since `counted`.
    pub const fn beyond(self, counted: Self) -> Self {
        Self {
            answered: self.answered.saturating_sub(counted.answered),
            failed: self.failed.saturating_sub(counted.failed),
        }
    }
}

/// Who made a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// The one that may try while nobody else may.
    Probe,
    Other,
}

/// Whether something new may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    Go,
    /// As the one that tries.
    Probe,
    Wait {
        until: i64,
    },
}

/// Calls count from here on: a minute back, but not from before the last closing.
pub const fn counts_from(circuit: Circuit, now: i64, times: Times) -> i64 {
    let window = now - times.window;
    // A closing in the future was written before the clock was set back; it must not blind the breaker until then.
    if circuit.since > window && circuit.since <= now { circuit.since } else { window }
}

/// Where the circuit stands after `new` calls of this caller; `window` are all calls that count, those included.
pub fn after_calls(circuit: Circuit, caller: Caller, new: Calls, window: Calls, now: i64, times: Times) -> Circuit {
    let closed = Circuit { state: State::Closed, until: 0, since: now };
    let open = |since| Circuit { state: State::Open, until: now + times.pause, since };
    let (probe, answers) = (caller == Caller::Probe, new.answered > 0);
    match circuit.state {
        // Only a failure opens: an answer is a sign of life.
        State::Closed if new.failed > 0 && is_too_much(window) => open(now),
        // Whoever was let in as the probe, or gets an answer when somebody may try anyway, shows that the service is back.
        State::Open if answers && (probe || is_due(circuit.until, now, times.pause)) => closed,
        State::Probing if answers && (probe || is_due(circuit.until, now, times.patience)) => closed,
        State::Probing if probe && new.failed > 0 => open(circuit.since),
        State::Closed | State::Open | State::Probing => circuit,
    }
}

/// Whether something new may begin now. `probe_over`: whoever was to try has ended.
pub const fn admit(circuit: Circuit, probe_over: bool, now: i64, times: Times) -> Admission {
    match circuit.state {
        State::Closed => Admission::Go,
        State::Open if is_due(circuit.until, now, times.pause) => Admission::Probe,
        // A probe that ended without a verdict, or that gives none, is followed by another.
        State::Probing if probe_over || is_due(circuit.until, now, times.patience) => Admission::Probe,
        State::Open | State::Probing => Admission::Wait { until: circuit.until },
    }
}

/// The circuit while somebody tries.
pub const fn probing(circuit: Circuit, now: i64, times: Times) -> Circuit {
    Circuit { state: State::Probing, until: now + times.patience, since: circuit.since }
}

/// Whether an HTTP status (none: no answer came) means that the service is out of order. A refusal does not.
pub const fn is_outage(status: Option<u64>) -> bool {
    matches!(status, None | Some(408 | 429 | 500..=599))
}

const fn is_too_much(calls: Calls) -> bool {
    let all = calls.failed.saturating_add(calls.answered);
    all >= FEWEST && calls.failed > all / 2
}

/// Whether this time has come; one that is further away than it can have been set was set before the clock went back.
const fn is_due(until: i64, now: i64, longest: i64) -> bool {
    now >= until || until - now > longest
}

/// What a chat hears, once an outage.
pub const NOTICE: &str = "Claude API temporarily unavailable; your task is queued";

/// What `status` says; nothing while all is well.
pub fn words(service: Service, circuit: Circuit, now: i64) -> Option<String> {
    let (name, what, one) = match service {
        Service::Claude => ("Claude API", "tasks are queued", "one task"),
        Service::Telegram => ("Telegram", "messages are kept", "one message"),
    };
    let next = match circuit.state {
        State::Closed => return None,
        State::Probing => format!("{one} tries it now"),
        State::Open if circuit.until > now => {
            format!("{one} tries it in {}", progress::elapsed(circuit.until - now + 999))
        }
        // Nothing has come since that could find out.
        State::Open => {
            let since = progress::elapsed(now - circuit.since);
            return Some(format!("{name} was unavailable {since} ago: the next call tries it"));
        }
    };
    let since = progress::elapsed(now - circuit.since);
    Some(format!("{name} temporarily unavailable for {since}: {what}, {next}"))
}

#[cfg(test)]
mod tests;
