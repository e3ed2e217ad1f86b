//! What the supervisor knows of one post. A *person* is the process there, as far as it is known who it is; what is known
//! comes from the lock, from the system and from the process' own pulse, never from the database.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use agentlab_domain::{
    exit_code,
    fall::{self, Before, Ended},
    hang::{self, Standing},
    health::{self, Hang, Patience, Signs},
    ladder::{self, Climb, Fall},
    plan::{Asked, Held},
    role::Post,
};
use agentlab_platform::{clock, identity::Identity, life::Refusal, pulse::Beat};
use tokio::process::Child;

use crate::{errand::Errand, vigil::Vigil};

/// How long a process that was asked to make place may take.
const GRACE: Duration = Duration::from_secs(10);

/// One post.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) wanted: bool,
    /// The process, where we started it; one that we found is known by its lock alone.
    pub(crate) child: Option<Child>,
    /// Under a service manager: what it is asked about this post.
    pub(crate) errand: Option<Errand>,
    /// Nobody was here at some time since we look: whoever is here now was started after us.
    pub(crate) was_empty: bool,
    /// Waits for the lock of a process that we found.
    pub(crate) vigil: Option<Vigil>,
    pub(crate) person: Option<Person>,
    pub(crate) climb: Climb,
    /// Not before this time of the monotonic clock, in milliseconds.
    pub(crate) not_before: i64,
    /// Whoever was started here last refused, and nobody has been ready since.
    pub(crate) refuses: bool,
    /// How many looks in a row could not tell whether anybody is there.
    pub(crate) untold: u32,
}

impl State {
    /// A process was started here and has not ended, or is being started; it may not hold the lock yet.
    pub(crate) const fn is_started(&self) -> bool {
        self.child.is_some() || self.errand.is_some()
    }
}

/// So many looks in a row that could not tell are said.
const UNTOLD: u32 = 10;

impl State {
    /// Counts looks that could not tell whether anybody is at the post; says so once.
    pub(crate) fn untold(&mut self, held: Held) -> Option<String> {
        self.untold = if held == Held::CannotTell && self.child.is_none() { self.untold.saturating_add(1) } else { 0 };
        (self.untold == UNTOLD).then(|| {
            "cannot be kept: nobody can tell whether its lock in run/ is held, so nobody is started. Is something else in its \
             place, or may the folder not be read?"
                .to_owned()
        })
    }

    /// What follows from an end for the next start.
    pub(crate) fn bury(&mut self, fallen: &Fallen) {
        let (climb, wait) = ladder::fell(self.climb, fallen.fall, fastrand::f64());
        // Whoever ends well of his own accord, again and again, is not to be a hot loop.
        let least = if fallen.is_success() { Duration::from_millis(100) } else { Duration::ZERO };
        self.climb = climb;
        self.refuses = fallen.fall == Fall::Refused;
        let wait = clock::scaled(wait).max(least);
        self.not_before = clock::monotonic_ms() + i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    }
}

/// Who is at a post.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) identity: Identity,
    /// What it says of itself; `None` while it has not said anything.
    pub(crate) beat: Option<Beat>,
    pub(crate) ready_for: Duration,
    pub(crate) asked: Asked,
    /// When it was asked, on the monotonic clock.
    pub(crate) asked_at: i64,
    pub(crate) hang: Option<Hang>,
    pub(crate) signs: Signs,
    /// The last look found a new beat.
    pub(crate) beaten: bool,
    /// Bytes of its log, at the last look that found no new beat.
    pub(crate) log: u64,
    /// Answers of it that were counted.
    pub(crate) answers: u64,
}

impl Person {
    pub(crate) fn new(identity: Identity) -> Self {
        let signs = Signs {
            standing: Standing::Running,
            stopped_for: Duration::ZERO,
            lates: 0,
            quiet_for: Duration::ZERO,
            unanswered_for: Duration::ZERO,
        };
        Self {
            identity,
            beat: None,
            ready_for: Duration::ZERO,
            asked: Asked::Nothing,
            asked_at: 0,
            hang: None,
            signs,
            beaten: true,
            log: 0,
            answers: 0,
        }
    }

