//! `[backup]`.

use std::path::PathBuf;

use serde::Deserialize;

/// `[backup]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Backup {
    /// Between two of them.
    pub every_minutes: u64,
    /// So many are kept.
    pub keep: usize,
    /// A second folder that each is copied to.
    pub copy_to: Option<PathBuf>,
}

impl Default for Backup {
    fn default() -> Self {
        Self { every_minutes: 60, keep: 24, copy_to: None }
    }
}

impl Backup {
    /// A sentence that begins with the key that is wrong.
    pub(super) fn check(&self) -> Result<(), String> {
        if !(1..=7 * 24 * 60).contains(&self.every_minutes) {
            return Err("backup.every_minutes must be from 1 to 10080 (a week)".into());
        }
        if !(1..=10_000).contains(&self.keep) {
            return Err("backup.keep must be from 1 to 10000".into());
        }
        match &self.copy_to {
            Some(path) if !path.is_absolute() => Err(format!("backup.copy_to must be an absolute path, not {path:?}")),
            Some(_) | None => Ok(()),
        }
    }
}
