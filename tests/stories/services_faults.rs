//! Services when something is wrong: with the manager, with a part, with a loop; and when somebody stops all of them.

use std::time::Duration;

use super::locked::Foreign;
use crate::world::{LONG, UserManager, World, wait_until, write_script};

const SUPERVISOR: &str = "agentlab-supervisor.service";
const POSTS: [&str; 5] = [
    SUPERVISOR,
    "agentlab-console.service",
    "agentlab-worker@1.service",
    "agentlab-worker@2.service",
    "agentlab-worker@3.service",
];

fn pids(manager: &UserManager) -> Vec<String> {
    POSTS.iter().map(|unit| manager.property(unit, "MainPID")).collect()
}

fn pulse(world: &World, post: &str) -> serde_json::Value {
    let text = std::fs::read_to_string(world.home().join(format!("run/{post}.pulse"))).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn all_run(manager: &UserManager) -> bool {
    POSTS.iter().all(|unit| manager.property(unit, "SubState") == "running")
}

#[test]
fn stopping_all_of_them_is_final_and_a_restart_keeps_the_supervisors_process() {
    let mut world = World::new();
    let Some(manager) = UserManager::start(&mut world) else { return };
    assert_eq!(world.run(&["service", "install"]).code, Some(0));
    // The supervisor hears of the others' ends while it is itself being stopped: several times, since it is a race.
    for _ in 0..4 {
        let (stopped, words) = manager.systemctl(&["stop", "agentlab.target"]);
        assert!(stopped, "{words}");
        wait_until("all are stopped", LONG, || pids(&manager).iter().all(|pid| pid == "0"));
        assert_eq!(manager.systemctl(&["list-jobs", "--no-legend"]).1, "", "and nobody is to be started");
        assert_eq!(manager.inside(&["pgrep", "-c", "-f", "agentlab "]), "0");
        assert!(manager.systemctl(&["start", "agentlab.target"]).0);
        wait_until("all run", LONG, || all_run(&manager));
    }
    let before = pids(&manager);
    let restarted = world.run(&["restart"]);
    assert_eq!(restarted.code, Some(0), "{restarted:?}");
    let after = pids(&manager);
    assert_eq!(before[0], after[0], "it took its own place");
    assert!(
        before.iter().zip(&after).skip(1).all(|(before, after)| before != after && after != "0"),
        "{before:?} {after:?}"
    );
    assert_eq!(pulse(&world, "supervisor")["kept_by"], "systemd", "and it is kept as before");
    assert_eq!(manager.property(SUPERVISOR, "NRestarts"), "0");
    // Its own restart, asked for by hand, ends nobody else.
    assert!(manager.systemctl(&["restart", SUPERVISOR]).0);
    wait_until("it is back", LONG, || all_run(&manager));
    assert_eq!(pids(&manager)[1..], after[1..]);
}

#[test]
fn a_part_that_refuses_keeps_nobody_else_from_running_and_is_started_when_it_can() {
    let mut world = World::new();
    let Some(manager) = UserManager::start(&mut world) else { return };
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.1".into()));
    let taken = std::net::TcpListener::bind(("127.0.0.1", world.port)).unwrap();
    let installed = world.run(&["service", "install"]);
    assert_eq!(installed.code, Some(69), "{installed:?}");
    assert!(
        installed.stderr.contains("console is not ready") && installed.stderr.contains("console.port"),
        "{installed:?}"
    );
    assert_eq!(manager.property("agentlab-worker@1.service", "SubState"), "running");
    assert_eq!(manager.property(SUPERVISOR, "SubState"), "running", "it says so and goes on");
    let status = world.run(&["service", "status"]);
    assert!(status.code == Some(1) && status.stdout.contains("exit code 69"), "{status:?}");
    drop(taken);
    assert_eq!(world.run(&["service", "install"]).code, Some(0), "put right, and done again");
    assert_eq!(world.run(&["service", "status"]).code, Some(0));
    let doctor = world.run(&["doctor"]);
    assert!(doctor.stdout.contains("services: ") && doctor.stdout.contains("linger"), "{doctor:?}");
}

#[test]
fn a_manager_that_hangs_stops_no_loop_of_the_supervisor_and_is_itself_the_backstop() {
    let mut world = World::new();
    let hang = world.path("hang");
    write_script(
        &world.path("bin/systemctl"),
        &format!("#!/bin/sh\n[ -e {} ] && exec sleep 600\nexec /usr/bin/systemctl \"$@\"\n", hang.display()),
    );
    let Some(manager) = UserManager::start(&mut world) else { return };
    assert_eq!(world.run(&["service", "install"]).code, Some(0));
    std::fs::write(&hang, "").unwrap();
    let worker = "agentlab-worker@1.service";
    let pid = manager.property(worker, "MainPID");
    let turns = || pulse(&world, "supervisor")["loops"]["posts"]["turns"].as_u64();
    // Ready a moment before it first wrote its pulse.
    wait_until("the supervisor has looked at its posts", LONG, || turns().is_some());
    let before = turns().unwrap();
    manager.signal(&pid, "-KILL");
    wait_until("systemd starts it by itself", LONG, || {
        let now = manager.property(worker, "MainPID");
        now != "0" && now != pid && manager.property(worker, "SubState") == "running"
    });
    wait_until("it goes on looking", LONG, || turns() > Some(before + 3));
    assert_eq!(pulse(&world, "supervisor")["loops"]["posts"]["late_ms"], 0);
    // It finds who was started, and keeps it from now on.
    std::fs::remove_file(&hang).unwrap();
    wait_until("all is well", LONG, || world.run(&["--json", "status"]).code == Some(0) && all_run(&manager));
    let pid = manager.property(worker, "MainPID");
    manager.signal(&pid, "-KILL");
    wait_until("it is started again", LONG, || {
        let now = manager.property(worker, "MainPID");
        now != "0" && now != pid && manager.property(worker, "SubState") == "running"
    });
}

#[test]
fn a_frozen_loop_is_ended_by_systemd_while_no_supervisor_lives() {
    let mut world = World::new();
    // The watch of a console freezes, but not yet.
    let (frozen, spent) = (world.path("frozen"), world.path("frozen.spent"));
    std::fs::write(&spent, "").unwrap();
    world.env.push(("AGENTLAB_TEST_FREEZE_AT".into(), format!("watch-sweep:{}", frozen.display())));
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.1".into()));
    let Some(manager) = UserManager::start(&mut world) else { return };
    let console = "agentlab-console.service";
    assert_eq!(world.run(&["service", "install"]).code, Some(0));
    // Stopped, and not started again: an end that somebody asked for.
    assert!(manager.systemctl(&["stop", SUPERVISOR]).0);
    std::fs::remove_file(&spent).unwrap();
    assert!(manager.systemctl(&["restart", console]).0);
    let pid = manager.property(console, "MainPID");
    wait_until("systemd ended it", Duration::from_secs(90), || {
        let now = manager.property(console, "MainPID");
        now != "0" && now != pid
    });
    assert_eq!(manager.property(console, "NRestarts"), "1");
    wait_until("another one is ready", LONG, || manager.property(console, "SubState") == "running");
}

#[test]
fn a_start_that_says_nothing_is_ended_and_one_that_waits_for_the_database_is_not() {
    let mut world = World::new();
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.1".into()));
    let Some(manager) = UserManager::start(&mut world) else { return };
    let console = "agentlab-console.service";
    assert_eq!(world.run(&["service", "install"]).code, Some(0));
    assert!(manager.systemctl(&["stop", SUPERVISOR]).0, "systemd alone is to see to it");
    assert_eq!(manager.property(console, "TimeoutStartUSec"), "6s");
    let locked = Foreign::lock(&world);
    assert!(manager.systemctl(&["restart", "--no-block", console]).0);
    // Four beats a second: it waits for much longer than it may say nothing.
    let waits = |pulse: &serde_json::Value| pulse["ready"] == false && pulse["beats"].as_u64() > Some(60);
    wait_until("it has waited for long", LONG, || waits(&pulse(&world, "console")));
    assert_eq!(manager.property(console, "SubState"), "start");
    assert_eq!(manager.property(console, "NRestarts"), "0");
    drop(locked);
    wait_until("it is ready", LONG, || manager.property(console, "SubState") == "running");
    assert_eq!(manager.property(console, "NRestarts"), "0", "the same process");
    // Something that is not our code, or never comes to it.
    let folder = world.path("user/.config/systemd/user/agentlab-console.service.d");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("hangs.conf"), "[Service]\nExecStart=\nExecStart=/bin/sleep 600\n").unwrap();
    assert!(manager.systemctl(&["daemon-reload"]).0);
    assert!(manager.systemctl(&["restart", "--no-block", console]).0);
    wait_until("it is ended and started again", LONG, || manager.property(console, "NRestarts") != "0");
}

