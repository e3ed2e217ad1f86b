//! What a process uses of the machine. A *use* is of one moment; a process that is gone has none.

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// One process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Bytes that are in memory now.
    pub memory: u64,
    /// Of these its own, with its share of what it has in common with others (PSS); where no system tells that, `memory`.
    pub own_memory: u64,
    /// Processor time since it began, in milliseconds.
    pub cpu_ms: u64,
    /// Since when it runs, in seconds.
    pub age_s: u64,
}

/// What each of these uses, in their order. The caller knows that the PID is still that process.
pub fn of(pids: &[i32]) -> Vec<Option<Usage>> {
    let pids: Vec<Pid> = pids.iter().map(|pid| Pid::from_u32(pid.unsigned_abs())).collect();
    let Ok(mut system) = System::new() else { return vec![None; pids.len()] };
    let kind = ProcessRefreshKind::nothing().with_memory().with_cpu();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), false, kind);
    let usage = |pid| {
        let process = system.process(pid)?;
        let own_memory = own_memory(pid.as_u32()).unwrap_or(process.memory());
        Some(Usage {
            memory: process.memory(),
            own_memory,
            cpu_ms: process.accumulated_cpu_time(),
            age_s: process.run_time(),
        })
    };
    pids.into_iter().map(usage).collect()
}

/// The share of a process in what is in memory; only the owner of a process is told.
#[cfg(target_os = "linux")]
fn own_memory(pid: u32) -> Option<u64> {
    let maps = procfs::process::Process::new(pid.cast_signed()).ok()?.smaps_rollup().ok()?;
    maps.memory_map_rollup.iter().filter_map(|map| map.extension.map.get("Pss").copied()).reduce(|a, b| a + b)
}

#[cfg(target_os = "macos")]
fn own_memory(_pid: u32) -> Option<u64> {
    None
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
        assert!(usage.own_memory > 512 * 1024 && usage.own_memory <= usage.memory, "{usage:?}");
        assert_eq!(found[1], None);
    }
}
