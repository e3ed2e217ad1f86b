//! What a process uses of the machine. A *use* is of one moment; a process that is gone has none.

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// One process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Bytes that are in memory now.
    pub memory: u64,
}

/// What each of these uses, in their order. The caller knows that the PID is still that process.
pub fn of(pids: &[i32]) -> Vec<Option<Usage>> {
    let pids: Vec<Pid> = pids.iter().map(|pid| Pid::from_u32(pid.unsigned_abs())).collect();
    let Ok(mut system) = System::new() else { return vec![None; pids.len()] };
    let kind = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), false, kind);
    let usage = |pid| {
        let process = system.process(pid)?;
        Some(Usage { memory: process.memory() })
    };
    pids.into_iter().map(usage).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_use_something_and_nobody_uses_nothing() {
        let own = std::process::id().cast_signed();
        let found = of(&[own, i32::MAX]);
        let usage = found[0].unwrap();
        assert!(usage.memory > 1024 * 1024, "{usage:?}");
        assert_eq!(found[1], None);
    }
}
