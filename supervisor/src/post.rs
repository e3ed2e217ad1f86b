//! Keeping posts filled: one look at all of them, then what follows from it. When a post is filled again is decided in
//! `domain::restart`.

use std::{collections::BTreeMap, os::unix::process::ExitStatusExt, process::ExitStatus, sync::Arc, time::Duration};

use agentlab_domain::{
    exit_code,
    restart::{self, End},
    role::Post,
};
use agentlab_platform::{
    clock,
    db::process::ProcessRow,
    identity::{Identity, Living},
    life::{Life, Refusal},
    lock, spawn,
    stillness::Stillness,
};
use tokio::{process::Child, sync::Notify};

use crate::{release, vigil::Vigil};

/// Between two looks at whether somebody stands still: no row is read for it.
const LOOK: Duration = Duration::from_secs(2);

/// What a look found.
#[derive(Debug, Default)]
pub(crate) struct Filled {
    /// Every post has a ready process.
    pub(crate) all_ready: bool,
    /// Posts whose process died since the last look, with its last words.
    pub(crate) died: Vec<(Post, Option<String>)>,
    /// A process refused to start.
    pub(crate) refused: Option<Refusal>,
}

#[derive(Debug, Default)]
struct State {
    /// The process, where we started it; one that we found is known by its lock alone.
    child: Option<Child>,
    /// Waits for the lock of a process that we found.
    vigil: Option<Vigil>,
    was_ready: bool,
    deaths_in_a_row: u32,
    /// Not before this time of the monotonic clock, in milliseconds.
    not_before: i64,
    /// Who is there, and whether it stands still.
    seen: Option<Identity>,
    stillness: Stillness,
}

/// The posts of this system.
#[derive(Debug)]
pub(crate) struct Keeper<'a> {
    life: &'a Life,
    posts: BTreeMap<Post, State>,
    order: Vec<Post>,
    /// Workers finish what they run before they stop.
    drain: bool,
    found_died: Arc<Notify>,
}

impl<'a> Keeper<'a> {
    pub(crate) fn new(life: &'a Life, wanted: Vec<Post>, drain: bool) -> Self {
        let posts = wanted.iter().map(|post| (*post, State::default())).collect();
        Self { life, posts, order: wanted, drain, found_died: Arc::default() }
    }

    /// Looks at every post once, and fills what may be filled.
    pub(crate) async fn look(&mut self) -> Filled {
        let mut filled = Filled { all_ready: true, ..Filled::default() };
        // The rows tell who is ready; while they cannot be read, nobody is started twice: the locks decide that.
        let rows = self.life.db.processes().await.unwrap_or_default();
        for post in self.order.clone() {
            let Some(state) = self.posts.get_mut(&post) else { continue };
            let ready = is_ready(&rows, post, state);
            state.seen = who(&rows, post, state);
            state.was_ready |= ready;
            if let Some(status) = ended(state) {
                let words = spawn::last_words(&self.life.home, post);
                if let Some(refusal) = refusal(status, state, words.clone()) {
                    filled.refused.get_or_insert(refusal);
                }
                bury(state, status);
                filled.died.push((post, words));
            }
            let path = self.life.home.post_lock(post);
            let held = lock::is_held(&path).unwrap_or(true);
            if held && state.child.is_none() && !state.vigil.as_ref().is_some_and(Vigil::lasts) {
                state.vigil = Some(Vigil::begin(path, &self.found_died));
            }
            if state.child.is_none() && !held {
                filled.all_ready = false;
                state.vigil = None;
                release::release(self.life, post).await;
                if state.not_before <= clock::monotonic_ms() {
                    state.was_ready = false;
                    match spawn::daemon(&self.life.home, post, self.drain) {
                        Ok(child) => {
                            tracing::info!(%post, pid = child.id(), "started");
                            state.child = Some(child);
                        }
                        // What keeps one process from being started is no reason to end the others.
                        Err(error) => {
                            wait(state, End::NeverReady, Duration::ZERO);
                            filled.died.push((post, Some(format!("it could not be started: {error}"))));
                        }
                    }
                }
            }
            filled.all_ready &= ready;
        }
        filled
    }

