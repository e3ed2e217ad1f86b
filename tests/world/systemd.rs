//! A real user manager of systemd, in namespaces of its own: it sees no process and no `/run` but its own, and keeps its own
//! control groups. *Inside* is where it runs, and where a program has to be started that talks to it.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{LONG, World, wait_until, write_script};

/// The manager of one world. It ends with this value, and all that is inside with it.
pub(crate) struct UserManager {
    /// Made the namespaces; whoever is inside ends with its child, the first process there.
    unshare: Child,
    /// The first process inside, as it is known outside.
    first: i32,
    enter: PathBuf,
    groups: PathBuf,
    run: PathBuf,
}

/// The first process inside: makes what a manager needs, and then collects whoever ends.
const FIRST: &str = r#"#!/bin/sh
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system /run/xdg && chmod 700 /run/xdg || exit 1
: > "$1"
while :; do sleep 1; done
"#;

impl UserManager {
    /// Starts one; `None`, with the reason printed, where this machine has no such thing.
    pub(crate) fn start(world: &mut World) -> Option<Self> {
        world.settle();
        let skip = |why: &str| {
            eprintln!("skipped: no user manager of systemd can be started here: {why}");
            None
        };
        if !nix::unistd::geteuid().is_root() {
            return skip("namespaces need root");
        }
        let there =
            |program: &str| ["/usr/bin", "/bin"].iter().any(|folder| PathBuf::from(folder).join(program).exists());
        for program in ["systemd", "systemctl", "unshare", "nsenter"] {
            if !there(program) {
                return skip(&format!("{program} is not there"));
            }
        }
        let (first, ready) = (world.path("first.sh"), world.path("first.ready"));
        write_script(&first, FIRST);
        let mut unshare = Command::new("unshare")
            .args(["-m", "-p", "-f", "--kill-child", "--mount-proc", "--propagation", "private"])
            .arg(&first)
            .arg(&ready)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        while !ready.exists() {
            if unshare.try_wait().unwrap().is_some() {
                return skip("namespaces are refused");
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", unshare.id())).unwrap();
        let first = children.trim().parse().unwrap();
        let enter = world.path("enter.sh");
        let program = world.program.display();
        // Its own environment goes in with it.
        let inside = "XDG_RUNTIME_DIR=/run/xdg DBUS_SESSION_BUS_ADDRESS=unix:path=/run/xdg/bus";
        write_script(&enter, &format!("#!/bin/sh\nexec nsenter -t {first} -m -p env {inside} \"$@\"\n"));
        let through = world.path("agentlab.sh");
        write_script(&through, &format!("#!/bin/sh\nexec {} {program} \"$@\"\n", enter.display()));
        world.program = through;
        let name = format!("agentlab-test-{}", unshare.id());
        let manager = Self { unshare, first, enter, groups: "/sys/fs/cgroup/systemd".into(), run: PathBuf::from(name) };
        manager.boot(world);
        Some(manager)
    }

    /// Starts the manager inside, as a login or a boot does.
    pub(crate) fn boot(&self, world: &World) {
        // A group of its own, so that two managers do not take each other's processes for theirs.
        let group = self.groups.join(&self.run);
        let join = if self.groups.is_dir() {
            let _ = fs::create_dir(&group);
            format!("echo $$ > {}/cgroup.procs;", group.display())
        } else {
            String::new()
        };
        let script = world.path("manager.sh");
        write_script(&script, &format!("#!/bin/sh\n{join} exec systemd --user\n"));
        let log = fs::OpenOptions::new().create(true).append(true).open(world.path("manager.log")).unwrap();
        let folder = world.path("");
        let folder = folder.to_str().unwrap().trim_end_matches('/');
        let mut booted = Command::new(&self.enter)
            .arg(&script)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", world.path("user"))
            .env("TEST_WORLD", folder)
            .env("AGENTLAB_TEST_TIME_SCALE", "0.3")
            .envs(world.env.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        // nsenter stays in front of it; it is collected when the manager ends.
        std::thread::spawn(move || booted.wait());
        wait_until("the manager answers", LONG, || self.systemctl(&["is-system-running"]).0);
    }

    /// Ends the manager, as the last logout or a shutdown does.
    pub(crate) fn shut_down(&self) {
        let pid = self.inside_pid();
        kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
        wait_until("the manager is gone", LONG, || !PathBuf::from(format!("/proc/{pid}")).exists());
    }

    /// The manager's process, as it is known outside.
    fn inside_pid(&self) -> i32 {
        let of = |pid: i32| fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let namespace = |pid: i32| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
        let own = namespace(self.first);
        let everybody = fs::read_dir("/proc").unwrap().flatten();
        let pids = everybody.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let command = |pid: i32| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut found = pids.filter(|pid| namespace(*pid) == own && command(*pid) == "systemd\0--user\0");
        let pid = found.next().unwrap_or_else(|| panic!("no manager inside: {}", of(self.first)));
        assert_eq!(found.next(), None, "one manager");
        pid
    }

    /// What `systemctl --user` answers: whether it went well, and the words.
    pub(crate) fn systemctl(&self, words: &[&str]) -> (bool, String) {
        let output = Command::new(&self.enter).args(["systemctl", "--user"]).args(words).output().unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), text.trim().to_owned())
    }

    /// One property of a unit.
    pub(crate) fn property(&self, unit: &str, name: &str) -> String {
        self.systemctl(&["show", unit, "-p", name, "--value"]).1
    }

    /// Signals a process that is known inside by this PID.
    pub(crate) fn signal(&self, pid: &str, signal: &str) {
        let status = Command::new(&self.enter).args(["kill", signal, pid]).status().unwrap();
        assert!(status.success(), "kill {signal} {pid}");
    }

    /// Runs a command inside.
    pub(crate) fn inside(&self, words: &[&str]) -> String {
        let output = Command::new(&self.enter).args(words).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for UserManager {
    fn drop(&mut self) {
        // The first process takes everybody inside along.
        let _ = kill(Pid::from_raw(self.first), Signal::SIGKILL);
        let _ = self.unshare.wait();
        // Groups of the same name stand in each hierarchy.
        for hierarchy in fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
            let _ = Command::new("find")
                .arg(hierarchy.path().join(&self.run))
                .args(["-depth", "-type", "d", "-exec", "rmdir", "{}", ";"])
                .stderr(Stdio::null())
                .status();
        }
    }
}
