//! Whether this disk still takes new work: asked at the moment of taking it, from the disk itself. That it *was low* is a file that the
//! supervisor keeps (`run/disk.low`), so that all processes take new work again at the same moment.

use agentlab_domain::room::{self, Verdict};

use crate::{disk, home::Home};

/// Looks now; `floor` is the configured one, in MiB.
pub fn look(home: &Home, floor: Option<u64>) -> Verdict {
    room::decide(disk::room(home.path()), floor, home.disk_low().exists())
}
