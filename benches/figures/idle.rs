//! What an idle system takes: processor time and memory of all its processes (supervisor, bot, three workers, console)
//! while nothing happens. *PSS* is the memory of a process in which each page counts by how many share it, so that the
//! sum over processes is true.
//!
//! The floor is as many processes of this program that only wake once a second. Linux only: elsewhere there is no /proc.

use std::{fs, time::Duration};

use agentlab_stand_ins::BotApi;
use anyhow::Context;

use crate::{
    clock,
    floor::Floor,
    table::{Row, Table, aim},
    world::{self, Part, World},
};

/// The variable that sets for how many seconds an idle system is watched.
const SECONDS: &str = "AGENTLAB_BENCH_SECONDS";
/// From ready to idle.
const SETTLE: Duration = Duration::from_secs(3);
const AIM_PERCENT: f64 = 0.1;
const AIM_KIB: u64 = 40 * 1024;

pub(crate) fn measure(_: &Floor, table: &mut Table) -> anyhow::Result<()> {
    if !cfg!(target_os = "linux") {
        table.note("idle: not measured, for there is no /proc here".into());
        return Ok(());
    }
    let seconds = std::env::var(SECONDS).ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let api = BotApi::start();
    let world = World::with_bot(&api)?;
    let up = world.up()?;
    let ours: Vec<i32> = world.processes()?.iter().map(|process| process.pid).collect();
    let others = World::empty()?;
    let sleepers: Vec<Part> = ours.iter().map(|_| others.part("sleeper", &[])).collect::<anyhow::Result<_>>()?;
    std::thread::sleep(SETTLE);
    let before = Taken::of(&ours)?;
    let floor_before = Taken::of(&sleepers.iter().map(Part::pid).collect::<Vec<_>>())?;
    let began = clock::now();
    std::thread::sleep(Duration::from_secs(seconds));
    let watched = clock::now().saturating_sub(began);
    let after = Taken::of(&ours)?;
    let floor_after = Taken::of(&sleepers.iter().map(Part::pid).collect::<Vec<_>>())?;
    drop(sleepers);
    up.stop()?;
    let (cpu, floor_cpu) = (after.percent(&before, watched), floor_after.percent(&floor_before, watched));
    table.row(Row {
        figure: format!("idle, processor time of {} processes ({seconds} s)", ours.len()),
        measured: format!("{cpu:.3} % of a core"),
        floor: format!("{floor_cpu:.3} % (as many sleepers)"),
        ratio: format!("{:.1}", cpu / floor_cpu),
        aim: aim("under 0.1 %", cpu < AIM_PERCENT),
    });
    table.row(Row {
        figure: "idle, PSS of all of them".into(),
        measured: format!("{:.1} MiB", mib(after.pss())),
        floor: format!("{:.1} MiB (as many sleepers)", mib(floor_after.pss())),
        ratio: format!("{:.1}", mib(after.pss()) / mib(floor_after.pss())),
        aim: aim("under 40 MiB", after.pss() < AIM_KIB),
    });
    table.note(format!("idle, each: {}", after.each(&before, watched)));
    Ok(())
}

/// What processes have taken until now.
#[derive(Debug)]
struct Taken(Vec<One>);

#[derive(Debug)]
struct One {
    name: String,
    cpu: Duration,
    pss_kib: u64,
}

impl Taken {
    fn of(pids: &[i32]) -> anyhow::Result<Self> {
        let one = |pid: &i32| Ok(One { name: name(*pid)?, cpu: cpu(*pid)?, pss_kib: pss_kib(*pid)? });
        Ok(Self(pids.iter().map(one).collect::<anyhow::Result<_>>()?))
    }

    fn percent(&self, before: &Self, watched: Duration) -> f64 {
        let spent = |taken: &Self| taken.0.iter().map(|one| one.cpu).sum::<Duration>();
        100.0 * spent(self).saturating_sub(spent(before)).div_duration_f64(watched)
    }

    fn pss(&self) -> u64 {
        self.0.iter().map(|one| one.pss_kib).sum()
    }

    fn each(&self, before: &Self, watched: Duration) -> String {
        let each = self.0.iter().zip(&before.0).map(|(now, then)| {
            let percent = 100.0 * now.cpu.saturating_sub(then.cpu).div_duration_f64(watched);
            format!("{} {percent:.3} % and {:.1} MiB", now.name, mib(now.pss_kib))
        });
        each.collect::<Vec<_>>().join("; ")
    }
}

/// The role, as the command line has it.
fn name(pid: i32) -> anyhow::Result<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline"))?;
    let words: Vec<_> = line.split(|byte| *byte == 0).skip(1).map(String::from_utf8_lossy).collect();
    Ok(words.join(" ").replace("--slot ", "").trim_end().to_owned())
}

/// Processor time of all threads. The scheduler counts it in nanoseconds; the ticks of /proc/PID/stat would be too
/// coarse for a process that takes a hundredth of a second a minute.
fn cpu(pid: i32) -> anyhow::Result<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let line = fs::read_to_string(thread?.path().join("schedstat"))?;
        nanoseconds += line.split_whitespace().next().context("an empty schedstat")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

fn pss_kib(pid: i32) -> anyhow::Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss in smaps_rollup")?;
    Ok(line.split_whitespace().next().context("an empty Pss")?.parse()?)
}

fn mib(kib: u64) -> f64 {
    Duration::from_millis(kib * 1000).as_secs_f64() / 1024.0
}

/// The part of a process that wakes once a second and does nothing.
pub(crate) fn sleeper() -> anyhow::Result<()> {
    world::end_with_parent();
    world::say_that_it_began();
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}
