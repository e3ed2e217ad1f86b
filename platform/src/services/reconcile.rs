//! Putting units in place: those of the posts that are kept are written and enabled, those of other posts are removed, what belongs to
//! another home is left alone. Done again it changes nothing.

use std::{collections::BTreeSet, fs, io, os::unix::fs::OpenOptionsExt, path::Path};

use agentlab_domain::{
    role::{MOST_WORKERS, Post, Role, posts},
    unit::{self, Found, Step},
};

use super::{Basis, Kind, Manager, SUPERVISOR, Trouble, launchd, systemd};

/// What was changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// Posts whose unit was written.
    pub written: BTreeSet<Post>,
    /// Posts whose unit was removed.
    pub removed: BTreeSet<Post>,
}

/// Every post that a home can have.
pub fn every_post() -> Vec<Post> {
    let mut every = vec![SUPERVISOR];
    every.extend(posts(MOST_WORKERS, true, true));
    every
}

impl Manager {
    /// What stands where the unit of a post belongs.
    pub fn found(&self, basis: &Basis, post: Post) -> Found {
        let text = match fs::read_to_string(self.file(post)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Found::Absent,
            Err(_) => return Found::CannotTell,
        };
        match self.home_in(&text) {
            Some(home) if home != basis.home => Found::Foreign,
            Some(_) | None if text == self.text(basis, post) => Found::Same,
            Some(_) | None => Found::Differs,
        }
    }

    /// Whether the post has a unit of its own. Under systemd all workers share a file, and each is enabled for itself.
    pub fn is_installed(&self, post: Post) -> bool {
        match (self.kind, post.role) {
            (Kind::Systemd, Role::Worker) => self.wanted_link(post).symlink_metadata().is_ok(),
            (Kind::Systemd, Role::Bot | Role::Supervisor | Role::Console) | (Kind::Launchd, _) => {
                self.file(post).exists()
            }
        }
    }

    /// The other homes whose units stand where ours belong.
    pub fn strangers(&self, basis: &Basis) -> BTreeSet<std::path::PathBuf> {
        let foreign = every_post().into_iter().filter(|post| self.found(basis, *post) == Found::Foreign);
        foreign.filter_map(|post| self.home_of(post)).collect()
    }

    /// Puts the units of the kept posts in place, and removes those of all others.
    pub async fn reconcile(&self, basis: &Basis, kept: &BTreeSet<Post>) -> Result<Changed, Trouble> {
        let mut changed = Changed::default();
        let mut steps = Vec::new();
        for post in every_post() {
            let found = match (self.found(basis, post), self.is_installed(post) || kept.contains(&post)) {
                // The file that workers share is no unit of a worker whom nobody wants.
                (Found::Same | Found::Differs, false) => Found::Absent,
                (found, _) => found,
            };
            steps.push((post, unit::step(found, kept.contains(&post))));
        }
        for (post, step) in &steps {
            if *step == Step::Remove {
                self.disable(*post).await?;
                self.remove_file(*post, kept)?;
                changed.removed.insert(*post);
            }
        }
        if self.kind == Kind::Systemd && !kept.is_empty() {
            write(&self.folder.join(systemd::TARGET), systemd::TARGET_TEXT)?;
        }
        for (post, step) in &steps {
            if *step == Step::Write {
                let text = self.text(basis, *post);
                if self.kind == Kind::Launchd {
                    launchd::read(&text)?;
                }
                write(&self.file(*post), &text)?;
                changed.written.insert(*post);
            }
        }
        if changed != Changed::default() {
            self.reread().await?;
        }
        for (post, step) in steps {
            if matches!(step, Step::Write | Step::Enable) && !self.is_enabled_by_link(post) {
                self.enable(post).await?;
            }
        }
        if self.kind == Kind::Systemd && !kept.is_empty() {
            self.enable_target().await?;
        }
        Ok(changed)
    }

    /// Writes the unit of one post where none stands. It is enabled when units are reconciled.
    pub fn place(&self, basis: &Basis, post: Post) -> Result<(), Trouble> {
        match self.found(basis, post) {
            Found::Absent => write(&self.file(post), &self.text(basis, post)),
            Found::Same | Found::Differs | Found::Foreign | Found::CannotTell => Ok(()),
        }
    }

    /// Removes every unit of this home, after everybody was stopped.
    pub async fn remove_all(&self, basis: &Basis) -> Result<Changed, Trouble> {
        let changed = self.reconcile(basis, &BTreeSet::new()).await?;
        if self.kind == Kind::Systemd {
            self.disable_target().await?;
            for file in [systemd::TARGET.to_owned(), systemd::file(Post { role: Role::Worker, slot: 1 })] {
                remove(&self.folder.join(file))?;
            }
            self.reread().await?;
        }
        Ok(changed)
    }

    fn remove_file(&self, post: Post, kept: &BTreeSet<Post>) -> Result<(), Trouble> {
        let shared = self.kind == Kind::Systemd && post.role == Role::Worker;
        let used = shared && kept.iter().any(|post| post.role == Role::Worker);
        if used { Ok(()) } else { remove(&self.file(post)) }
    }

    /// The link by which the target wants a post.
    fn wanted_link(&self, post: Post) -> std::path::PathBuf {
        self.folder.join(format!("{}.wants", systemd::TARGET)).join(self.name(post))
    }

    fn is_enabled_by_link(&self, post: Post) -> bool {
        match self.kind {
            Kind::Systemd => self.wanted_link(post).exists(),
            // It costs nothing to say it again.
            Kind::Launchd => false,
        }
    }
}

/// Writes a file in one piece.
fn write(path: &Path, text: &str) -> Result<(), Trouble> {
    let trouble = |error| Trouble::File { path: path.to_owned(), error };
    if fs::read_to_string(path).is_ok_and(|before| before == text) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(trouble)?;
    let new = path.with_extension("agentlab-new");
    let written = (|| {
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        io::Write::write_all(&mut file, text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        fs::File::open(folder)?.sync_all()
    })();
    written.map_err(trouble)
}

fn remove(path: &Path) -> Result<(), Trouble> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Trouble::File { path: path.to_owned(), error }),
    }
}
