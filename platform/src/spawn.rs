//! Starting processes: the only place that does. A *clean environment* is ours without anything that is ours alone: no
//! `AGENTLAB_` variable and no secret goes to an agent.

pub mod git;
mod say;

use std::{
    ffi::OsString,
    fs::OpenOptions,
    io,
    os::unix::{
        ffi::OsStringExt,
        fs::{DirBuilderExt, OpenOptionsExt},
        process::CommandExt,
    },
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use agentlab_domain::role::{Post, Role};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use secrecy::ExposeSecret;
use tokio::process::{Child, Command};

use crate::{
    clock,
    config::Config,
    failpoints,
    home::Home,
    identity::{Identity, Living},
    lock::Lock,
    notify, program, run_dir,
    run_dir::RunDir,
};

pub use say::{agent_says, doctor_in, version};

/// Starts the process of a post, in a process group of its own, so that Ctrl-C in a terminal reaches `up` alone. A worker
/// that drains finishes its run before it stops.
pub fn daemon(home: &Home, post: Post, drain: bool) -> io::Result<Child> {
    let mut command = Command::new(program::installed(home)?);
    command.arg(post.role.as_str());
    match post.role {
        Role::Worker => {
            command.arg("--slot").arg(post.slot.to_string()).args(drain.then_some("--drain"));
        }
        Role::Bot | Role::Supervisor | Role::Console => {}
    }
    detached(&mut command, home, post)?;
    command.spawn()
}

/// Starts a private system for `ask`: a supervisor without bot and console that ends when nothing is left to do.
pub fn private_system(home: &Home) -> io::Result<Child> {
    let mut command = Command::new(program::installed(home)?);
    command.args(["supervisor", "--private"]);
    detached(&mut command, home, Post { role: Role::Supervisor, slot: 0 })?;
    command.spawn()
}

fn detached(command: &mut Command, home: &Home, post: Post) -> io::Result<()> {
    let path = error_path(home, post);
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let errors = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&path).map_err(named)?;
    // What a service manager told us is not for others.
    for name in notify::OURS_ALONE {
        command.env_remove(name);
    }
    command
        .env("AGENTLAB_HOME", home.path())
        // Started from within an agent's run, it is still no part of that run.
        .env_remove(run_dir::MARK)
        .stdin(Stdio::null())
        .stdout(Stdio::from(errors.try_clone()?))
        .stderr(Stdio::from(errors))
        .process_group(0);
    Ok(())
}

/// Where the process of a post prints what it has to say.
pub(crate) fn error_path(home: &Home, post: Post) -> std::path::PathBuf {
    home.logs().join(error_file(post))
}

/// The name of that file.
pub(crate) fn error_file(post: Post) -> String {
    format!("{post}.err")
}

/// The last thing that the process of a post said, in one line: why it refused, when it did.
pub fn last_words(home: &Home, post: Post) -> Option<String> {
    let text = std::fs::read_to_string(error_path(home, post)).ok()?;
    // Whoever passes it on says by himself who speaks. What we say may have several lines; of anybody else's the last counts.
    let said = match text.rfind("agentlab: ") {
        Some(at) => text.get(at + "agentlab: ".len()..)?.lines().map(str::trim).collect::<Vec<_>>().join(" "),
        None => text.lines().rev().find(|line| !line.trim().is_empty())?.to_owned(),
    };
    Some(said.trim().chars().take(600).collect())
}

