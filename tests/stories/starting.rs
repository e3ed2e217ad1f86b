//! Starting processes: from an executable that was replaced meanwhile, and where one cannot be started at all.

use std::{fs, path::Path, process::Command};

use agentlab_platform::{failpoints::PAUSE_AT, home::Home, run_dir::RunDir};

use crate::world::{LONG, Look, World, kill_9, wait_until, write_script};

/// Copies by a process of its own: a file that somebody here has open for writing cannot be started.
pub(super) fn install(from: &Path, to: &Path) {
    let new = to.with_extension("new");
    assert!(Command::new("cp").arg(from).arg(&new).status().unwrap().success());
    fs::rename(new, to).unwrap();
}

/// Waits until another process than `old` is ready at the post of worker 1.
fn another_is_ready(world: &World, old: i32) -> i32 {
    wait_until("another worker is ready", LONG, || {
        world.count(&format!(
            "SELECT COUNT(*) FROM process WHERE role = 'worker' AND slot = 1 AND pid <> {old} AND ready_at IS NOT NULL"
        )) == 1
    });
    world.pid("worker", 1)
}

#[test]
fn after_its_executable_was_replaced_a_system_works_on_and_starts_its_daemons_from_the_new_one() {
    let mut world = World::new();
    let (real, started) = (std::mem::take(&mut world.program), world.path("started"));
    world.program = world.path("bin/agentlab");
    install(&real, &world.program);
    let _up = world.up();
    // The new release: it notes what it is started as.
    let release = world.path("release");
    let text = format!("#!/bin/sh\necho \"$1\" >>{}\nexec {} \"$@\"\n", started.display(), real.display());
    write_script(&release, &text);
    install(&release, &world.program);
    let ended = world.run(&["ask", "[[say: worked on.]]"]);
    assert!(ended.code == Some(0) && ended.stdout.starts_with("worked on."), "{ended:?}");
    let roles = fs::read_to_string(&started).unwrap();
    assert_eq!(roles.lines().collect::<Vec<_>>(), ["ask"], "a run is kept by its worker's own release");
    let first = world.pid("worker", 1);
    kill_9(first);
    let second = another_is_ready(&world, first);
    assert!(fs::read_to_string(&started).unwrap().lines().any(|role| role == "worker"), "from the new one");
    // While there is none (it is just being replaced), what runs is good enough.
    fs::rename(&world.program, world.path("away")).unwrap();
    world.program = real;
    kill_9(second);
    another_is_ready(&world, second);
}

#[test]
fn a_daemon_that_cannot_be_started_is_tried_again_and_healed_and_nobody_else_ends_for_it() {
    let world = World::new();
    let mut up = world.up();
    let (supervisor, first) = (world.pid("supervisor", 0), world.pid("worker", 1));
    // Where its errors would go there is no file.
    let errors = world.home().join("logs/worker-1.err");
    fs::remove_file(&errors).unwrap();
    fs::create_dir(&errors).unwrap();
    kill_9(first);
    up.wait_for_line("could not be started", LONG);
    let ended = world.run(&["ask", "[[say: the others work.]]"]);
    assert!(ended.stdout.starts_with("the others work."), "{ended:?}");
    another_is_ready(&world, first);
    assert!(errors.is_file(), "what stood there was moved aside");
    assert_eq!(world.pid("supervisor", 0), supervisor);
}

#[test]
fn a_run_whose_shim_or_hooks_cannot_be_made_says_what_failed_and_is_tried_again() {
    for (point, name, what) in [("start-shim", "shim.txt", "its keeper"), ("start-begin", "hooks", "its Git hooks")] {
        let mut world = World::new();
        let marker = world.path("paused");
        let project = world.project("p");
        assert!(Command::new("git").args(["init", "-q"]).current_dir(&project).status().unwrap().success());
        world.configure(&format!("[projects.p]\npath = '{}'\nchecks = ['true']\n", project.display()));
        world.env.push((PAUSE_AT.into(), format!("{point}:{}", marker.display())));
        let _up = world.up();
        let ask = world.start(&["ask", "--project", "p", "[[say: the second time.]]"]);
        wait_until("it is about to start", LONG, || marker.exists());
        let (id,) = Look::into(&world).rows::<(String,)>("SELECT id FROM run").remove(0);
        let run = RunDir::of(&Home::at(world.home()).unwrap(), &id);
        run.create().unwrap();
        if name == "hooks" {
            fs::write(run.path().join(name), "").unwrap();
        } else {
            fs::create_dir(run.path().join(name)).unwrap();
        }
        fs::remove_file(&marker).unwrap();
        let ended = ask.end(LONG);
        assert_eq!(ended.code, Some(0), "{name}: {ended:?}");
        // Whoever follows may look a moment too late: the second try may come at once.
        let told = fs::read_to_string(run.path().join("exit.json")).unwrap();
        assert!(told.contains(&format!("{what} could not be")), "{name}: {told}");
        let outcomes = world.sql("SELECT outcome FROM run ORDER BY attempt");
        let outcomes: Vec<_> = outcomes.iter().filter_map(|row| row["outcome"].as_str()).collect();
        assert_eq!(outcomes, ["not_started", "succeeded"], "{name}");
    }
}
