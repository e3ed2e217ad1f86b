//! What goes wrong: who is killed or stopped, when, and for how long the database is locked.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Mutex,
    thread::Scope,
    time::{Duration, Instant},
};

use agentlab_domain::role::{Post, Role};
use agentlab_platform::{
    home::Home,
    identity::{Identity, Living},
    pulse,
    run_dir::RunDir,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    Plan,
    foreman::{Foreman, SUPERVISOR},
    spoil::Spoil,
    watch::Watch,
};
use crate::{
    stories::locked::Foreign,
    world::{Look, World},
};

/// In so long damage was met by somebody.
const MET: Duration = Duration::from_secs(10);

/// Who it happens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Post(Post),
    Shim,
    Agent,
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Kill(Target),
    /// Stopped; resumed after this time, where nobody ended it before.
    Stop(Target, Duration),
    /// The database is locked by a stranger.
    Lock(Duration),
    /// It is damaged, or taken away.
    Spoil(Spoil),
}

/// What happened.
#[derive(Debug)]
pub(super) struct Hits {
    began: Instant,
    counts: Mutex<BTreeMap<String, u32>>,
    /// Runs whose shim or agent was killed or stopped.
    runs: Mutex<HashSet<String>>,
}

impl Hits {
    pub(super) fn new(began: Instant) -> Self {
        Self { began, counts: Mutex::default(), runs: Mutex::default() }
    }

    fn count(&self, what: &str, target: Option<Target>, time: Option<Duration>) {
        let who = target.map(|target| match target {
            Target::Post(post) => post.to_string(),
            Target::Shim | Target::Agent => name(target).to_owned(),
        });
        let time = time.map(|time| format!(" for {time:.1?}")).unwrap_or_default();
        let at = self.began.elapsed().as_secs_f64();
        eprintln!("chaos: {at:8.2} s  {what} {}{time}", who.as_deref().unwrap_or("the database"));
        let kind = target.map_or_else(|| what.to_owned(), |target| format!("{what} {}", name(target)));
        *self.counts.lock().unwrap().entry(kind).or_default() += 1;
    }

    /// Whether this run's shim or agent was met.
    pub(super) fn met(&self, run: &str) -> bool {
        self.runs.lock().unwrap().contains(run)
    }

    /// How often the bot was killed or stopped, or had to begin anew with a database that was restored.
    pub(super) fn of_bot(&self) -> u32 {
        let met = |what: &str| what.ends_with(" bot") || Spoil::ALL.iter().any(|how| what == format!("{how:?}"));
        let counts = self.counts.lock().unwrap();
        counts.iter().filter(|(what, _)| met(what)).map(|(_, count)| count).sum()
    }

    pub(super) fn print(&self) {
        let counts = self.counts.lock().unwrap();
        let all: Vec<String> = counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
        eprintln!("chaos: faults: {}", all.join(", "));
    }
}

pub(super) struct Faults<'a> {
    world: &'a World,
    home: Home,
    plan: Plan,
    random: fastrand::Rng,
    foreman: &'a Foreman<'a>,
    watch: &'a Watch<'a>,
    hits: &'a Hits,
    /// Who stands still, and until when.
    stopped: Vec<(Instant, Identity)>,
    ends: Instant,
}

impl<'a> Faults<'a> {
    pub(super) fn of(
        world: &'a World,
        plan: &Plan,
        (foreman, watch, hits): (&'a Foreman<'a>, &'a Watch<'a>, &'a Hits),
    ) -> Self {
        let home = Home::at(world.home()).unwrap();
        let random = fastrand::Rng::with_seed(plan.seed);
        Self {
            world,
            home,
            plan: *plan,
            random,
            foreman,
            watch,
            hits,
            stopped: Vec::new(),
            ends: Instant::now() + plan.lasts,
        }
    }

    /// Lets things go wrong for as long as planned; nobody stands still afterwards because of us.
    pub(super) fn keep<'scope>(mut self, scope: &'scope Scope<'scope, 'a>) {
        while Instant::now() < self.ends {
            let at_once = match self.random.u8(0..24) {
                0 => 12,
                1..=4 => self.random.u8(2..5),
                _ => 1,
            };
            for _ in 0..at_once {
                let fault = self.draw();
                self.cause(fault, scope);
            }
            let most = if self.random.u8(0..8) == 0 { 16_000 } else { 3000 };
            let pause = Duration::from_millis(self.random.u64(50..most));
            self.rest(self.plan.scaled(pause));
        }
        self.resume(None);
    }