/// Starts the shim of a run and hands it the locked descriptor as its standard input (rule R2): the lock is never free
/// while the shim may yet start. The caller lets go of his copy after it. `more` is for the environment of the agent.
pub fn shim(
    config: &Config,
    run: &RunDir,
    id: &str,
    more: Vec<(&'static str, OsString)>,
    lock: &Lock,
) -> io::Result<Child> {
    Command::new(program::own()?)
        .arg("shim")
        .arg(run.path())
        .env_clear()
        .envs(clean_environment(config, id))
        .envs(more)
        .current_dir("/")
        .stdin(Stdio::from(lock.share()?))
        .stdout(Stdio::null())
        .stderr(Stdio::from(
            OpenOptions::new().create(true).append(true).mode(0o600).open(run.path().join("shim.txt"))?,
        ))
        .kill_on_drop(false)
        .spawn()
}

/// Starts the gate of a run: it takes the child's lock, waits on its standard input, then becomes the agent (rule R4).
pub fn gate(run: &RunDir) -> io::Result<std::process::Child> {
    let output = |path: &Path| OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    std::process::Command::new(program::own()?)
        .arg("gate")
        .arg(run.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::from(output(&run.events())?))
        .stderr(Stdio::from(output(&run.stderr())?))
        .process_group(0)
        .spawn()
}

/// Starts what becomes the check of this number, its output in a file: see `become_check`.
pub fn check(run: &RunDir, number: usize) -> io::Result<std::process::Child> {
    let path = run.check_output(number);
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let output = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    std::process::Command::new(program::own()?)
        .arg("check")
        .arg(run.path())
        .arg(number.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::from(output.try_clone()?))
        .stderr(Stdio::from(output))
        .process_group(0)
        .spawn()
}

/// Becomes a check; returns only if that failed.
pub fn become_check(spec: &run_dir::Spec, command: &str) -> io::Error {
    std::process::Command::new("/bin/sh").arg("-c").arg(command).current_dir(&spec.workspace).exec()
}

/// Becomes the agent, with `more` in its environment; returns only if that failed.
pub fn become_agent(spec: &run_dir::Spec, more: Vec<(String, OsString)>) -> io::Error {
    let Some((program, arguments)) = spec.command.split_first() else {
        return io::Error::other("the command line is empty");
    };
    let mut agent = std::process::Command::new(program);
    // What only tests set ends here.
    agent.env_remove(failpoints::KILL_AT).env_remove(failpoints::STOP_AT).env_remove(failpoints::PAUSE_AT);
    agent.args(arguments).envs(more).current_dir(&spec.workspace).exec()
}

/// For rehearsals: a process that outlives its parent in a group of its own, as an agent's tools do.
pub fn bystander(seconds: u64) -> io::Result<u32> {
    let child = std::process::Command::new("sleep")
        .arg(seconds.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    Ok(child.id())
}

/// What a program answers to these words, in this home and within so long.
pub(crate) async fn answer(home: &Home, program: &Path, words: &[&str], limit: Duration) -> io::Result<Output> {
    let mut command = Command::new(program);
    command.args(words).env("AGENTLAB_HOME", home.path()).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    tokio::time::timeout(clock::scaled(limit), command.output()).await.map_err(io::Error::other)?
}

/// What Git says to these words, within ten seconds, in `directory` and in the environment of the run `id`; `None` when it
/// says no.
pub async fn git(config: &Config, id: &str, directory: &Path, words: &[&str]) -> io::Result<Option<OsString>> {
    let mut git = Command::new("git");
    git.args(words).env_clear().envs(clean_environment(config, id)).current_dir(directory);
    let output = git.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(std::time::Duration::from_secs(10), output).await.map_err(io::Error::other)??;
    let line = output.stdout.strip_suffix(b"\n").unwrap_or(&output.stdout);
    Ok(output.status.success().then(|| OsString::from_vec(line.to_vec())))
}

/// This process' environment, as `NAME=value` lines.
pub fn own_environment() -> Vec<String> {
    std::env::vars_os().map(|(name, value)| format!("{}={}", name.to_string_lossy(), value.to_string_lossy())).collect()
}

/// What a process is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// End in its own way.
    End,
    /// End in its own way, to be started again (exit code 42).
    Restart,
    /// Begin nothing new, and end when idle. For workers.
    Drain,
    /// Be gone.
    Kill,
    /// Go on, after somebody stopped it.
    Continue,
}

/// Signals a process if it still is that process; on any doubt nothing is sent.
pub fn signal(process: &Identity, wish: Wish) {
    let signal = match wish {
        Wish::End => Signal::SIGTERM,
        Wish::Restart => Signal::SIGUSR1,
        Wish::Drain => Signal::SIGUSR2,
        Wish::Kill => Signal::SIGKILL,
        Wish::Continue => Signal::SIGCONT,
    };
    if process.living() == Living::Yes {
        let _ = kill(Pid::from_raw(process.pid), signal);
    }
}

/// Our environment without what is ours alone, with `agent.env` and the mark of the run.
fn clean_environment(config: &Config, id: &str) -> Vec<(OsString, OsString)> {
    let token = config.telegram.token.as_ref().map(|token| token.expose_secret().to_owned()).unwrap_or_default();
    let mut clean: Vec<(OsString, OsString)> = std::env::vars_os()
        .filter(|(name, value)| {
            let for_tests = fail::has_failpoints() && (name == failpoints::KILL_AT || name == failpoints::PAUSE_AT);
            let ours = name.to_string_lossy().starts_with("AGENTLAB_") && !for_tests;
            let managers = notify::OURS_ALONE.iter().any(|ours| name == ours);
            let secret = !token.is_empty() && value.to_string_lossy().contains(&token);
            !ours && !managers && !secret
        })
        .collect();
    for (name, value) in &config.agent.env {
        clean.push((name.into(), value.expose_secret().into()));
    }
    clean.push((run_dir::MARK.into(), id.into()));
    clean
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    #[test]
    fn an_agent_gets_its_own_environment_and_the_mark_but_nothing_of_ours() {
        let mut config = Config::default();
        config.telegram.token = Some(SecretString::from("1:never".to_owned()));
        config.agent.env.insert("ANTHROPIC_API_KEY".into(), SecretString::from("key".to_owned()));
        let clean = clean_environment(&config, "run-1");
        let has = |name: &str, value: &str| clean.iter().any(|(n, v)| n == name && v == value);
        assert!(has("ANTHROPIC_API_KEY", "key") && has(run_dir::MARK, "run-1"));
        let leaked = clean.iter().any(|(n, v)| {
            (n.to_string_lossy().starts_with("AGENTLAB_") && n != run_dir::MARK)
                || notify::OURS_ALONE.iter().any(|ours| n == ours)
                || v.to_string_lossy().contains("1:never")
        });
        assert!(!leaked);
    }
}
