//! The keeper of the posts: looks at all of them, has it planned what follows (`domain::plan`), and does it. Once a second
//! and on every death; nothing of it needs the database, so a locked one keeps nobody from being started.

use std::{collections::BTreeMap, collections::HashSet, sync::Arc, time::Duration};

use agentlab_domain::{
    ladder::Fall,
    plan::{self, Held},
    role::{Post, Role},
};
use agentlab_platform::{
    clock, failpoints,
    identity::{Identity, Living},
    life::{Life, Refusal},
    lock,
    pulse::{self, Beat, Turns},
    releases,
    services::Manager,
};
use fail::fail_point;
use tokio::sync::Notify;

use crate::{
    alerts::Alerts,
    crashes::Recorder,
    errand::Sender,
    execute,
    holders::Holders,
    look::{self, Ran},
    post::{Fallen, State},
    probe::Probe,
    recoveries::Recoveries,
    release,
    units::Units,
    vigil::Vigil,
};

/// Between two looks, when nobody dies.
pub(crate) const LOOK: Duration = Duration::from_secs(1);
/// A pass takes no longer, whatever it waits for: what it does about a locked database has a limit of its own.
const PASS: Duration = Duration::from_secs(20);
/// Slots that a worker may have.
const SLOTS: std::ops::RangeInclusive<u32> = 1..=16;

/// How posts are filled.
#[derive(Debug, Default)]
pub(crate) struct How {
    /// Workers finish what they run before they stop.
    pub(crate) drain: bool,
    /// The service manager that starts them; without one they are children of ours.
    pub(crate) manager: Option<Manager>,
}

/// What a pass found and did.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    /// Every wanted post has a ready process, and none is to be replaced.
    pub(crate) all_ready: bool,
    /// At least one worker is ready.
    works: bool,
    /// Nobody is at the post of the bot, and somebody should be.
    deaf: bool,
    /// Wanted posts without a ready process, where nobody refuses: what somebody else has to put right is no fault.
    pub(crate) unready: Vec<Post>,
    /// Who ended since the last pass.
    pub(crate) fallen: Vec<Fallen>,
    /// What could not be started, and why.
    pub(crate) not_started: Vec<(Post, String)>,
    /// What does not start, with the words of its diagnosis.
    pub(crate) diagnosed: Vec<(Post, String)>,
    /// A process refused to start.
    pub(crate) refused: Option<Refusal>,
}

impl Passed {
    /// Whether the system serves what is configured: one worker does, and without a bot that should be there messages are not.
    pub(crate) const fn serves(&self) -> bool {
        self.works && !self.deaf
    }
}

/// The posts of this system.
#[derive(Debug)]
pub(crate) struct Keeper<'a> {
    pub(crate) life: &'a Life,
    pub(crate) holders: &'a Holders,
    pub(crate) posts: BTreeMap<Post, State>,
    order: Vec<Post>,
    /// Workers finish what they run before they stop.
    pub(crate) drain: bool,
    /// The names of processes that others are to take the place of.
    pub(crate) replaced: HashSet<String>,
    /// The releases that were left for an earlier one.
    pub(crate) left: Vec<String>,
    pub(crate) recoveries: Recoveries,
    /// Who starts processes for us; without it we do so ourselves.
    pub(crate) sender: Option<Sender>,
    units: Option<Units>,
    found_died: Arc<Notify>,
    pub(crate) alerts: Alerts,
    pub(crate) recorder: Recorder,
    probe: Option<Probe>,
    /// Everything was ready once: until then a refusal ends the start, and whoever started it reads why.
    pub(crate) announced: bool,
    looked_at: i64,
    turns: Turns,
}