#[test]
fn services_are_refused_where_they_cannot_be_and_it_is_said_what_to_do() {
    // No manager: a container, a shell of another user.
    let mut world = World::new();
    world.settle();
    write_script(&world.path("bin/systemctl"), "#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n");
    for verb in ["install", "uninstall"] {
        let refused = world.run(&["service", verb]);
        assert!(refused.code == Some(69) && refused.stderr.contains("agentlab up"), "{refused:?}");
        assert!(refused.stderr.contains("Failed to connect to bus"), "{refused:?}");
    }
    let status = world.run(&["service", "status"]);
    assert!(status.code == Some(1) && status.stdout.contains("does not answer"), "{status:?}");
    assert!(!world.path("user/.config/systemd").exists(), "nothing was written");
    // What only this shell sets no service would see.
    let mut world = World::new();
    world.env.push(("AGENTLAB_WORKERS__COUNT".into(), "2".into()));
    let refused = world.run(&["service", "install"]);
    assert!(refused.code == Some(78) && refused.stderr.contains("AGENTLAB_WORKERS__COUNT"), "{refused:?}");
    let mut world = World::new();
    let Some(manager) = UserManager::start(&mut world) else { return };
    let up = world.up();
    let refused = world.run(&["service", "install"]);
    assert!(refused.code == Some(75) && refused.stderr.contains("stop it first"), "{refused:?}");
    // What stands in front of it outside knows nothing of signals.
    manager.signal(&pulse(&world, "supervisor")["identity"]["pid"].to_string(), "-INT");
    assert_eq!(up.end(LONG).code, Some(0));
    assert_eq!(world.run(&["service", "install"]).code, Some(0));
    let second = world.run(&["up"]);
    assert_eq!(second.code, Some(75), "{second:?}");
    // Also while nobody is there: it would take over what is the manager's, and Ctrl-C would end all of it.
    assert!(manager.systemctl(&["stop", "agentlab.target"]).0);
    let second = world.run(&["up"]);
    assert!(second.code == Some(75) && second.stderr.contains("agentlab service status"), "{second:?}");
    let status = world.run(&["status"]);
    assert!(status.stdout.contains("start it with `agentlab service install`"), "{status:?}");
    assert_eq!(world.run(&["service", "install"]).code, Some(0));
    world.env.push(("AGENTLAB_HOME".into(), world.path("h2").display().to_string()));
    for verb in ["install", "uninstall"] {
        let refused = world.run(&["service", verb]);
        let home = world.home().display().to_string();
        assert!(refused.code == Some(75) && refused.stderr.contains(&home), "{refused:?}");
    }
    let status = world.run(&["service", "status"]);
    assert!(status.code == Some(1) && status.stdout.contains("belongs to another home"), "{status:?}");
}

