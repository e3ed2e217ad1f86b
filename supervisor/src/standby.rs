//! Standing by: the earlier release stays as the parent of a supervisor on trial that is kept by nobody else. A program that was
//! replaced by a bad one could do nothing about it any more; a parent starts it again, sees how it ended, ends one that hangs, and
//! goes back where the new one cannot do so itself. After the trial it stays, and is the one whom the terminal knows.
//!
//! It holds no lock and keeps no daemon: nothing but its child depends on it.

use std::{ffi::OsString, process::ExitStatus, time::Duration};

use agentlab_domain::{
    crash, exit_code,
    health::age,
    restart::{self, End},
    role::{Post, Role},
    trial::{self, Act, Next},
    watch::{self, Held, Look, PATIENCE, Patience, Watch},
};
use agentlab_platform::{
    children, clock,
    home::Home,
    identity::{Identity, Living},
    life::Refusal,
    pulse::{self, Beat},
    recovery, releases,
    spawn::{self, Wish},
    succession::{self, Ears, Heard},
};

use crate::post::ended;

const SUPERVISOR: Post = Post { role: Role::Supervisor, slot: 0 };
/// Between two looks at the child.
const EVERY: Duration = Duration::from_secs(1);
/// Tests shorten looks and patience no further: several beats fit into them.
const SHORTEST: Patience = Patience { proved: Duration::from_secs(3), silent: Duration::from_secs(5) };
const SHORTEST_EVERY: Duration = Duration::from_millis(400);
/// How long Ctrl-C of a terminal may take to reach the child by itself.
const BY_ITSELF: Duration = Duration::from_secs(1);
/// So many ends in a row of a child that never got ready, and it is gone back here: the child may be unable to.
const IN_VAIN: u32 = 3;

/// One child, from its start to its end.
#[derive(Debug)]
struct Child {
    identity: Identity,
    watch: Watch,
    unready_for: Duration,
    was_ready: bool,
    /// Somebody asked it to end.
    asked: bool,
    /// Why it was killed here, where that is the release's fault.
    fault: Option<String>,
}

/// Stands by until the child's end is the end of both; returns its exit code. `tell` is for the person in front of the terminal.
pub async fn stand_by(home: &Home, arguments: &[OsString], tell: impl Fn(&str)) -> Result<u8, Refusal> {
    let mut ears = Ears::listen().map_err(Refusal::unavailable)?;
    let mut in_vain = 0;
    loop {
        let (next, code, why, ready) = match succession::successor(home, arguments) {
            Ok(identity) => {
                let mut child = Child::new(identity);
                let status = child.until_it_ends(home, &mut ears).await;
                let on_trial = releases::trial::in_force(home).is_some();
                let why = child.fault.clone().unwrap_or_else(|| said(home, status));
                let next = match &child.fault {
                    Some(_) => Next::Fault,
                    None => trial::after(ended(status), child.asked, on_trial),
                };
                (next, code(status), why, child.was_ready)
            }
            Err(error) => (Next::Fault, exit_code::UNAVAILABLE, format!("it cannot be started: {error}"), false),
        };
        in_vain = if ready { 0 } else { in_vain + 1 };
        match next {
            Next::End => return Ok(code),
            Next::Again => {}
            Next::Fault => note(home, &why),
        }
        if code == exit_code::RESTART {
            continue;
        }
        tell(&format!("the supervisor ended ({why}); I start it again"));
        let back = go_back(home, in_vain, &why);
        if let Some(words) = &back {
            tell(words);
            in_vain = 0;
        }
        if in_vain > 0 && wait(&mut ears, in_vain).await {
            return Ok(code);
        }
    }
}

/// Puts off the next start of what does not get ready. True when somebody asked to end meanwhile.
async fn wait(ears: &mut Ears, in_vain: u32) -> bool {
    let until = tokio::time::sleep(clock::scaled(restart::delay(End::NeverReady, in_vain, fastrand::f64())));
    tokio::pin!(until);
    loop {
        tokio::select! {
            () = &mut until => return false,
            heard = ears.heard() => match heard {
                Heard::Wish(Wish::End) | Heard::Interrupt => return true,
                Heard::Wish(Wish::Restart | Wish::Drain | Wish::Kill | Wish::Continue) | Heard::Ended => {}
            },
        }
    }
}

fn note(home: &Home, why: &str) {
    if let Err(error) = releases::trial::fault(home, "supervisor", why) {
        tracing::error!(%error, "a fault of the release on trial cannot be noted");
    }
}

