//! Suspicion. A release is *suspect* when it crashed three times within half an hour while it, or the commit that it was
//! built from, was younger than an hour: then the change is the likeliest cause. It is a likelihood and no proof; nothing is
//! undone for it here.
//!
//! Times are of the wall clock, which may be set back: what then lies ahead counts like what lies as far behind.

/// So many crashes are many.
pub const MANY: usize = 3;

/// What was built: two processes of one release run the same code.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Release {
    pub version: String,
    /// Where it is known.
    pub commit: Option<String>,
}

impl std::fmt::Display for Release {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.commit {
            Some(commit) => write!(f, "release {} ({commit})", self.version),
            None => write!(f, "release {}", self.version),
        }
    }
}

/// When a release came to be; Unix milliseconds, where it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Born {
    /// When its executable was written.
    pub installed_at: Option<i64>,
    /// When its commit was made.
    pub committed_at: Option<i64>,
}

/// The spans that count, in milliseconds. Tests shorten both together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spans {
    /// Crashes within this time, it included, belong together.
    pub together_ms: i64,
    /// What is less old than this is young.
    pub young_ms: i64,
}

impl Default for Spans {
    fn default() -> Self {
        Self { together_ms: 30 * 60_000, young_ms: 60 * 60_000 }
    }
}

/// What of a release is young.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Young {
    Executable {
        age_ms: i64,
    },
    /// An executable that is older, or of unknown age, from a commit that is young.
    Commit {
        age_ms: i64,
    },
}

/// A release under suspicion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspicion {
    pub release: Release,
    /// How often it crashed within half an hour.
    pub crashes: usize,
    pub young: Young,
}

impl Suspicion {
    /// For people: `release 0.1.0 (98fff82c0ffe) is suspect: 3 crashes in 30 minutes, it is 12 minutes old`.
    pub fn words(&self) -> String {
        let age = match self.young {
            Young::Executable { age_ms } => format!("it is {} old", age(age_ms)),
            Young::Commit { age_ms } => format!("its commit is {} old", age(age_ms)),
        };
        format!("{} is suspect: {} crashes in 30 minutes, {age}", self.release, self.crashes)
    }
}

/// Whether `release` is suspect with its crash at `now`. `crashes` are all that are known, that one included.
pub fn suspicion(
    release: &Release,
    born: Born,
    crashes: &[(i64, Release)],
    now: i64,
    spans: Spans,
) -> Option<Suspicion> {
    let own = crashes.iter().filter(|(at, of)| of == release && apart(now, *at) <= spans.together_ms).count();
    let young = young(born, now, spans)?;
    (own >= MANY).then(|| Suspicion { release: release.clone(), crashes: own, young })
}

/// What of it is young at `now`.
fn young(born: Born, now: i64, spans: Spans) -> Option<Young> {
    let age = |at: Option<i64>| at.map(|at| apart(now, at)).filter(|age| *age < spans.young_ms);
    let executable = age(born.installed_at).map(|age_ms| Young::Executable { age_ms });
    executable.or_else(|| age(born.committed_at).map(|age_ms| Young::Commit { age_ms }))
}

/// When the series of crashes began to which the last one belongs, if there were many within half an hour of it. `times` are
/// of one component, in the order in which they were noted; a *series* has no gap longer than that.
pub fn series(times: &[i64], spans: Spans) -> Option<i64> {
    let last = *times.last()?;
    let many = times.iter().filter(|at| apart(last, **at) <= spans.together_ms).count() >= MANY;
    let mut began = last;
    for at in times.iter().rev() {
        if apart(began, *at) > spans.together_ms {
            break;
        }
        began = *at;
    }
    many.then_some(began)
}

const fn apart(one: i64, other: i64) -> i64 {
    one.saturating_sub(other).saturating_abs()
}

fn age(ms: i64) -> String {
    match ms / 60_000 {
        0 => "less than a minute".into(),
        1 => "1 minute".into(),
        minutes @ 2..120 => format!("{minutes} minutes"),
        minutes if minutes < 48 * 60 => format!("{} hours", minutes / 60),
        minutes => format!("{} days", minutes / (24 * 60)),
    }
}