impl<'a> Keeper<'a> {
    pub(crate) fn new(life: &'a Life, holders: &'a Holders, wanted: Vec<Post>, how: How) -> Self {
        let How { drain, manager } = how;
        let found_died: Arc<Notify> = Arc::default();
        let units = manager.clone().map(|manager| Units::begin(manager, life.home.clone()));
        let sender = manager.map(|manager| Sender { manager, home: life.home.clone(), back: Arc::clone(&found_died) });
        let probe = wanted.iter().any(|post| look::is_asked(*post)).then(|| Probe::begin(life.config.console.port));
        let alerts = holders.alerts();
        let mut keeper = Self {
            life,
            holders,
            recorder: Recorder::begin(life, alerts.clone()),
            alerts,
            posts: BTreeMap::new(),
            order: Vec::new(),
            drain,
            replaced: HashSet::new(),
            left: Vec::new(),
            recoveries: Recoveries::default(),
            sender,
            units,
            found_died,
            probe,
            announced: false,
            looked_at: clock::monotonic_ms(),
            turns: life.pulse.turns("posts"),
        };
        keeper.alerts.keeps(&keeper.turns);
        keeper.want(wanted);
        // Workers that an earlier supervisor left at slots which nobody wants any more.
        let left = SLOTS.map(|slot| Post { role: Role::Worker, slot });
        for post in left.filter(|post| life.home.post_lock(*post).exists()) {
            keeper.posts.entry(post).or_default();
        }
        keeper
    }

    /// Which posts are to be filled from now on. Who is at another one is asked to finish and to end.
    pub(crate) fn want(&mut self, wanted: Vec<Post>) {
        for (post, state) in &mut self.posts {
            state.wanted = wanted.contains(post);
        }
        for post in &wanted {
            self.posts.entry(*post).or_default().wanted = true;
        }
        self.order = wanted;
    }

    /// One pass: snapshot, plan, actions.
    pub(crate) async fn pass(&mut self) -> Passed {
        self.turns.turn(clock::scaled(PASS));
        fail_point!("keeper-pass");
        failpoints::freeze("posts-pass").await;
        let mut passed = Passed { all_ready: true, ..Passed::default() };
        let snapshot = self.snapshot(&mut passed).await;
        for action in plan::plan(&snapshot) {
            execute::execute(self, action, &mut passed).await;
        }
        // A post that nobody wants and nobody is at.
        let gone =
            snapshot.iter().filter(|seen| !seen.wanted && seen.lock == Held::No && !seen.started && !seen.leases);
        for seen in gone {
            self.posts.remove(&seen.post);
        }
        if let Some(units) = &self.units {
            units.keep(self.posts.keys().copied());
        }
        passed
    }

    /// Posts are looked at no more: the system ends, and that may take as long as a run does.
    pub(crate) fn rest(&self) {
        self.turns.rest();
    }