/// Goes back where the release on trial has had its chances; says so in words.
fn go_back(home: &Home, in_vain: u32, why: &str) -> Option<String> {
    let trial = releases::trial::in_force(home)?;
    let failed = trial.together() >= crash::MANY || in_vain >= IN_VAIN;
    if !failed {
        return None;
    }
    let why = format!("on trial its supervisor fell over again and again; the last time: {why}");
    let returned = releases::going_back::go_back(home, &why);
    // What is to be started from the earlier release is its supervisor's business.
    recovery::over(home);
    match returned {
        Ok(returned) => {
            returned.map(|back| format!("release {} was left; {} runs instead", back.left.words(), back.to.words()))
        }
        Err(error) => Some(format!("cannot go back to an earlier release: {error}")),
    }
}

/// The reason of an end, for people.
fn said(home: &Home, status: ExitStatus) -> String {
    match ended(status) {
        agentlab_domain::fall::Ended::Code(_) => {
            spawn::last_words(home, SUPERVISOR).map_or_else(|| status.to_string(), |last| format!("{status}: {last}"))
        }
        agentlab_domain::fall::Ended::Signal(_) | agentlab_domain::fall::Ended::NobodyKnows => status.to_string(),
    }
}

fn code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(exit_code::FAILED)
}

impl Child {
    fn new(identity: Identity) -> Self {
        Self {
            identity,
            watch: Watch::default(),
            unready_for: Duration::ZERO,
            was_ready: false,
            asked: false,
            fault: None,
        }
    }

    async fn until_it_ends(&mut self, home: &Home, ears: &mut Ears) -> ExitStatus {
        let every = clock::scaled(EVERY).max(SHORTEST_EVERY);
        let mut looked = clock::instant();
        let mut interrupted = None;
        loop {
            if let Some(status) = children::collect_all(&self.identity) {
                return status;
            }
            tokio::select! {
                heard = ears.heard() => match heard {
                    Heard::Wish(wish) => self.ask(wish),
                    Heard::Interrupt if succession::is_in_a_terminals_foreground() => interrupted = Some(clock::instant()),
                    Heard::Interrupt => self.ask(Wish::End),
                    Heard::Ended => {}
                },
                () = tokio::time::sleep(every.saturating_sub(looked.elapsed())) => {
                    let passed = looked.elapsed();
                    looked = clock::instant();
                    let beat = pulse::read(home, SUPERVISOR).filter(|beat| beat.identity == self.identity);
                    self.asked |= beat.as_ref().is_some_and(|beat| beat.asked);
                    if interrupted.is_some_and(|at| at.elapsed() > BY_ITSELF) {
                        interrupted = None;
                        // Somebody signalled this process alone.
                        if !self.asked {
                            self.ask(Wish::End);
                        }
                    }
                    self.look(home, beat, passed, every);
                }
            }
        }
    }

    fn ask(&mut self, wish: Wish) {
        self.asked |= wish == Wish::End;
        spawn::signal(&self.identity, wish);
    }

    fn look(&mut self, home: &Home, beat: Option<Beat>, passed: Duration, every: Duration) {
        let patience = Patience {
            proved: clock::scaled(PATIENCE.proved).max(SHORTEST.proved),
            silent: clock::scaled(PATIENCE.silent).max(SHORTEST.silent),
        };
        let standing = self.identity.standing();
        let ready = beat.as_ref().is_some_and(|beat| beat.ready);
        self.was_ready |= ready;
        // It says what it waits for: a locked database; or it waits for somebody who changes what it runs from.
        let excused = beat.as_ref().is_some_and(|beat| beat.note.is_some()) || recovery::of_another(home).is_some();
        self.unready_for = age(self.unready_for, !ready && !excused && !self.asked, passed, every);
        let seen = beat.as_ref().map(|beat| watch::Beat {
            name: &beat.name,
            standing,
            beats: beat.beats,
            late: beat.latest().map(|(name, _)| (name, beat.loops.get(name).map_or(0, |turns| turns.turns))),
        });
        let (watch, verdict) =
            std::mem::take(&mut self.watch).look(Look { held: Held::Yes, beat: seen }, passed, every, patience);
        self.watch = watch;
        let limit = clock::scaled(trial::UNREADY);
        match trial::act(&verdict, self.unready_for, limit) {
            Act::Leave => {}
            Act::End { fault } => {
                let why = match &verdict {
                    watch::Verdict::Late { name } => format!("its loop `{name}` did not turn"),
                    watch::Verdict::Stopped => "it stood still".to_owned(),
                    watch::Verdict::Well | watch::Verdict::Gone | watch::Verdict::Silent => {
                        format!("it was not ready after {} s", limit.as_secs())
                    }
                };
                tracing::error!(pid = self.identity.pid, why, "I end the supervisor");
                self.fault = fault.then_some(why);
                if self.identity.living() == Living::Yes {
                    spawn::signal(&self.identity, Wish::Kill);
                }
            }
        }
    }
}