    /// Ends whoever stands still for too long: it may hold what everybody waits for. Its death is then noticed like any
    /// other, and only that frees what it held (rule R5).
    fn end_stopped(&mut self) {
        for (post, state) in &mut self.posts {
            let Some(process) = &state.seen else { continue };
            if state.stillness.look(process) {
                tracing::error!(%post, pid = process.pid, "stands still (SIGSTOP); I end it");
                spawn::signal(process, spawn::Wish::Kill);
            }
        }
    }

    /// Waits for the death of a process at a post, `limit` at most; meanwhile it looks whether anybody stands still.
    pub(crate) async fn change(&mut self, limit: Duration) {
        let began = clock::instant();
        while began.elapsed() < clock::scaled(limit) {
            self.end_stopped();
            let waited = tokio::time::timeout(clock::scaled(LOOK), self.any_death()).await;
            if waited.is_ok() {
                return;
            }
        }
    }

    /// Waits for the death of any process at a post.
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

    /// Whether a death at any post would wake us.
    pub(crate) fn knows_every_death(&self) -> bool {
        self.posts.values().all(|state| state.child.is_some() || state.vigil.as_ref().is_some_and(Vigil::lasts))
    }

    /// The posts, last started first.
    pub(crate) fn posts(&self) -> impl Iterator<Item = Post> + '_ {
        self.order.iter().rev().copied()
    }

    /// The processes that we started at these posts and that have not ended; those that have are collected.
    pub(crate) fn children(&mut self, at: &[Post]) -> Vec<Identity> {
        let living = self.posts.iter_mut().filter(|(post, _)| at.contains(post)).filter_map(|(_, state)| {
            let _ = ended(state);
            state.child.as_ref()?.id()
        });
        // A child that was not collected keeps its PID: it cannot be another process.
        living.filter_map(|pid| Identity::of(pid.cast_signed()).ok()?).collect()
    }
}

/// Who is at a post: a child of ours, else who its row says.
fn who(rows: &[ProcessRow], post: Post, state: &State) -> Option<Identity> {
    match state.child.as_ref().and_then(Child::id) {
        Some(pid) => Identity::of(pid.cast_signed()).ok()?,
        None => rows.iter().find(|row| row.is_at(post)).map(ProcessRow::identity),
    }
}

fn is_ready(rows: &[ProcessRow], post: Post, state: &State) -> bool {
    rows.iter().any(|row| {
        let ours = state.child.as_ref().and_then(Child::id).is_none_or(|pid| pid.cast_signed() == row.pid);
        row.is_at(post) && ours && row.ready_at.is_some() && row.identity().living() == Living::Yes
    })
}

fn ended(state: &mut State) -> Option<ExitStatus> {
    let status = state.child.as_mut()?.try_wait().ok()??;
    state.child = None;
    Some(status)
}

fn refusal(status: ExitStatus, state: &State, words: Option<String>) -> Option<Refusal> {
    let code = status.code().filter(|code| exit_code::is_refusal(*code) && !state.was_ready)?;
    let message = words.unwrap_or_else(|| format!("a process refused to start with exit code {code}"));
    Some(Refusal { code: u8::try_from(code).unwrap_or(exit_code::FAILED), message })
}

fn bury(state: &mut State, status: ExitStatus) {
    let end = match status.code() {
        Some(code) if exit_code::is_refusal(code) => End::Refused,
        _ if state.was_ready => End::WasReady,
        Some(_) | None => End::NeverReady,
    };
    let success = status.signal().is_none() && status.success();
    wait(state, end, if success { Duration::from_millis(100) } else { Duration::ZERO });
}

/// Puts the next start off: for the ordinary time, `least` at least.
fn wait(state: &mut State, end: End, least: Duration) {
    state.deaths_in_a_row = if end == End::NeverReady { state.deaths_in_a_row.saturating_add(1) } else { 0 };
    let wait = clock::scaled(restart::delay(end, state.deaths_in_a_row, fastrand::f64())).max(least);
    state.not_before = clock::monotonic_ms() + i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
}
