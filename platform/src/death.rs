//! A death as whoever noticed it can tell it: what the process said of itself in its pulse, and how it ended. Whether it was a
//! crash is decided in `domain::crash`.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

use agentlab_domain::{
    crash::{Born, How, Release},
    role::Post,
};

use crate::{clock, home::Home, identity::Identity, pulse, pulse::Beat, release, releases, spawn};

/// One process that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// When it was noticed, Unix milliseconds.
    pub at: i64,
    pub post: Post,
    /// Unique per process start; `None` when it died before it had said anything of itself.
    pub name: Option<String>,
    pub release: Release,
    pub born: Born,
    pub how: How,
    /// The last line that it printed.
    pub last: Option<String>,
    /// `None` where that is not known.
    pub was_ready: Option<bool>,
    /// Somebody had asked it to stop, or it had said that it ends.
    pub asked: bool,
}

/// How a child ended.
pub fn how(status: ExitStatus) -> How {
    match (status.code(), status.signal()) {
        (Some(code), _) => How::Exited(code),
        (None, Some(signal)) => How::Signalled(signal),
        (None, None) => How::Unseen,
    }
}

/// The release that whoever said nothing of itself was started from: the one in place, else what is installed, as we were.
fn installed(home: &Home) -> (Release, Born) {
    match releases::current(home) {
        Some(current) => {
            let born = Born { installed_at: Some(current.taken_at), committed_at: None };
            (Release { version: current.version, commit: Some(current.name) }, born)
        }
        None => (release::current().named(), release::current().born()),
    }
}

impl Death {
    /// The death of `who` at a post; `None`: of whoever was there last. To be called before its post is filled again.
    pub fn of(home: &Home, post: Post, who: Option<&Identity>, how: How) -> Self {
        let beat = pulse::read(home, post).filter(|beat| who.is_none_or(|who| *who == beat.identity));
        let last = spawn::last_words(home, post);
        if let Some(beat) = beat {
            return Self { last, ..Self::after(post, beat, how) };
        }
        let death = Self::silent(home, post, how);
        Self { was_ready: who.map(|_| false), ..death }
    }

    /// The death of whoever was started at a post and said nothing of himself: what the pulse holds is of the one before.
    pub fn silent(home: &Home, post: Post, how: How) -> Self {
        let (release, born) = installed(home);
        let (last, was_ready) = (spawn::last_words(home, post), Some(false));
        Self { at: clock::now_ms(), post, name: None, release, born, how, last, was_ready, asked: false }
    }

    /// The death of whoever said this last; what it printed is not known.
    pub fn after(post: Post, beat: Beat, how: How) -> Self {
        let orderly = match how {
            // How it ended is known; that it says so itself adds nothing.
            How::Exited(_) | How::Signalled(_) | How::Hung(_) => false,
            How::Found | How::Unseen => beat.ended,
        };
        Self {
            at: clock::now_ms(),
            post,
            name: Some(beat.name),
            release: Release { version: beat.version, commit: beat.commit },
            born: Born { installed_at: beat.installed_at, committed_at: beat.committed_at },
            how,
            last: None,
            was_ready: Some(beat.ready),
            asked: beat.asked || orderly,
        }
    }
}