    async fn snapshot(&mut self, passed: &mut Passed) -> Vec<plan::Seen> {
        let now = clock::monotonic_ms();
        let since = Duration::from_millis(u64::try_from(now - self.looked_at).unwrap_or_default());
        self.looked_at = now;
        let ran = Ran { since, every: clock::scaled(LOOK) };
        let answers = self.probe.as_ref().map(Probe::answers);
        let unwanted = self.posts.keys().copied().filter(|post| !self.order.contains(post));
        let order: Vec<Post> = self.order.iter().copied().chain(unwanted).collect();
        self.left = releases::going_back::left(&self.life.home);
        let mut snapshot = Vec::new();
        for post in order {
            let Some(state) = self.posts.get_mut(&post) else { continue };
            // One that was started under another configuration may answer at another port.
            let config = self.life.config.fingerprint();
            let beat = state.person.as_ref().and_then(|person| person.beat.as_ref());
            let asked = answers.filter(|_| look::is_asked(post) && beat.is_some_and(|beat| beat.config == config));
            let (held, fallen) = look::look(&self.life.home, post, state, ran, asked, self.sender.as_ref());
            if let Some(fallen) = fallen {
                self.recorder.died(&self.life.home, &fallen);
                state.bury(&fallen);
                if fallen.fall == Fall::Refused && (self.announced || self.sender.is_some()) {
                    let words = fallen.how().unwrap_or_default();
                    let told = format!(
                        "agentlab: {post} refuses to start: {words}. It is tried again every minute, or at once with \
                         `agentlab restart {}`.",
                        post.role.as_str()
                    );
                    self.alerts.tell(format!("refused:{post}:{}:{words}", self.life.name), told);
                }
                passed.refused = passed.refused.take().or_else(|| fallen.refused());
                passed.fallen.push(fallen);
            }
            if held != Held::No && state.child.is_none() && !state.vigil.as_ref().is_some_and(Vigil::lasts) {
                state.vigil = Some(Vigil::begin(self.life.home.post_lock(post), &self.found_died));
            }
            passed.diagnosed.extend(state.untold(held).map(|words| (post, words)));
            let beat = state.person.as_ref().and_then(|person| person.beat.as_ref());
            // Who was found may run under an earlier configuration. What was started here runs under the present one, which
            // may be newer than ours: to replace that would never end.
            let found = state.child.is_none() && !state.was_empty;
            let of_left = |beat: &Beat| beat.commit.as_ref().is_some_and(|release| self.left.contains(release));
            let old = |beat: &Beat| found && beat.config != config || self.replaced.contains(&beat.name);
            let replace = beat.is_some_and(|beat| old(beat) || of_left(beat));
            let ready = state.person.as_ref().is_some_and(|person| person.is_ready() && person.hang.is_none());
            passed.all_ready &= !state.wanted || (ready && !replace);
            passed.works |= post.role == Role::Worker && ready;
            passed.deaf |= post.role == Role::Bot && state.wanted && !ready;
            state.refuses &= !ready;
            if state.wanted && !state.refuses && (!ready || replace) {
                passed.unready.push(post);
            }
            let empty = held == Held::No && !state.is_started();
            let leases = empty && release::is_left(self.life, post).await;
            // Now, not when the pass began: who fell in this pass is due in this pass.
            snapshot.push(look::seen(post, state, held, replace, leases, clock::monotonic_ms()));
        }
        snapshot
    }

    /// Waits for a death at any post or for the time of a next start, for a look's time at most.
    pub(crate) async fn change(&mut self) {
        let now = clock::monotonic_ms();
        let waits = self.posts.values().map(|state| state.not_before.saturating_sub(now)).filter(|ms| *ms > 0);
        let due = waits.min().and_then(|ms| u64::try_from(ms).ok()).map_or(Duration::MAX, Duration::from_millis);
        let _ = tokio::time::timeout(clock::scaled(LOOK).min(due), self.any_death()).await;
    }

    async fn any_death(&mut self) {
        let children = self.posts.values_mut().filter_map(|state| state.child.as_mut());
        let waits: Vec<_> = children.map(|child| Box::pin(child.wait())).collect();
        let one_of_ours = async {
            if waits.is_empty() {
                std::future::pending::<()>().await;
            }
            let _ = futures::future::select_all(waits).await;
        };
        tokio::select! {
            () = one_of_ours => {}
            () = self.found_died.notified() => {}
        }
    }

    /// Every post, those first that are started last.
    pub(crate) fn all_posts(&self) -> Vec<Post> {
        let unwanted = self.posts.keys().copied().filter(|post| !self.order.contains(post));
        self.order.iter().rev().copied().chain(unwanted).collect()
    }

    /// Whether anybody is left at these posts, and those of them whose identity is known.
    pub(crate) fn living(&mut self, at: &[Post]) -> (bool, Vec<Identity>) {
        let (mut anybody, mut known) = (false, Vec::new());
        for (post, state) in self.posts.iter_mut().filter(|(post, _)| at.contains(post)) {
            let _ = look::ended(state);
            // A child that was not collected keeps its PID: it cannot be another process.
            let child = state.child.as_ref().and_then(tokio::process::Child::id);
            let held = lock::is_held(&self.life.home.post_lock(*post)).unwrap_or(false);
            anybody |= held || child.is_some();
            let identity = match child {
                Some(pid) => Identity::of(pid.cast_signed()).ok().flatten(),
                None if held => pulse::read(&self.life.home, *post).map(|beat| beat.identity),
                None => None,
            };
            known.extend(identity.filter(|identity| identity.living() == Living::Yes));
        }
        (anybody, known)
    }
}