    /// Whether it said that it is ready.
    pub(crate) fn is_ready(&self) -> bool {
        self.beat.as_ref().is_some_and(|beat| beat.ready)
    }

    /// Judges what was seen of it.
    pub(crate) fn judge(&mut self) {
        let patience = Patience { stopped: clock::scaled(hang::PATIENCE), quiet: clock::scaled(health::QUIET) };
        // What a kill was decided on is kept: it explains the end.
        if self.asked != Asked::Kill {
            self.hang = health::judge(self.signs, patience);
        }
    }

    /// What was asked of it, with what became of that.
    pub(crate) fn asked(&self) -> Asked {
        let grace = i64::try_from(clock::scaled(GRACE).as_millis()).unwrap_or(i64::MAX);
        match self.asked {
            Asked::Restart if clock::monotonic_ms() - self.asked_at > grace => Asked::RestartInVain,
            asked @ (Asked::Nothing | Asked::Drain | Asked::Restart | Asked::RestartInVain | Asked::Kill) => asked,
        }
    }

    pub(crate) fn ask(&mut self, asked: Asked) {
        (self.asked, self.asked_at) = (asked, clock::monotonic_ms());
    }
}

/// An end at a post.
#[derive(Debug)]
pub(crate) struct Fallen {
    pub(crate) post: Post,
    pub(crate) person: Option<Person>,
    /// How it ended; `None` where the system tells its parent alone.
    pub(crate) status: Option<ExitStatus>,
    pub(crate) words: Option<String>,
    pub(crate) fall: Fall,
    /// It was asked for, came and went, and said nothing of itself.
    pub(crate) silent: bool,
}

impl Fallen {
    pub(crate) fn of(post: Post, person: Option<Person>, status: Option<ExitStatus>, words: Option<String>) -> Self {
        let fall = fall(person.as_ref(), status);
        Self { post, person, status, words, fall, silent: false }
    }

    /// The exit code of a process that refused to start.
    pub(crate) fn refusal(&self) -> Option<u8> {
        match self.fall {
            Fall::Refused => u8::try_from(self.status?.code()?).ok(),
            Fall::Asked | Fall::Taken { .. } | Fall::Failed { .. } | Fall::NeverReady => None,
        }
    }

    /// What it refused with, for whoever started the system.
    pub(crate) fn refused(&self) -> Option<Refusal> {
        let code = self.refusal()?;
        let unsaid = || format!("a process refused to start with exit code {code}");
        let message = self.words.clone().unwrap_or_else(unsaid);
        Some(Refusal { code: if code == 0 { exit_code::FAILED } else { code }, message })
    }

    /// How it ended, for people: what was found out about it, else its last words, else what the system says.
    pub(crate) fn how(&self) -> Option<String> {
        let hang = self.person.as_ref().and_then(|person| person.hang).map(|hang| hang.words().to_owned());
        // What it printed before somebody's signal ended it is not the reason.
        let signal = self.status.filter(|status| status.signal().is_some()).map(|status| status.to_string());
        hang.or(signal).or_else(|| self.words.clone()).or_else(|| Some(self.status?.to_string()))
    }

    /// Whether it ended well although nobody asked it here.
    pub(crate) fn is_success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

/// How the system says that a process ended.
pub(crate) fn ended(status: ExitStatus) -> Ended {
    let ended = status.code().map(Ended::Code).or(status.signal().map(Ended::Signal));
    ended.unwrap_or(Ended::NobodyKnows)
}

fn fall(person: Option<&Person>, status: Option<ExitStatus>) -> Fall {
    let ended = status.map_or(Ended::NobodyKnows, ended);
    let before = Before {
        asked: person.map_or(Asked::Nothing, |person| person.asked),
        hang: person.and_then(|person| person.hang),
        ready_for: person.filter(|person| person.is_ready()).map(|person| person.ready_for),
    };
    fall::read(ended, before)
}