    /// Waits, and resumes who is to be resumed meanwhile.
    fn rest(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            std::thread::park_timeout(Duration::from_millis(20));
            self.resume(Some(Instant::now()));
        }
    }

    fn resume(&mut self, now: Option<Instant>) {
        let due = |until: Instant| now.is_none_or(|now| until <= now);
        for (_, process) in self.stopped.extract_if(.., |(until, _)| due(*until)) {
            send(&process, Signal::SIGCONT);
        }
    }

    fn draw(&mut self) -> Fault {
        let worker = Target::Post(Post { role: Role::Worker, slot: self.random.u32(1..4) });
        let post = |role| Target::Post(Post { role, slot: 0 });
        let (bot, console, supervisor) = (post(Role::Bot), post(Role::Console), post(Role::Supervisor));
        // Some shorter, some longer than the patience with who stands still.
        let stop = self.plan.scaled(Duration::from_millis(self.random.u64(50..7000)));
        match self.random.u8(0..30) {
            0..=4 => Fault::Kill(worker),
            5..=7 => Fault::Kill(bot),
            8..=9 => Fault::Kill(console),
            10..=11 => Fault::Kill(supervisor),
            12..=13 => Fault::Kill(Target::Shim),
            14..=15 => Fault::Kill(Target::Agent),
            16..=18 => Fault::Stop(worker, stop),
            19..=20 => Fault::Stop(bot, stop),
            21 => Fault::Stop(console, stop),
            22..=23 => Fault::Stop(supervisor, stop),
            24 => Fault::Stop(Target::Shim, stop),
            25 => Fault::Stop(Target::Agent, stop),
            26..=27 => Fault::Spoil(Spoil::ALL[self.random.usize(0..Spoil::ALL.len())]),
            _ => Fault::Lock(self.plan.scaled(Duration::from_millis(self.random.u64(50..5000)))),
        }
    }

    fn cause<'scope>(&mut self, fault: Fault, scope: &'scope Scope<'scope, 'a>) {
        match fault {
            Fault::Kill(target) => {
                let Some(process) = self.find(target) else { return };
                if send(&process, Signal::SIGKILL) {
                    self.hits.count("kill", Some(target), None);
                    if let Target::Post(post) = target
                        && post != SUPERVISOR
                    {
                        self.watch.began(post);
                    }
                }
            }
            Fault::Stop(target, time) => {
                let Some(process) = self.find(target) else { return };
                if send(&process, Signal::SIGSTOP) {
                    self.hits.count("stop", Some(target), Some(time));
                    // A keeper that stands still is woken by the product.
                    if target != Target::Shim {
                        self.stopped.push((Instant::now() + time, process));
                    }
                }
            }
            Fault::Spoil(how) => {
                // It is met soon, but not at once: what comes last would be met by the account.
                if self.ends.saturating_duration_since(Instant::now()) > self.plan.scaled(MET) {
                    how.cause(self.world, &format!("away-{}", self.hits.began.elapsed().as_millis()));
                    self.hits.count(&format!("{how:?}"), None, None);
                }
            }
            Fault::Lock(time) => {
                self.hits.count("lock", None, Some(time));
                let world = self.world;
                scope.spawn(move || {
                    let Some(foreign) = Foreign::try_lock(world) else { return };
                    std::thread::park_timeout(time);
                    drop(foreign);
                });
            }
        }
    }

    /// A living process to which it may happen.
    fn find(&mut self, target: Target) -> Option<Identity> {
        match target {
            SUPERVISOR_POST => self.foreman.up(),
            Target::Post(post) => pulse::read(&self.home, post).map(|beat| beat.identity),
            Target::Shim | Target::Agent => {
                let mut runs: Vec<(String,)> =
                    Look::once(self.world, "SELECT id FROM run WHERE state <> 'over'").unwrap_or_default();
                if runs.is_empty() {
                    return None;
                }
                let (id,) = runs.swap_remove(self.random.usize(0..runs.len()));
                let run = RunDir::of(&self.home, &id);
                let process = if target == Target::Shim { run.shim() } else { run.child() };
                // Before the signal: the run may be over a moment after it.
                let process = process.ok().flatten().filter(|process| process.living() == Living::Yes)?;
                self.hits.runs.lock().unwrap().insert(id);
                Some(process)
            }
        }
    }
}

const SUPERVISOR_POST: Target = Target::Post(SUPERVISOR);

fn name(target: Target) -> &'static str {
    match target {
        Target::Post(post) => post.role.as_str(),
        Target::Shim => "shim",
        Target::Agent => "agent",
    }
}

/// Sends a signal to a process that lives; false when it was gone.
fn send(process: &Identity, signal: Signal) -> bool {
    process.living() == Living::Yes && kill(Pid::from_raw(process.pid), signal).is_ok()
}
