//! What is left of a run whose shim is gone: every living process that is *proved* to belong to it, by its mark, by its
//! recorded identity, or as a descendant of one that is. *Spared* is who is not, whatever else speaks for it: this process,
//! and whoever has one of our posts (somebody may have started `agentlab up` from within an agent); and a process of
//! another run of this home, with what descends from it.

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
};

use super::{MARK, RunDir};
use crate::{
    home::Home,
    identity::{self, Identity, Living},
    pulse,
};

/// Who is never ended for belonging to a run.
#[derive(Debug, Clone)]
pub struct Spared(pub(super) HashSet<Identity>);

impl Spared {
    /// This process, and everybody who has a post in this home.
    pub fn of(home: &Home) -> io::Result<Self> {
        let mut spared = Self::own()?;
        spared.0.extend(pulse::all(home)?.into_iter().map(|beat| beat.identity));
        Ok(spared)
    }

    /// This process alone.
    pub fn own() -> io::Result<Self> {
        Ok(Self(HashSet::from([Identity::own()?])))
    }
}

/// One look at all processes that carry the mark of any run.
#[derive(Debug)]
pub struct Remains {
    carriers: Vec<(Identity, String)>,
    spared: Spared,
    runs: PathBuf,
}

impl Remains {
    /// Looks once; `runs` is where the runs of this home are.
    pub fn look(runs: &Path, spared: &Spared) -> io::Result<Self> {
        Ok(Self { carriers: identity::carriers(MARK)?, spared: spared.clone(), runs: runs.to_owned() })
    }

    /// Everybody who carries a mark, with the run that it names.
    pub fn carriers(&self) -> &[(Identity, String)] {
        &self.carriers
    }

    /// Everybody who carries the mark of run `id`.
    pub fn marked(&self, id: &str) -> impl Iterator<Item = Identity> {
        self.carriers.iter().filter(move |(_, of)| of == id).map(|(process, _)| process.clone())
    }

    /// Whether this process is spared.
    pub fn spares(&self, process: &Identity) -> bool {
        self.spared.0.contains(process)
    }

    /// Everything of run `id` that lives; an error when that cannot be told.
    pub fn of(&self, run: &RunDir, id: &str) -> io::Result<Vec<Identity>> {
        let cut: Vec<i32> = self.others(id).map(|process| process.pid).collect();
        let others: HashSet<&Identity> = self.others(id).collect();
        let mut living: Vec<Identity> = Vec::new();
        for process in self.marked(id).chain(run.recorded()?) {
            if others.contains(&process) || living.contains(&process) {
                continue;
            }
            match process.living() {
                Living::Yes => living.push(process),
                Living::No => {}
                Living::CannotTell => return Err(io::Error::other(format!("process {} cannot be seen", process.pid))),
            }
        }
        for process in living.clone() {
            let below = identity::descendants_beside(process.pid, &cut)?;
            // Looked at once more: only then were they his.
            if process.living() == Living::Yes {
                living.extend(below);
            }
        }
        let mut known = HashSet::new();
        living.retain(|process| known.insert(process.clone()));
        Ok(living)
    }

    /// Who does not belong to run `id`. A mark that names no run of this home does not speak against a process that is
    /// recorded: the agent may have started another home's system.
    fn others(&self, id: &str) -> impl Iterator<Item = &Identity> {
        let of_another = move |of: &str| of != id && !of.contains('/') && self.runs.join(of).is_dir();
        let carriers = self.carriers.iter().filter(move |(_, of)| of_another(of)).map(|(process, _)| process);
        self.spared.0.iter().chain(carriers)
    }
}

