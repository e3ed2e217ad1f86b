//! What `recover ROLE` does beyond a restart: between the end of a process and the start of the next one the rungs of the ladder
//! are taken, whether they are due or not, and the ladder begins anew. What was done is gathered in words for who asked.

use std::collections::{BTreeMap, BTreeSet};

use agentlab_domain::{
    ladder::{Climb, Rung},
    plan::Asked,
    role::Post,
};

use crate::{
    execute,
    keeper::Keeper,
    post::{Fallen, State},
    rung,
};

/// What a recovery does where nobody is: lowest rung first.
const RUNGS: [Rung; 2] = [Rung::EndHolders, Rung::Reset];

/// The recoveries that are under way, by the numbers of their interventions.
#[derive(Debug, Default)]
pub(crate) struct Recoveries {
    /// Posts whose rungs are taken as soon as nobody is at them.
    due: BTreeMap<Post, i64>,
    /// Posts that were taken care of.
    known: BTreeSet<(i64, Post)>,
    /// What was done where nobody was, and was not told yet.
    done: Vec<(i64, String)>,
    /// Who ended, by name, and how.
    ends: Vec<(String, String)>,
}

impl Recoveries {
    /// Has the rungs taken at this post, once, before its next start, which is not put off.
    pub(crate) fn recover(&mut self, id: i64, post: Post, state: &mut State) {
        if self.known.insert((id, post)) {
            self.due.insert(post, id);
            state.climb = Climb { failed: 0, taken: Some(Rung::Restart), due: RUNGS.first().copied(), killed: 0 };
            state.not_before = 0;
        }
    }

    /// Notes how a process ended. Before it is known for which recovery, if for any: that takes the database.
    pub(crate) fn ended(&mut self, fallen: &Fallen) {
        let Some(person) = &fallen.person else { return };
        let Some(beat) = &person.beat else { return };
        let how = match (person.hang, person.asked) {
            (Some(hang), _) => format!("was killed: {}", hang.words()),
            (None, Asked::Kill | Asked::RestartInVain) => "did not end when it was asked to, and was killed".into(),
            (None, Asked::Nothing | Asked::Drain | Asked::Restart) => "ended".into(),
        };
        self.ends.push((beat.name.clone(), format!("{} (pid {}) {how}", fallen.post, person.identity.pid)));
    }

    /// What was done for this recovery, which replaces these processes, and was not told yet.
    pub(crate) fn words(&self, id: i64, replaces: &[String]) -> Vec<&str> {
        let ends = self.ends.iter().filter(|(name, _)| replaces.contains(name)).map(|(_, words)| words.as_str());
        ends.chain(self.done.iter().filter(|(of, _)| *of == id).map(|(_, words)| words.as_str())).collect()
    }

    /// All that was told.
    pub(crate) fn told(&mut self, id: i64, replaces: &[String]) {
        self.ends.retain(|(name, _)| !replaces.contains(name));
        self.done.retain(|(of, _)| *of != id);
    }

    /// Nothing is asked for: nobody will want to know of the ends so far.
    pub(crate) fn none_is_open(&mut self) {
        *self = Self::default();
    }
}

/// It is over: what is left of it is forgotten, with rungs that were not needed.
pub(crate) fn over(keeper: &mut Keeper<'_>, id: i64) {
    keeper.recoveries.known.retain(|(of, _)| *of != id);
    for (post, state) in &mut keeper.posts {
        if keeper.recoveries.due.get(post) == Some(&id) {
            keeper.recoveries.due.remove(post);
            state.climb = Climb::default();
        }
    }
}

/// Takes the rungs at a post that is empty and is being recovered; false where it is not.
pub(crate) async fn take(keeper: &mut Keeper<'_>, post: Post) -> bool {
    let Some(id) = keeper.recoveries.due.remove(&post) else { return false };
    let _held = execute::healing(keeper, post);
    let mut changed = Vec::new();
    for rung in RUNGS {
        let done = rung::take(keeper, post, rung).await;
        keeper.recorder.recovered(post, rung, !done.is_empty(), done.join("; "));
        changed.extend(done);
    }
    tracing::warn!(%post, id, "recovered: {}", changed.join("; "));
    let none = format!("{post}: nothing stale stood in its way");
    let words = if changed.is_empty() { none } else { format!("{post}: {}", changed.join("; ")) };
    keeper.recoveries.done.push((id, words));
    if let Some(state) = keeper.posts.get_mut(&post) {
        state.climb = Climb::default();
    }
    true
}
