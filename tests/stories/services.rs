//! Services under a real user manager of systemd: installed, killed, rebooted, scaled, removed.

use agentlab_stand_ins::BotApi;

use crate::world::{ANN, LONG, UserManager, World, wait_until};

const POSTS: [&str; 6] = [
    "agentlab-supervisor.service",
    "agentlab-console.service",
    "agentlab-bot.service",
    "agentlab-worker@1.service",
    "agentlab-worker@2.service",
    "agentlab-worker@3.service",
];

fn ready(world: &World, process: &str) -> bool {
    let status = world.run(&["--json", "status"]);
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap_or_default();
    let processes = status["processes"].as_array().cloned().unwrap_or_default();
    processes.iter().any(|known| known["id"] == process && known["ready"] == true && known["alive"] == true)
}

#[test]
fn what_was_installed_survives_kills_and_a_reboot_and_leaves_nothing_behind() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    let Some(manager) = UserManager::start(&mut world) else { return };

    let installed = world.run(&["service", "install"]);
    assert_eq!(installed.code, Some(0), "{installed:?}");
    assert!(installed.stdout.contains("kept by systemd") && installed.stderr.contains("linger"), "{installed:?}");
    for unit in POSTS {
        assert_eq!(manager.property(unit, "ActiveState"), "active", "{unit}");
        assert_eq!(manager.property(unit, "UnitFileState"), "enabled", "{unit}");
    }
    // Who keeps a process is known to the process itself.
    for pulse in ["supervisor", "worker-1", "bot"] {
        let pulse = std::fs::read_to_string(world.home().join(format!("run/{pulse}.pulse"))).unwrap();
        assert!(pulse.contains(r#""kept_by":"systemd""#), "{pulse}");
    }
    let before = POSTS.map(|unit| manager.property(unit, "MainPID"));
    let again = world.run(&["service", "install"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(POSTS.map(|unit| manager.property(unit, "MainPID")), before, "what is right is left alone");

    // A task runs while everything is shut down and booted.
    api.user_says(ANN, ANN, "[[tool: Bash slow]] [[sleep: 8]] [[say: survived the boot.]]");
    api.wait_for_text(ANN, "Bash: slow", LONG);
    manager.shut_down();
    assert_eq!(manager.inside(&["pgrep", "-c", "-f", "agentlab (bot|worker|supervisor|console)"]), "0");
    assert_eq!(manager.inside(&["pgrep", "-c", "-f", "shim"]), "1", "the task lives on");
    manager.boot(&world);
    for unit in POSTS {
        wait_until(unit, LONG, || manager.property(unit, "ActiveState") == "active");
    }
    api.wait_for_text(ANN, "survived the boot.", LONG);
    assert_eq!(world.count("SELECT COUNT(*) FROM run"), 1, "adopted, not repeated");
    let answers = api.messages(ANN).iter().filter(|message| message.text.contains("survived the boot.")).count();
    assert_eq!(answers, 1, "{}", api.transcript(ANN));

    // What is killed is back, the supervisor too.
    for unit in ["agentlab-worker@2.service", "agentlab-supervisor.service"] {
        let pid = manager.property(unit, "MainPID");
        manager.signal(&pid, "-KILL");
        wait_until(unit, LONG, || {
            let now = manager.property(unit, "MainPID");
            now != "0" && now != pid && manager.property(unit, "ActiveState") == "active"
        });
    }
    wait_until("everybody is ready", LONG, || POSTS.iter().all(|unit| manager.property(unit, "SubState") == "running"));

    // Another number of workers is another number of units.
    assert_eq!(world.run(&["scale", "4"]).code, Some(0));
    assert_eq!(manager.property("agentlab-worker@4.service", "ActiveState"), "active");
    wait_until("it is started at boot too", LONG, || {
        manager.property("agentlab-worker@4.service", "UnitFileState") == "enabled"
    });
    assert_eq!(world.run(&["scale", "2"]).code, Some(0));
    for slot in [3, 4] {
        let unit = format!("agentlab-worker@{slot}.service");
        wait_until("its unit is gone", LONG, || manager.property(&unit, "UnitFileState") == "disabled");
        assert_eq!(manager.property(&unit, "ActiveState"), "inactive", "an end that was asked for is final");
    }
    assert!(ready(&world, "worker-2"));

    // Nobody can be asked here: what runs is stopped, and that is said.
    assert_eq!(world.run(&["ask", "--no-wait", "[[tool: Bash last]] [[fork: 600]] [[hang]]"]).code, Some(0));
    wait_until("it runs", LONG, || world.count("SELECT COUNT(*) FROM v_runs WHERE state = 'running'") == 1);
    let removed = world.run(&["service", "uninstall"]);
    assert_eq!(removed.code, Some(0), "{removed:?}");
    assert!(
        removed.stdout.contains("the data stays") && removed.stdout.contains("1 running task was stopped"),
        "{removed:?}"
    );
    assert_eq!(manager.inside(&["pgrep", "-c", "-f", "agentlab "]), "0", "nothing runs");
    let units = world.path("user/.config/systemd/user");
    let left: Vec<_> = walk(&units).into_iter().filter(|path| path.contains("agentlab")).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(manager.inside(&["pgrep", "-c", "-f", "sleep 600"]), "0", "nor anything that a task started");
    assert!(world.home().join("agentlab.db").exists() && world.home().join("config.toml").exists());
}

/// Every path below a folder.
fn walk(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        found.push(path.display().to_string());
        if path.is_dir() && !path.is_symlink() {
            found.extend(walk(&path));
        }
    }
    found
}
