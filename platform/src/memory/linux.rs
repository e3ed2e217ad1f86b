//! Memory as Linux counts it: `/proc/vmstat` for the whole machine, `memory.events` for a cgroup (version 2).

use std::{
    fs,
    path::{Path, PathBuf},
};

use agentlab_domain::memory::Kills;

/// Where cgroups of version 2 are mounted.
const GROUPS: &str = "/sys/fs/cgroup";
/// How much likelier than an ordinary process an agent is killed, of 1000.
const FIRST: i32 = 300;
const OWN_SCORE: &str = "/proc/self/oom_score_adj";

#[derive(Debug, Clone)]
pub(super) struct Counts {
    /// `memory.events` of our cgroup.
    group: Option<PathBuf>,
}

impl Counts {
    pub(super) fn find() -> Self {
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let group = group_of(&own).map(|group| Path::new(GROUPS).join(group).join("memory.events"));
        Self { group: group.filter(|events| events.exists()) }
    }

    pub(super) fn kills(&self) -> Kills {
        let count = |path: &Path| fs::read_to_string(path).ok().as_deref().and_then(count);
        Kills { group: self.group.as_deref().and_then(count), system: count(Path::new("/proc/vmstat")) }
    }
}

pub(super) fn go_first() {
    // Raising needs no privilege; what somebody set higher is left so.
    if let Ok(score) = fs::read_to_string(OWN_SCORE)
        && score.trim().parse().is_ok_and(|score: i32| score < FIRST)
    {
        let _ = fs::write(OWN_SCORE, FIRST.to_string());
    }
}

/// The path of the cgroup of version 2 in `/proc/self/cgroup`, relative to the mount.
fn group_of(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("0::/"))
}

/// The count of kills, as both files write it: a line `oom_kill N`.
fn count(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read_and_no_other_line_is_taken_for_it() {
        assert_eq!(count("pgfault 17\noom_kill 3\nnuma_hit 5\n"), Some(3));
        assert_eq!(count("low 0\nhigh 0\nmax 12\noom 9\noom_kill 0\noom_group_kill 4\n"), Some(0));
        assert_eq!(count("oom 9\noom_group_kill 4\n"), None);
        assert_eq!(count("oom_kill many\n"), None);
        assert_eq!(count(""), None);
    }

    #[test]
    fn the_group_of_version_2_is_found_and_no_other() {
        let both = "4:memory:/old\n1:cpu:/\n0::/user.slice/user-1000.slice/agentlab.service\n";
        assert_eq!(group_of(both), Some("user.slice/user-1000.slice/agentlab.service"));
        assert_eq!(group_of("4:memory:/old\n"), None);
        assert_eq!(group_of("0::/\n"), Some(""), "the root, which has no memory.events");
    }

    #[test]
    fn this_system_counts_its_kills() {
        let counts = Counts::find();
        let (before, after) = (counts.kills(), counts.kills());
        assert!(before.system.is_some(), "since Linux 4.13");
        assert!(before.system <= after.system && before.group <= after.group);
    }
}
