//! Leftovers: a sweep for processes that outlived their run, found by the mark in their environment, by the identities that
//! the run's shim recorded, and by descent from either. What is done about one is decided in `domain::leftover`: ended is
//! only what belongs to a run that our database knows and that is over, and whose shim is gone.

use std::collections::{HashMap, HashSet};

use agentlab_domain::{
    hang::Standing,
    leftover::{self, Of, Seen, Verdict},
    orphan::Fact,
};
use agentlab_platform::{
    db::{DbError, orphans::KnownRun},
    home::Home,
    identity::Identity,
    life::Life,
    run_dir::{Remains, RunDir, Spared},
    spawn,
};

/// So many of the newest runs are looked at for what their shims recorded.
const NEWEST: u32 = 50;

/// Why a sweep found out nothing.
#[derive(Debug, thiserror::Error)]
enum SweepError {
    #[error("{0}")]
    Db(#[from] DbError),
    #[error("{0}")]
    File(#[from] std::io::Error),
    #[error("the look broke: {0}")]
    Look(#[from] tokio::task::JoinError),
}

/// What earlier sweeps found out.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    /// Runs that are over and of which nobody lives: nobody is recorded any more, so that stays so.
    empty: HashSet<String>,
    /// Marks of runs that this database does not know: each is said once.
    foreign: HashSet<String>,
}

/// The runs that matter: those whose mark somebody carries, and those that ended lately. `None` for what is no run of ours.
type Runs = HashMap<String, Option<KnownRun>>;

/// One look at them.
#[derive(Debug, Default)]
struct Found {
    /// What is to be done.
    verdicts: Vec<(Identity, String, Verdict)>,
    /// Nothing of these is left.
    empty: Vec<String>,
}

impl Leftovers {
    /// Sweeps once. What cannot be read now is read by the next sweep.
    pub(crate) async fn sweep(&mut self, life: &Life) {
        if let Err(error) = self.look_and_act(life).await {
            tracing::warn!(%error, "what outlived its run cannot be looked for now");
        }
    }

    async fn look_and_act(&mut self, life: &Life) -> Result<(), SweepError> {
        let newest = life.db.newest_over(NEWEST).await?;
        self.empty.retain(|id| newest.iter().any(|run| run.id == *id));
        let home = life.home.clone();
        let remains = move || Remains::look(&home.runs(), &Spared::of(&home)?);
        let remains = tokio::task::spawn_blocking(remains).await??;
        let unseen = newest.into_iter().filter(|run| !self.empty.contains(&run.id));
        let mut runs: Runs = unseen.map(|run| (run.id.clone(), Some(run))).collect();
        for (_, id) in remains.carriers() {
            if !runs.contains_key(id) {
                runs.insert(id.clone(), life.db.known_run(id).await?);
            }
        }
        let tasks: HashMap<String, i64> =
            runs.iter().filter_map(|(id, run)| Some((id.clone(), run.as_ref()?.task))).collect();
        let home = life.home.clone();
        let found = tokio::task::spawn_blocking(move || look(&home, &remains, &runs)).await?;
        self.empty.extend(found.empty);
        let mut foreign = HashSet::new();
        for (process, run, verdict) in found.verdicts {
            act(&process, (&run, tasks.get(&run).copied()), verdict);
            if verdict == Verdict::Foreign {
                foreign.insert(run);
            }
        }
        for run in foreign.difference(&self.foreign) {
            tracing::info!(run.id = %run, "processes carry the mark of a run that this database does not know: left alone");
        }
        self.foreign = foreign;
        Ok(())
    }
}

/// Looks at what is left of each of these runs.
fn look(home: &Home, remains: &Remains, runs: &Runs) -> Found {
    let mut found = Found::default();
    for (id, known) in runs {
        let run = RunDir::of(home, id);
        let of = match known {
            None => Of::Unknown,
            // Who is recorded there may be of a run that goes on elsewhere.
            Some(_) if run.is_copy() => Of::CannotTell,
            Some(known) if known.over => Of::Over,
            Some(_) => match run.exit() {
                Ok(Some(_)) => Of::Over,
                Ok(None) => Of::Live,
                Err(_) => Of::CannotTell,
            },
        };
        let (shim, living) = match of {
            Of::Over => (Fact::of(run.lock_held()), remains.of(&run, id)),
            // Nothing of it is looked at, and its lock is not touched: others live by it.
            Of::Unknown | Of::Live | Of::CannotTell => (Fact::CannotTell, Ok(remains.marked(id).collect())),
        };
        let Ok(living) = living else { continue };
        if living.is_empty() && shim == Fact::No {
            found.empty.push(id.clone());
            continue;
        }
        let keeper = if of == Of::Over { run.shim().ok().flatten() } else { None };
        for process in living {
            let is_shim = keeper.as_ref() == Some(&process);
            let still = process.standing() == Standing::Stopped;
            let verdict = leftover::decide(Seen { of, shim, is_shim, still, ours: remains.spares(&process) });
            found.verdicts.push((process, id.clone(), verdict));
        }
    }
    found
}

fn act(process: &Identity, (run, task): (&str, Option<i64>), verdict: Verdict) {
    let pid = process.pid;
    match verdict {
        Verdict::End => {
            tracing::warn!(task, run.id = run, pid, "outlived its run; I end it");
            spawn::signal(process, spawn::Wish::Kill);
        }
        Verdict::Wake => {
            tracing::warn!(task, run.id = run, pid, "the shim of a run that is over stands still (SIGSTOP); I wake it");
            spawn::signal(process, spawn::Wish::Continue);
        }
        Verdict::Foreign | Verdict::Leave => {}
    }
}
