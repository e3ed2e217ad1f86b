//! Carrying out what a person asked for: `/restart`, `restart`, `recover`. What the next step is, is decided in
//! `domain::intervention`; the keeper ends and starts processes as it always does. Here a row is read, and the keeper told
//! whom another one is to take the place of.
//!
//! Nothing that matters is kept here: a supervisor that ends in the middle is followed by one that reads the same row.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use agentlab_domain::{
    intervention::{self, Intervention, Kind, Seen, Step},
    role::{Post, Role},
};
use agentlab_platform::{
    agent::Agent,
    clock, config,
    db::{DbError, intervention::Open},
    pulse::Beat,
};
use fail::fail_point;

use crate::{keeper::Keeper, post::Fallen, recoveries};

/// How long it is waited until who asked has read that it begins. While Telegram does not answer, nobody waits for it.
const TELL: Duration = Duration::from_secs(2);
/// How long a locked database may keep us.
const PATIENCE: Duration = Duration::from_millis(500);
/// For how long something that was asked for is looked at more often.
const RECENT: Duration = Duration::from_secs(10);
/// Between two looks in that time.
const SOON: Duration = Duration::from_millis(50);

/// What this supervisor knows of the open interventions.
#[derive(Debug, Default)]
pub(crate) struct Interventions {
    /// Since when each is known, on the monotonic clock.
    known: BTreeMap<i64, i64>,
}

impl Interventions {
    /// Looks at what was asked for, and takes the next step of each. True when this supervisor is to become another one.
    pub(crate) async fn look(&mut self, keeper: &mut Keeper<'_>, fallen: &[Fallen]) -> bool {
        // Before the database is asked: who ended is told once.
        for end in fallen {
            keeper.recoveries.ended(end);
        }
        let looked = tokio::time::timeout(clock::scaled(PATIENCE), keeper.life.db.open_interventions()).await;
        let open = match looked {
            Ok(Ok(open)) => open,
            // What was begun goes on; what was asked for waits for the database.
            Ok(Err(error)) => return unread(&error.to_string()),
            Err(_) => return unread("the database is locked"),
        };
        if open.is_empty() {
            keeper.recoveries.none_is_open();
        }
        self.known.retain(|id, _| open.iter().any(|open| open.id == *id));
        let (mut replaced, mut steps) = (HashSet::new(), Vec::new());
        for open in open {
            match self.step(keeper, open, &mut replaced).await {
                Ok(step) => steps.push(step),
                Err(error) => tracing::warn!(%error, "what was asked for waits until the database can be written"),
            }
        }
        keeper.replaced = replaced;
        // Not while others are still being replaced: their grace is counted here.
        steps.contains(&Step::ReplaceOneself) && !steps.contains(&Step::EndThem)
    }

    /// Whether something was asked for that is not finished.
    pub(crate) fn are_open(&self) -> bool {
        !self.known.is_empty()
    }

