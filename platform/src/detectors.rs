//! Detectors, as their own pulses tell of them. A *detector* is a loop that looks for what is wrong; its turns are its *sweeps*.
//! One that does not sweep finds nothing, and nothing found looks like health: so it is *silent*, and that is told.
//! No database is needed for it.

use std::collections::BTreeMap;

use agentlab_domain::{
    hang::Standing,
    role::{Post, Role},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{alert, home::Home, pulse, watch};

/// The loops that are detectors: the supervisor's looks at posts, at holders of locks, at orphans and at what its rules name, and
/// the looks of bot and console at the supervisor.
const NAMES: [&str; 6] = ["posts", "holders", "orphans", RULES, FACTS, watch::LOOP];
/// The supervisor's look at what the rules of alerts name.
pub const RULES: &str = "rules";

/// What these need that may take long.
pub const FACTS: &str = "facts";

/// Whether a loop finds what is wrong, or tells of it.
fn is_one(name: &str) -> bool {
    NAMES.contains(&name) || alert::LOOPS.contains(&name)
}

/// One detector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Detector {
    pub sweeps: u64,
    /// It should have swept by now, or its process stands still.
    pub silent: bool,
}

/// Every detector of every process that lives, by process and name.
pub type Detectors = BTreeMap<String, BTreeMap<String, Detector>>;

/// Looks at the pulses now.
pub fn all(home: &Home) -> Detectors {
    let posts = [Role::Supervisor, Role::Bot, Role::Console].map(|role| Post { role, slot: 0 });
    posts.into_iter().filter_map(|post| Some((post.to_string(), of(home, post)?))).collect()
}

fn of(home: &Home, post: Post) -> Option<BTreeMap<String, Detector>> {
    let beat = pulse::read(home, post)?;
    let stands_still = match beat.identity.standing() {
        Standing::Stopped => true,
        Standing::Running | Standing::Blocked | Standing::CannotTell => false,
        // Who is dead detects nothing, and that is told where processes are listed.
        Standing::Gone => return None,
    };
    let detectors = beat.loops.into_iter().filter(|(name, _)| is_one(name));
    let detector = |turns: pulse::LoopBeat| Detector { sweeps: turns.turns, silent: turns.late_ms > 0 || stands_still };
    Some(detectors.map(|(name, turns)| (name, detector(turns))).collect())
}

/// A line for each one that is silent, for people.
pub fn silent(detectors: &Detectors) -> Vec<String> {
    let line = |process: &String, name: &String, detector: &Detector| {
        detector.silent.then(|| {
            format!("the detector `{name}` of {process} is silent after {} sweeps: {process} hangs", detector.sweeps)
        })
    };
    detectors
        .iter()
        .flat_map(|(process, of)| of.iter().filter_map(move |(name, detector)| line(process, name, detector)))
        .collect()
}
