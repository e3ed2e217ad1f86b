//! The command line.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use agentlab_domain::{
    age,
    job::State,
    role::{MOST_WORKERS, Role},
};
use clap::{
    Parser, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};

/// Sends tasks to Claude on your machine, and keeps its promises.
#[derive(Debug, Parser)]
#[command(name = "agentlab", version, about, disable_help_subcommand = true)]
pub struct Args {
    /// Print JSON: one object, or one array.
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub verb: Verb,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run everything in the foreground. Ctrl-C stops it; running tasks go on.
    Up {
        /// At Ctrl-C wait until the running tasks have ended; a second Ctrl-C lets them go on.
        #[arg(long)]
        drain: bool,
    },
    /// Give a task, watch it, and print the answer. Ctrl-C cancels it.
    Ask(Ask),
    /// What runs, what waits, and what is wrong.
    Status,
    /// The tasks that have not ended, newest first (--all: those that have, too).
    Jobs(Jobs),
    /// One task, with its answer.
    Job {
        /// The task's number.
        id: i64,
    },
    /// The log; with a task's number what its agent did.
    Logs(Logs),
    /// Stop a task.
    Cancel {
        /// The task's number.
        id: i64,
    },
    /// Do an ended task again, as a new task.
    Retry {
        /// The task's number.
        id: i64,
        /// Print the new task's number and go.
        #[arg(long)]
        no_wait: bool,
    },
    /// Start the processes of a role again, or everything. Running tasks go on.
    Restart {
        #[arg(value_parser = role())]
        role: Option<Role>,
    },
    /// Heal a role by force: end what hangs or stands in its way, put it back to its first state, start it again.
    Recover {
        #[arg(value_parser = role())]
        role: Role,
    },
    /// Begin nothing new, until `agentlab resume` or until a time. What runs goes on, and tasks are accepted.
    Pause {
        /// `18:00` (today), `2h`, `1h30m` or `2026-11-23T08:00`, in this machine's time.
        #[arg(long)]
        until: Option<String>,
    },
    /// End a pause: waiting tasks begin.
    Resume,
    /// Change how many workers there are, while they work. It holds until workers.count is changed.
    Scale {
        #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_WORKERS)))]
        workers: u32,
        /// Do not wait for those that finish their tasks first.
        #[arg(long)]
        no_wait: bool,
    },
    /// Run agentlab as services of this machine (systemd, launchd), which start it at boot and after a crash.
    Service {
        #[command(subcommand)]
        what: Service,
    },
    /// Run a newer release: an executable, or a checkout that is built. Running tasks go on; a bad one is left by itself.
    Update(Update),
    /// Go back to the release before, or to that one. Running tasks go on.
    Rollback {
        /// The name of a release.
        name: Option<String>,
    },
    /// What is wrong, and what to do about it.
    Doctor {
        /// Look from where the services look: with the environment of their units alone; says what differs from here.
        #[arg(long)]
        service: bool,
    },
    /// What was told about the system itself, and where such alerts go.
    Alerts {
        #[command(subcommand)]
        what: Option<Alerts>,
    },
    /// Copies of the database that were tried: make one now, list them, try them again.
    Backup {
        #[command(subcommand)]
        what: Backup,
    },
    /// Write everything that another machine needs to go on, as lines of JSON; without a file to standard output.
    Export {
        /// `-` is standard output.
        file: Option<PathBuf>,
    },
    /// Take in what was exported elsewhere, into a home that has not worked yet.
    Import {
        /// `-` is standard input.
        file: PathBuf,
    },
    /// Ask the database (read only), such as "SELECT * FROM `v_queue`".
    Sql {
        /// One question, in SQL.
        statement: String,
    },
    /// A link to the web page, good for one login.
    Page,
    /// What completes these words at the press of Tab, for a shell.
    Completions { shell: clap_complete::Shell },
    /// The manual page: `agentlab man | man -l -`.
    Man,
    /// The role that talks to Telegram.
    Bot,
    /// The role that runs tasks.
    Worker {
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_WORKERS)))]
        slot: u32,
        /// When asked to stop, finish the running task first.
        #[arg(long)]
        drain: bool,
    },
    /// The role that keeps the others alive.
    Supervisor {
        #[arg(long, hide = true)]
        private: bool,
    },
    /// The role that serves HTTP on this machine.
    Console,
    /// Says whether this executable fits this home; asked before it is put in place.
    #[command(hide = true)]
    Fit,
    /// Speaks like Claude from directives in the prompt, without one.
    #[command(hide = true, disable_help_flag = true)]
    Rehearse {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// `service`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum Service {
    /// Install and start the services; again: repair them. Running tasks go on.
    Install,
    /// Stop everything and remove the services. The data stays.
    Uninstall,
    /// Each service: is it there, does it run, how did it end.
    Status,
}