    /// Waits until it is time for another look, when something was asked for.
    pub(crate) async fn soon(&self) {
        // Who takes longer than that is looked for once a second, like everything else.
        let recent = i64::try_from(clock::scaled(RECENT).as_millis()).unwrap_or(i64::MAX);
        let now = clock::monotonic_ms();
        if !self.known.values().any(|since| now - since < recent) {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(clock::scaled(SOON)).await;
    }

    async fn step(
        &mut self,
        keeper: &mut Keeper<'_>,
        open: Open,
        replaced: &mut HashSet<String>,
    ) -> Result<Step, DbError> {
        let db = keeper.life.db.clone();
        let Open { id, read, told } = open;
        let asked = match read {
            Ok(asked) => asked,
            Err(why) => {
                tracing::error!(id, %why, "a corrupt intervention is dropped and not acted on");
                db.drop_intervention(id, &intervention::dropped(&why.to_string())).await?;
                return Ok(Step::Wait);
            }
        };
        let now = clock::monotonic_ms();
        let known_for = now - *self.known.entry(id).or_insert(now);
        let late = known_for > i64::try_from(clock::scaled(TELL).as_millis()).unwrap_or(i64::MAX);
        let step = intervention::next(seen(keeper, &asked, told || late));
        if let (Kind::Recover, Some(replaces)) = (asked.kind, &asked.replaces) {
            recover(keeper, id, asked.role, replaces);
            let words = keeper.recoveries.words(id, replaces).join("; ");
            if !words.is_empty() {
                db.note_intervention(id, &words).await?;
                keeper.recoveries.told(id, replaces);
            }
        }
        match step {
            Step::Wait | Step::ReplaceOneself => {}
            Step::Begin => begin(keeper, id, &asked).await?,
            Step::EndThem => replaced.extend(asked.replaces.iter().flatten().cloned()),
            Step::Finish => {
                tracing::warn!(id, kind = asked.kind.as_str(), "finished");
                db.finish_intervention(id).await?;
                recoveries::over(keeper, id);
            }
        }
        Ok(step)
    }
}

fn unread(why: &str) -> bool {
    tracing::warn!(why, "what was asked for cannot be read now");
    false
}

fn seen(keeper: &Keeper<'_>, asked: &Intervention, told: bool) -> Seen {
    let replaces = asked.replaces.as_deref().unwrap_or_default();
    Seen {
        begun: asked.replaces.is_some(),
        told,
        others_there: keeper.wanted_people(asked.role).any(|name| replaces.iter().any(|old| old == name)),
        own: replaces.contains(&keeper.life.name),
        ready: keeper.is_ready(asked.role),
    }
}

/// Stores whom it replaces, unless those would not come back.
async fn begin(keeper: &mut Keeper<'_>, id: i64, asked: &Intervention) -> Result<(), DbError> {
    let db = keeper.life.db.clone();
    if let Err(why) = usable(keeper) {
        tracing::error!(id, why, "nothing is restarted into a configuration under which nothing could start");
        return db.drop_intervention(id, &intervention::refused(&why)).await;
    }
    let names = living(keeper, asked.role);
    tracing::warn!(id, kind = asked.kind.as_str(), ?names, "begun");
    db.begin_intervention(id, &names).await?;
    // Who waits for his next start waits no longer: somebody may just have put right what was wrong.
    for (post, state) in &mut keeper.posts {
        if state.wanted && is_of(*post, asked.role) && state.person.is_none() {
            state.not_before = 0;
        }
    }
    fail_point!("intervention-begun");
    Ok(())
}

/// Has the rungs taken at the posts of this role. Who is there already in the place of another one is left in peace.
fn recover(keeper: &mut Keeper<'_>, id: i64, role: Option<Role>, replaces: &[String]) {
    let of_old = |beat: &Beat| replaces.contains(&beat.name);
    for (post, state) in keeper.posts.iter_mut().filter(|(post, state)| state.wanted && is_of(**post, role)) {
        if state.person.as_ref().and_then(|person| person.beat.as_ref()).is_none_or(of_old) {
            keeper.recoveries.recover(id, *post, state);
        }
    }
}

/// The processes that are replaced when it begins now. Who finishes its last task is not wanted any more, and not replaced.
fn living(keeper: &Keeper<'_>, role: Option<Role>) -> Vec<String> {
    let own = Some(keeper.life.name.clone()).filter(|_| role.is_none_or(|role| role == Role::Supervisor));
    keeper.wanted_people(role).map(str::to_owned).chain(own).collect()
}

/// Whether processes could start now: the configuration may have been changed since.
fn usable(keeper: &Keeper<'_>) -> Result<(), String> {
    let config = config::load(&keeper.life.home).map_err(|error| error.to_string())?;
    Agent::find(&config).map(|_| ()).map_err(|error| error.to_string())
}

impl Keeper<'_> {
    /// The names of those at the wanted posts of a role, or of all.
    fn wanted_people(&self, role: Option<Role>) -> impl Iterator<Item = &str> {
        let meant = self.posts.iter().filter(move |(post, state)| state.wanted && is_of(**post, role));
        meant.filter_map(|(_, state)| Some(state.person.as_ref()?.beat.as_ref()?.name.as_str()))
    }

    /// Whether every wanted post of a role, or of all, has a ready process.
    fn is_ready(&self, role: Option<Role>) -> bool {
        let mut meant = self.posts.iter().filter(|(post, state)| state.wanted && is_of(**post, role));
        meant.all(|(_, state)| state.person.as_ref().is_some_and(|person| person.is_ready() && person.hang.is_none()))
    }
}

fn is_of(post: Post, role: Option<Role>) -> bool {
    role.is_none_or(|role| role == post.role)
}
