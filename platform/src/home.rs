//! The home: the one directory (`$AGENTLAB_HOME`, by default `~/.agentlab`, mode 0700) that holds everything agentlab
//! keeps. This file names its parts and does nothing else with them.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use agentlab_domain::role::Post;

/// A Unix socket's path is limited to 104 bytes on macOS (108 on Linux), its end included.
const SOCKET_PATH_LIMIT: usize = 103;

/// Why the home cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    #[error("there is no home directory: set HOME or AGENTLAB_HOME")]
    Nowhere,
    #[error("AGENTLAB_HOME must be an absolute path, not {0:?}")]
    Relative(PathBuf),
    #[error("the home {0:?} is {1} bytes too long for the sockets in it: choose a shorter AGENTLAB_HOME")]
    TooLong(PathBuf, usize),
    #[error("the home {path:?} cannot be prepared: {error}")]
    Prepare { path: PathBuf, error: std::io::Error },
}

/// The home directory of the user, which is not ours.
pub fn user_home() -> Option<PathBuf> {
    std::env::var_os("HOME").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// The home directory of this system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// Finds the home and makes it, with its folders, if it is not there.
    pub fn open() -> Result<Self, HomeError> {
        let path = if let Some(path) = std::env::var_os("AGENTLAB_HOME").filter(|path| !path.is_empty()) {
            PathBuf::from(path)
        } else {
            user_home().ok_or(HomeError::Nowhere)?.join(".agentlab")
        };
        Self::at(path)
    }

    /// The home at `path`.
    pub fn at(path: PathBuf) -> Result<Self, HomeError> {
        if !path.is_absolute() {
            return Err(HomeError::Relative(path));
        }
        let home = Self(path);
        let longest = home.socket("supervisor").as_os_str().len();
        if longest > SOCKET_PATH_LIMIT {
            return Err(HomeError::TooLong(home.0, longest - SOCKET_PATH_LIMIT));
        }
        for folder in [home.0.clone(), home.runs(), home.logs(), home.0.join("run"), home.workspace()] {
            prepare(&folder).map_err(|error| HomeError::Prepare { path: folder, error })?;
        }
        Ok(home)
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }
    /// `config.toml`.
    pub fn config(&self) -> PathBuf {
        self.0.join("config.toml")
    }
    /// `orchestrator.md`: what every agent is told beside its task.
    pub fn instructions(&self) -> PathBuf {
        self.0.join("orchestrator.md")
    }
    /// What rehearsals remember of their conversations.
    pub fn rehearsals(&self) -> PathBuf {
        self.0.join("rehearsals")
    }
    /// `agentlab.db`.
    pub fn database(&self) -> PathBuf {
        self.0.join("agentlab.db")
    }
    /// The journal of promised transactions (rule I4), as far as it is written now.
    pub fn journal(&self) -> PathBuf {
        self.0.join("intake.jsonl")
    }
    /// What was cut off of the journal; not there before the first backup.
    pub fn journal_segments(&self) -> PathBuf {
        self.0.join("journal")
    }
    /// Starts and crashes of every process, one a line.
    pub fn crash_history(&self) -> PathBuf {
        self.0.join("crash_history.jsonl")
    }
    /// One directory a run.
    pub fn runs(&self) -> PathBuf {
        self.0.join("runs")
    }
    /// The releases that are kept; not there in a home that was never updated.
    pub fn releases(&self) -> PathBuf {
        self.0.join("releases")
    }
    /// One directory a backup; not there before the first.
    pub fn backups(&self) -> PathBuf {
        self.0.join("backups")
    }
    /// Databases that were replaced, one directory each; not there before the first.
    pub fn set_aside(&self) -> PathBuf {
        self.0.join("set-aside")
    }
    /// Who changes at this moment what all others run from or stand on.
    pub fn recovery(&self) -> PathBuf {
        self.0.join("run").join("recovery-in-progress")
    }
    /// Log files.
    pub fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }
    /// Where a chat without a project works.
    pub fn workspace(&self) -> PathBuf {
        self.0.join("workspace")
    }
    /// The lock that the process at a post holds for life.
    pub fn post_lock(&self, post: Post) -> PathBuf {
        self.lock(&post.to_string())
    }
    /// What the process at a post says of itself once a second.
    pub fn pulse(&self, post: Post) -> PathBuf {
        self.0.join("run").join(format!("{post}.pulse"))
    }
    /// Which alerts were given.
    pub fn alerts(&self) -> PathBuf {
        self.0.join("run").join("alerts.json")
    }
    /// How long requests to Telegram took.
    pub fn requests(&self) -> PathBuf {
        self.0.join("run").join("telegram.requests")
    }
    /// What the last pass of retention did.
    pub fn retention(&self) -> PathBuf {
        self.0.join("run").join("retention.json")
    }
    /// There while the disk is nearly full.
    pub fn disk_low(&self) -> PathBuf {
        self.0.join("run").join("disk.low")
    }
    /// Locks, sockets and pulses.
    pub fn run(&self) -> PathBuf {
        self.0.join("run")
    }
    /// A lock file by name.
    pub fn lock(&self, name: &str) -> PathBuf {
        self.0.join("run").join(format!("{name}.lock"))
    }
    /// A datagram socket by name.
    pub fn socket(&self, name: &str) -> PathBuf {
        self.0.join("run").join(format!("{name}.sock"))
    }
}

fn prepare(folder: &Path) -> std::io::Result<()> {
    if !folder.is_dir() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    // For us alone, and all of it: a folder that lost a mode would keep every process from starting.
    if fs::metadata(folder)?.permissions().mode() & 0o777 != 0o700 {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_for_us_alone_and_we_may_do_everything_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("h");
        let home = Home::at(path.clone()).unwrap();
        for wrong in [0o000, 0o500, 0o755, 0o777] {
            for folder in [home.run(), home.logs(), home.runs()] {
                fs::set_permissions(&folder, fs::Permissions::from_mode(wrong)).unwrap();
                Home::at(path.clone()).unwrap();
                assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700, "{wrong:o}");
            }
        }
    }

    #[test]
    fn a_home_that_sockets_cannot_live_in_is_refused() {
        let long = PathBuf::from(format!("/tmp/{}", "x".repeat(120)));
        assert!(matches!(Home::at(long), Err(HomeError::TooLong(_, _))));
        assert!(matches!(Home::at(PathBuf::from("relative")), Err(HomeError::Relative(_))));
    }
}