/// `update`.
#[derive(Debug, clap::Args)]
pub struct Update {
    /// An executable, or a checkout that is built; by default the checkout that the present release was built from.
    pub path: Option<PathBuf>,
    /// Try a release again that was left.
    #[arg(long)]
    pub again: bool,
}

/// `backup`.
#[derive(Debug, Clone, Subcommand)]
pub enum Backup {
    /// Make one, and try whether it can be restored.
    Now,
    /// Each with its age, the newest first.
    List,
    /// Try again whether they can be restored.
    Verify {
        /// The name of one; without it all.
        name: Option<String>,
    },
    /// Put one in the place of the database, with everything that was promised since. What is there now is kept aside.
    Restore {
        /// Its name; without it the newest.
        name: Option<String>,
    },
}

/// `alerts`.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Alerts {
    /// Send one through every channel, and say what each answered.
    Test,
}

/// `jobs`.
#[derive(Debug, Default, clap::Args)]
pub struct Jobs {
    /// Those that have ended too.
    #[arg(long)]
    pub all: bool,
    /// Only of this project.
    #[arg(long)]
    pub project: Option<String>,
    /// Only in this state, ended or not.
    #[arg(long, value_parser = state())]
    pub state: Option<State>,
    /// Only those whose task or answer holds these words; ended ones too.
    #[arg(long)]
    pub search: Option<String>,
    /// Only those before this number: the next page.
    #[arg(long, value_name = "NUMBER")]
    pub before: Option<i64>,
}

/// `logs`.
#[derive(Debug, clap::Args)]
pub struct Logs {
    /// The task's number.
    pub id: Option<i64>,
    /// Go on printing.
    #[arg(short, long)]
    pub follow: bool,
    /// Only what these processes logged; `shim` keeps a run.
    #[arg(long, conflicts_with = "id", value_parser = logging())]
    pub role: Option<String>,
    /// Only what is not older than this, such as 10m.
    #[arg(long, conflicts_with = "id", value_name = "AGE", value_parser = age::parse)]
    pub since: Option<Duration>,
    /// Only what belongs to this request, whichever process did it; the beginning of its id will do.
    #[arg(long, conflicts_with = "id", value_name = "ID")]
    pub request: Option<String>,
}

/// `ask`.
#[derive(Debug, clap::Args)]
pub struct Ask {
    /// The task; `-` reads it from standard input.
    pub text: String,
    /// The project to work in; by default the current directory.
    #[arg(long)]
    pub project: Option<String>,
    /// Go on with this conversation, in its directory; `agentlab job` and /sessions show names.
    #[arg(long, conflicts_with = "project")]
    pub session: Option<String>,
    /// Print the task's number and go.
    #[arg(long)]
    pub no_wait: bool,
}

/// A state by its word.
fn state() -> impl TypedValueParser<Value = State> {
    PossibleValuesParser::new(State::ALL.map(State::as_str))
        .try_map(|word| State::parse(&word).ok_or("there is no such state"))
}

/// Whoever has a log.
fn logging() -> PossibleValuesParser {
    PossibleValuesParser::new(Role::ALL.map(Role::as_str).into_iter().chain(["shim"]))
}

/// A role by its word; a shell completes them.
fn role() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.map(Role::as_str))
        .try_map(|word| Role::parse(&word).ok_or("there is no such role"))
}