impl RunDir {
    /// Every identity that was recorded of the agent and of what it started.
    fn recorded(&self) -> io::Result<Vec<Identity>> {
        let mut recorded = self.family()?;
        recorded.extend(self.child()?);
        Ok(recorded)
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    /// A shell that carries the mark of `of` and has a child without it; both end with the test.
    struct Family(Child, Vec<Identity>);

    impl Family {
        fn of(of: &str) -> Self {
            let script = format!("env -u {MARK} sleep 600 & wait");
            let shell = Command::new("sh").args(["-c", &script]).env(MARK, of).spawn().unwrap();
            let pid = shell.id().cast_signed();
            let parent = Identity::of(pid).unwrap().unwrap();
            let unmarked = |child: &Identity| std::fs::read(format!("/proc/{}/cmdline", child.pid)).unwrap_or_default();
            let child = loop {
                let below = identity::descendants(pid).unwrap();
                // It has become what it is to be: the mark is gone.
                if let Some(child) = below.into_iter().find(|child| unmarked(child).starts_with(b"sleep\0")) {
                    break child;
                }
                std::thread::yield_now();
            };
            Self(shell, vec![parent, child])
        }
    }

    impl Drop for Family {
        fn drop(&mut self) {
            for process in &self.1 {
                crate::spawn::signal(process, crate::spawn::Wish::Kill);
            }
            let _ = self.0.wait();
        }
    }

    fn runs() -> (tempfile::TempDir, impl Fn(&str) -> RunDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let run = move |id: &str| {
            let run = RunDir::at(path.join(id));
            run.create().unwrap();
            run
        };
        (folder, run)
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_carries_the_mark_is_found_with_its_descendants_and_nothing_of_another_run_or_of_ours() {
        let (folder, run) = runs();
        let id = format!("remains-{}", std::process::id());
        let other = format!("remains-other-{}", std::process::id());
        let (family, stranger) = (Family::of(&id), Family::of(&other));
        let spared = Spared::own().unwrap();
        let found = |spared: &Spared, run: &RunDir, id: &str| {
            Remains::look(folder.path(), spared).unwrap().of(run, id).unwrap()
        };
        assert_eq!(found(&spared, &run(&id), &id), family.1, "the child has let go of the mark");
        // Recorded as ours, but of another run of this home: as when an agent started a system that runs tasks.
        let both: Vec<Identity> = family.1.iter().chain(&stranger.1[..1]).cloned().collect();
        run(&id).write_family(&both).unwrap();
        run(&other);
        assert_eq!(found(&spared, &run(&id), &id), family.1);
        std::fs::remove_dir(folder.path().join(&other)).unwrap();
        assert_eq!(found(&spared, &run(&id), &id).len(), 4, "of another home: recorded, so ours");
        run(&id).write_family(&[]).unwrap();
        // Somebody at a post of ours, started from within the agent.
        let at_post = Spared(HashSet::from([family.1[0].clone(), stranger.1[0].clone()]));
        assert_eq!(found(&at_post, &run(&id), &id), []);
        assert_eq!(found(&at_post, &run(&other), &other), []);
    }

    #[test]
    fn a_recorded_pid_that_is_another_process_now_is_nothing_of_the_run() {
        let (folder, run) = runs();
        let own = Identity::own().unwrap();
        let run = run("reused");
        run.write_family(&[Identity { start: own.start - 1, ..own }]).unwrap();
        let spared = Spared(HashSet::new());
        assert_eq!(Remains::look(folder.path(), &spared).unwrap().of(&run, "reused").unwrap(), []);
    }

    #[test]
    fn who_has_a_post_is_spared() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("h")).unwrap();
        let worker = Identity { boot: "b".into(), pid: 7, start: 9 };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let post = agentlab_domain::role::Post { role: agentlab_domain::role::Role::Worker, slot: 1 };
        let _inside = runtime.enter();
        let begun =
            pulse::Pulse::begin(&home.pulse(post), ("worker-1.X", &worker), "config", &std::sync::Arc::default());
        drop(begun.unwrap());
        let spared = Spared::of(&home).unwrap();
        assert!(spared.0.contains(&worker) && spared.0.contains(&Identity::own().unwrap()));
        // A beat that cannot be read matters only while somebody is there.
        std::fs::write(home.pulse(post), "{").unwrap();
        assert!(!Spared::of(&home).unwrap().0.contains(&worker));
        let _held = crate::lock::Lock::try_take(&home.post_lock(post), crate::lock::Mode::Exclusive).unwrap();
        assert!(Spared::of(&home).is_err(), "cannot tell");
    }
}