#[test]
fn up_starts_beside_installed_services_only_where_their_manager_does_not_answer() {
    let mut world = World::new();
    world.settle();
    let units = world.path("user/.config/systemd/user");
    std::fs::create_dir_all(&units).unwrap();
    let unit = format!("[Service]\nEnvironment=\"AGENTLAB_HOME={}\"\n", world.home().display());
    std::fs::write(units.join(SUPERVISOR), unit).unwrap();
    write_script(&world.path("bin/systemctl"), "#!/bin/sh\nexit 0\n");
    let refused = world.run(&["up"]);
    assert!(refused.code == Some(75) && refused.stderr.contains("agentlab service uninstall"), "{refused:?}");
    write_script(&world.path("bin/systemctl"), "#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n");
    world.up().stop();
}

#[test]
fn all_roles_may_be_started_at_once_in_a_fresh_home() {
    for _ in 0..3 {
        let world = World::new();
        let mut started = Vec::new();
        for arguments in [
            &["console"][..],
            &["worker", "--slot", "1"],
            &["worker", "--slot", "2"],
            &["worker", "--slot", "3"],
            &["supervisor"],
        ] {
            started.push(world.start(arguments));
        }
        for post in ["console", "worker-1", "worker-2", "worker-3", "supervisor"] {
            wait_until(post, LONG, || pulse(&world, post)["ready"] == true);
        }
        // The supervisor found them: nobody was started beside them or had to end.
        for (process, post) in started.iter_mut().zip(["console", "worker-1", "worker-2", "worker-3", "supervisor"]) {
            assert_eq!(process.ended(), None, "{post}");
            assert_eq!(pulse(&world, post)["identity"]["pid"], process.pid(), "{post}");
        }
        started.pop().unwrap().stop();
    }
}
