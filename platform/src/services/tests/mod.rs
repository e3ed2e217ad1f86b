//! What is asked of service managers, with stand-ins that record each call and answer from files.

mod said;
mod units;

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt};

use agentlab_domain::{
    role::{Post, Role, posts},
    unit::Found,
};

use super::{Basis, Kind, Manager, SUPERVISOR};

/// A manager whose command writes down what it is asked, prints what stands in `answers/VERB`, and fails where `fails/VERB` is.
struct StandIn {
    folder: tempfile::TempDir,
    manager: Manager,
}

impl StandIn {
    fn new(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (path, program) = (folder.path(), folder.path().join("ctl"));
        for part in ["answers", "fails", "units"] {
            fs::create_dir(path.join(part)).unwrap();
        }
        let here = path.display();
        let script = format!(
            "#!/bin/sh\necho \"$*\" >> {here}/calls\n[ \"$1\" = --user ] && shift\n\
             cat {here}/answers/$1 2>/dev/null\nif [ -e {here}/fails/$1 ]; then cat {here}/fails/$1 >&2; exit 5; fi\nexit 0\n"
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let manager = Manager { user: 501, ..Manager::at(kind, program, path.join("units")) };
        Self { folder, manager }
    }

    fn answers(&self, verb: &str, text: &str) {
        fs::write(self.folder.path().join("answers").join(verb), text).unwrap();
    }

    fn fails(&self, verb: &str, text: &str) {
        fs::write(self.folder.path().join("fails").join(verb), text).unwrap();
    }

    /// What was asked since the last time, without questions that change nothing.
    fn calls(&self) -> Vec<String> {
        let path = self.folder.path().join("calls");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(path);
        let changes = |line: &&str| !line.starts_with("print ") && !line.starts_with("--user show ");
        text.lines().filter(changes).map(str::to_owned).collect()
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.manager.folder()).unwrap().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn basis(home: &str) -> Basis {
    Basis {
        program: "/opt/agent lab/bin/agentlab".into(),
        home: home.into(),
        path: "/opt/node/bin:/usr/bin:/bin".into(),
    }
}

fn kept(workers: u32, bot: bool) -> BTreeSet<Post> {
    posts(workers, true, bot).into_iter().chain([SUPERVISOR]).collect()
}

const WORKER: Post = Post { role: Role::Worker, slot: 2 };

#[tokio::test]
async fn systemd_is_asked_once_for_each_change_and_for_nothing_when_all_is_right() {
    let stand_in = StandIn::new(Kind::Systemd);
    let (manager, basis) = (&stand_in.manager, basis("/home/ann/.agentlab"));
    let changed = manager.reconcile(&basis, &kept(2, true)).await.unwrap();
    assert_eq!(changed.written, kept(2, true));
    assert_eq!(
        stand_in.calls(),
        [
            "--user daemon-reload",
            "--user enable --quiet agentlab-supervisor.service",
            "--user enable --quiet agentlab-worker@1.service",
            "--user enable --quiet agentlab-worker@2.service",
            "--user enable --quiet agentlab-console.service",
            "--user enable --quiet agentlab-bot.service",
            "--user enable --quiet agentlab.target",
        ]
    );
    let files = [
        "agentlab-bot.service",
        "agentlab-console.service",
        "agentlab-supervisor.service",
        "agentlab-worker@.service",
        "agentlab.target",
    ];
    assert_eq!(stand_in.files(), files);
    // As systemctl would have made them.
    for (target, names) in [("default.target", &["agentlab.target"][..]), ("agentlab.target", &ENABLED)] {
        let wants = manager.folder().join(format!("{target}.wants"));
        fs::create_dir(&wants).unwrap();
        for name in names {
            std::os::unix::fs::symlink(manager.folder().join("agentlab.target"), wants.join(name)).unwrap();
        }
    }
    assert_eq!(manager.reconcile(&basis, &kept(2, true)).await.unwrap(), super::reconcile::Changed::default());
    assert_eq!(stand_in.calls(), [""; 0], "nothing to do");
    // A worker fewer, and no bot.
    let changed = manager.reconcile(&basis, &kept(1, false)).await.unwrap();
    assert_eq!(changed.removed, BTreeSet::from([WORKER, Post { role: Role::Bot, slot: 0 }]));
    assert_eq!(
        stand_in.calls(),
        [
            "--user disable --quiet agentlab-worker@2.service",
            "--user reset-failed agentlab-worker@2.service",
            "--user disable --quiet agentlab-bot.service",
            "--user reset-failed agentlab-bot.service",
            "--user daemon-reload",
        ]
    );
    assert!(stand_in.files().contains(&"agentlab-worker@.service".to_owned()), "the other worker needs it");
    assert!(!stand_in.files().contains(&"agentlab-bot.service".to_owned()));
}

const ENABLED: [&str; 5] = [
    "agentlab-supervisor.service",
    "agentlab-console.service",
    "agentlab-bot.service",
    "agentlab-worker@1.service",
    "agentlab-worker@2.service",
];

#[tokio::test]
async fn systemd_starts_what_is_not_there_and_does_not_wait_for_its_own_delay() {
    let stand_in = StandIn::new(Kind::Systemd);
    stand_in.manager.start(WORKER).await.unwrap();
    assert_eq!(stand_in.calls(), ["--user start --no-block agentlab-worker@2.service"]);
    stand_in.answers("show", "ActiveState=activating\nSubState=auto-restart\n");
    stand_in.manager.start(WORKER).await.unwrap();
    assert_eq!(stand_in.calls(), ["--user restart --no-block agentlab-worker@2.service"]);
    stand_in.manager.stop(WORKER).await.unwrap();
    assert_eq!(stand_in.calls(), ["--user stop agentlab-worker@2.service"]);
    stand_in.fails("show", "Failed to connect to bus: No medium found\n");
    let error = stand_in.manager.start(WORKER).await.unwrap_err().to_string();
    assert!(error.contains("No medium found"), "{error}");
}

#[tokio::test]
async fn launchd_is_told_of_a_unit_before_it_is_to_start_it_and_forgets_it_before_its_file_goes() {
    let stand_in = StandIn::new(Kind::Launchd);
    let (manager, basis) = (&stand_in.manager, basis("/Users/ann/.agentlab"));
    manager.reconcile(&basis, &BTreeSet::from([SUPERVISOR, WORKER])).await.unwrap();
    assert_eq!(stand_in.files(), ["com.agentlab.supervisor.plist", "com.agentlab.worker.2.plist"]);
    assert_eq!(stand_in.calls(), ["enable gui/501/com.agentlab.supervisor", "enable gui/501/com.agentlab.worker.2"]);
    stand_in.fails("print", "Could not find service\n");
    manager.start(WORKER).await.unwrap();
    let file = manager.file(WORKER).display().to_string();
    assert_eq!(
        stand_in.calls(),
        [format!("bootstrap gui/501 {file}"), "kickstart gui/501/com.agentlab.worker.2".to_owned()]
    );
    fs::remove_file(stand_in.folder.path().join("fails/print")).unwrap();
    manager.start(WORKER).await.unwrap();
    assert_eq!(stand_in.calls(), ["kickstart gui/501/com.agentlab.worker.2"], "it is loaded");
    // One that runs is no failure.
    stand_in.fails("kickstart", "service already running\n");
    stand_in.answers("print", "gui/501/x = {\n\tstate = running\n\tpid = 77\n}\n");
    manager.start(WORKER).await.unwrap();
    stand_in.calls();
    stand_in.fails("print", "Could not find service\n");
    manager.reconcile(&basis, &BTreeSet::from([SUPERVISOR])).await.unwrap();
    assert_eq!(stand_in.calls(), ["bootout gui/501/com.agentlab.worker.2", "enable gui/501/com.agentlab.supervisor"]);
    assert_eq!(stand_in.files(), ["com.agentlab.supervisor.plist"]);
}

#[tokio::test]
async fn units_of_another_home_are_left_alone_and_changed_ones_of_ours_are_renewed() {
    for kind in [Kind::Systemd, Kind::Launchd] {
        let stand_in = StandIn::new(kind);
        let manager = &stand_in.manager;
        let (ours, other) = (basis("/home/ann/.agentlab"), basis("/home/ann/other home"));
        manager.reconcile(&other, &kept(1, false)).await.unwrap();
        let before = fs::read_to_string(manager.file(SUPERVISOR)).unwrap();
        assert_eq!(manager.found(&ours, SUPERVISOR), Found::Foreign);
        assert_eq!(manager.strangers(&ours), BTreeSet::from([other.home.clone()]));
        stand_in.calls();
        let changed = manager.reconcile(&ours, &kept(1, false)).await.unwrap();
        assert_eq!(changed, super::reconcile::Changed::default(), "{kind:?}");
        manager.reconcile(&ours, &BTreeSet::new()).await.unwrap();
        assert_eq!(fs::read_to_string(manager.file(SUPERVISOR)).unwrap(), before, "{kind:?}");
        // The same home, and another release.
        let newer = Basis { program: "/opt/new/agentlab".into(), ..other.clone() };
        assert_eq!(manager.found(&newer, SUPERVISOR), Found::Differs);
        manager.reconcile(&newer, &kept(1, false)).await.unwrap();
        assert_eq!(manager.found(&newer, SUPERVISOR), Found::Same);
        fs::write(manager.file(SUPERVISOR), "nonsense").unwrap();
        assert_eq!(manager.found(&newer, SUPERVISOR), Found::Differs);
    }
}

#[tokio::test]
async fn a_manager_that_hangs_is_given_up_and_one_that_is_not_there_is_named() {
    let stand_in = StandIn::new(Kind::Systemd);
    fs::write(stand_in.folder.path().join("ctl"), "#!/bin/sh\nexec sleep 600\n").unwrap();
    let words = ["--user", "show-environment"];
    let error =
        stand_in.manager.ask_within(&words, std::time::Duration::from_millis(200)).await.unwrap_err().to_string();
    assert!(error.contains("did not answer within"), "{error}");
    let nowhere = Manager::at(Kind::Launchd, "/nowhere/launchctl".into(), "/nowhere".into());
    let error = nowhere.answers().await.unwrap_err().to_string();
    assert!(error.starts_with("launchctl cannot be started"), "{error}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_ctrl_c_at_a_terminal_does_not_reach_the_managers_command() {
    let stand_in = StandIn::new(Kind::Systemd);
    let (program, own) = (stand_in.folder.path().join("ctl"), stand_in.folder.path().join("group"));
    let script = format!(
        "#!/bin/sh\nread -r pid name state parent group rest < /proc/$$/stat\necho $$ $group > {}\n",
        own.display()
    );
    fs::write(&program, script).unwrap();
    stand_in.manager.answers().await.unwrap();
    let text = fs::read_to_string(own).unwrap();
    let (pid, group) = text.trim().split_once(' ').unwrap();
    assert_eq!(pid, group, "it is a group of its own");
}
