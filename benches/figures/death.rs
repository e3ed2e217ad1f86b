//! A death: from `kill -9` of a worker or of the bot, while nothing else happens, to the first statement in the `main` of its
//! successor, and to the moment at which the successor says that it is ready.
//!
//! The first is measured with a *successor* that is this program in another part: it stands where the executable is, reports
//! and becomes the real one by `exec`. The second is measured in another system, without that detour.

use std::{
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use agentlab_domain::role::{Post, Role};
use agentlab_platform::{
    home::Home,
    identity::Identity,
    pulse,
    spawn::{self, Wish},
};
use agentlab_stand_ins::BotApi;
use anyhow::{Context, bail};

use crate::{
    clock,
    floor::Floor,
    report::{self, Reporter, Reports},
    samples::{Samples, ms},
    table::{Row, Table, aim, ratio},
    world::{LONG, PROGRAM, World},
};

const DEATHS: usize = 40;
/// Between a successor that is ready and the next death.
const QUIET: Duration = Duration::from_millis(200);
/// Between two looks whether somebody is ready.
const LOOK: Duration = Duration::from_micros(300);
const EXEC_AIM: Duration = Duration::from_millis(10);
const READY_AIM: Duration = Duration::from_millis(60);
const POSTS: [Post; 2] = [Post { role: Role::Worker, slot: 1 }, Post { role: Role::Bot, slot: 0 }];

pub(crate) fn measure(floor: &Floor, table: &mut Table) -> anyhow::Result<()> {
    let api = BotApi::start();
    let exec = to_exec(&api)?;
    let ready = to_ready(&api)?;
    let bare = bare(&api)?;
    let spawn = floor.spawn.p50();
    for (post, ((exec, ready), bare)) in POSTS.iter().zip(exec.iter().zip(&ready).zip(&bare)) {
        let role = post.role.as_str();
        let row = |what: &str, samples: &Samples, floor: Duration, words: &str, aim: String| Row {
            figure: format!("death of the {role} to {what} (n = {})", samples.count()),
            measured: format!("p50 {}, p95 {}", ms(samples.p50()), ms(samples.p95())),
            floor: format!("{} ({words})", ms(floor)),
            ratio: ratio(samples.p50(), floor),
            aim,
        };
        let met = aim("p50 under 10 ms", exec.p50() < EXEC_AIM);
        table.row(row("successor's main", exec, spawn, "spawn + wait of /bin/true", met));
        let met = aim("p50 under 60 ms", ready.p50() < READY_AIM);
        table.row(row("successor ready", ready, bare.p50(), "the same role started by itself", met));
    }
    Ok(())
}

/// From a death to the successor's `main`.
fn to_exec(api: &BotApi) -> anyhow::Result<[Samples; 2]> {
    let world = World::with_bot(api)?;
    let (home, program) = (world.home()?, world.path("agentlab"));
    let reports = Reports::at(&world.path("report"))?;
    install(Path::new(PROGRAM), &program)?;
    let environment = [(crate::PART, "successor".into()), (report::VARIABLE, world.path("report"))];
    let up = world.up_from(&program, &environment)?;
    // Who is started from now on reports.
    install(&std::env::current_exe()?, &program)?;
    let mut measured = [Vec::new(), Vec::new()];
    for _ in 0..DEATHS {
        for (post, measured) in POSTS.iter().zip(&mut measured) {
            std::thread::sleep(QUIET);
            let dead = ready(&home, *post, None)?;
            let killed = kill(&dead);
            measured.push(reports.next()?.saturating_sub(killed));
            ready(&home, *post, Some(&dead))?;
        }
    }
    up.stop()?;
    Ok(measured.map(|measured| measured.into_iter().collect()))
}

/// From a death to a successor that is ready.
fn to_ready(api: &BotApi) -> anyhow::Result<[Samples; 2]> {
    let world = World::with_bot(api)?;
    let home = world.home()?;
    let up = world.up()?;
    let mut measured = [Vec::new(), Vec::new()];
    for _ in 0..DEATHS {
        for (post, measured) in POSTS.iter().zip(&mut measured) {
            std::thread::sleep(QUIET);
            let dead = ready(&home, *post, None)?;
            let killed = kill(&dead);
            ready(&home, *post, Some(&dead))?;
            measured.push(clock::now().saturating_sub(killed));
        }
    }
    up.stop()?;
    Ok(measured.map(|measured| measured.into_iter().collect()))
}

/// From the start of a role by itself, in a home where only another worker lives, to its being ready.
fn bare(api: &BotApi) -> anyhow::Result<[Samples; 2]> {
    let world = World::with_bot(api)?;
    let home = world.home()?;
    world.up()?.stop()?;
    // The bot waits for a worker.
    let _other = world.role(&["worker", "--slot", "2"])?;
    let _ = ready(&home, Post { role: Role::Worker, slot: 2 }, None)?;
    let mut measured = [Vec::new(), Vec::new()];
    let arguments: [&[&str]; 2] = [&["worker", "--slot", "1"], &["bot"]];
    for _ in 0..DEATHS {
        for ((post, measured), arguments) in POSTS.iter().zip(&mut measured).zip(arguments) {
            std::thread::sleep(QUIET);
            let dead = pulse::read(&home, *post).map(|beat| beat.identity);
            let (began, process) = (clock::now(), world.role(arguments)?);
            ready(&home, *post, dead.as_ref())?;
            measured.push(clock::now().saturating_sub(began));
            drop(process);
        }
    }
    Ok(measured.map(|measured| measured.into_iter().collect()))
}

/// Waits until another process than `before` is ready at the post; returns who.
fn ready(home: &Home, post: Post, before: Option<&Identity>) -> anyhow::Result<Identity> {
    let began = clock::now();
    while clock::now().saturating_sub(began) < LONG {
        let beat = pulse::read(home, post).filter(|beat| beat.ready && Some(&beat.identity) != before);
        if let Some(beat) = beat {
            return Ok(beat.identity);
        }
        std::thread::sleep(LOOK);
    }
    bail!("nobody was ready at {post}")
}

/// Kills it; returns when.
fn kill(process: &Identity) -> Duration {
    let killed = clock::now();
    spawn::signal(process, Wish::Kill);
    killed
}

/// Copies by a process of its own: a file that somebody here has open for writing cannot be started.
fn install(from: &Path, to: &Path) -> anyhow::Result<()> {
    let new = to.with_extension("new");
    let copied = Command::new("cp").args([from, &new]).stdin(Stdio::null()).status()?;
    anyhow::ensure!(copied.success(), "{} could not be copied", from.display());
    Ok(std::fs::rename(new, to)?)
}

/// The part of a successor: it tells when it began and becomes the real one.
pub(crate) fn successor(began: Duration) -> anyhow::Result<()> {
    Reporter::of_environment()?.tell(began)?;
    Err(Command::new(PROGRAM).args(std::env::args_os().skip(1)).exec()).context("the real one cannot be started")
}
