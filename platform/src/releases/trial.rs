//! The trial that goes on, in `releases/trial.json`. It is *in force* while its release is the one in place: so a switch that
//! was never made, or was undone, leaves no trial behind. What follows from it is decided in `agentlab_domain::trial`.

use std::path::PathBuf;

use agentlab_domain::trial;
use serde::{Deserialize, Serialize};

use super::{Release, ReleaseError, change, current, turn};
use crate::{clock, crash_history, files, home::Home};

/// Faults that are remembered: more than are counted.
const REMEMBERED: usize = 10;

/// A trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The release on trial.
    pub release: String,
    /// What was in place before.
    pub from: String,
    /// Unix milliseconds.
    pub switched_at: i64,
    /// Starts of its supervisor, one after the other, that came to nothing so far.
    #[serde(default)]
    pub starts: u32,
    /// For how long all was well since the last fault, in all.
    #[serde(default)]
    pub healthy_ms: u64,
    #[serde(default)]
    pub faults: Vec<Fault>,
}

/// Something that a release brought upon itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub at: i64,
    pub process: String,
    pub why: String,
}

impl Trial {
    /// The faults that count now.
    pub fn together(&self) -> usize {
        let times: Vec<i64> = self.faults.iter().map(|fault| fault.at).collect();
        trial::together(&times, crash_history::spans())
    }

    /// The last fault, for people.
    pub fn last_fault(&self) -> Option<String> {
        self.faults.last().map(|fault| format!("{}: {}", fault.process, fault.why))
    }
}

fn path(home: &Home) -> PathBuf {
    home.releases().join("trial.json")
}

/// What is written there, whether it is in force or not.
pub(super) fn read(home: &Home) -> Option<Trial> {
    serde_json::from_slice(&std::fs::read(path(home)).ok()?).ok()
}

/// The trial that is in force.
pub fn in_force(home: &Home) -> Option<Trial> {
    let trial = read(home)?;
    let current = current(home)?;
    (current.name == trial.release && current.bad.is_none()).then_some(trial)
}

/// Begins the trial of a release that is about to be put in place after `from`.
pub fn begin(home: &Home, release: &Release, from: &str) -> Result<(), ReleaseError> {
    let _turn = turn(home)?;
    change(home, &release.name, |release| release.from = Some(from.to_owned()))?;
    let trial = Trial {
        release: release.name.clone(),
        from: from.to_owned(),
        switched_at: clock::now_ms(),
        starts: 0,
        healthy_ms: 0,
        faults: Vec::new(),
    };
    write(home, &trial)
}

/// Changes the trial that is in force, if one is; returns it as it is then.
pub fn note(home: &Home, change: impl FnOnce(&mut Trial)) -> Result<Option<Trial>, ReleaseError> {
    let _turn = turn(home)?;
    let Some(mut trial) = in_force(home) else { return Ok(None) };
    let before = trial.clone();
    change(&mut trial);
    if trial.faults.len() > REMEMBERED {
        trial.faults.remove(0);
    }
    if trial != before {
        write(home, &trial)?;
    }
    Ok(Some(trial))
}

/// Notes a fault of the release on trial.
pub fn fault(home: &Home, process: &str, why: &str) -> Result<Option<Trial>, ReleaseError> {
    let why: String = why.chars().take(400).collect();
    let fault = Fault { at: clock::now_ms(), process: process.to_owned(), why };
    note(home, |trial| {
        trial.faults.push(fault);
        // One that falls over every five minutes has not been healthy for ten.
        trial.healthy_ms = 0;
    })
}

/// It is over.
pub(super) fn end(home: &Home) -> Result<(), ReleaseError> {
    files::remove(&path(home)).map_err(ReleaseError::at(&path(home)))
}

/// It failed, and there is nothing to go back to: it runs on without a trial.
pub fn give_up(home: &Home) -> Result<(), ReleaseError> {
    let _turn = turn(home)?;
    end(home)
}

/// The release on trial has proved itself.
pub fn pass(home: &Home, name: &str) -> Result<(), ReleaseError> {
    super::healthy(home, name)?;
    let _turn = turn(home)?;
    if in_force(home).is_some_and(|trial| trial.release == name) { end(home) } else { Ok(()) }
}

fn write(home: &Home, trial: &Trial) -> Result<(), ReleaseError> {
    let path = path(home);
    let bytes = serde_json::to_vec_pretty(trial).map_err(std::io::Error::from);
    bytes.and_then(|bytes| files::put(&path, &bytes)).map_err(ReleaseError::at(&path))
}
