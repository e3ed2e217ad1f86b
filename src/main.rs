//! agentlab: one executable, one role per process. `argv[1]` is the verb.

mod args;
mod ask;
mod cancel;
mod doctor;
mod failure;
mod follow;
mod job;
mod jobs;
mod logs;
mod print;
mod rehearse;
mod runtime;
mod sql;
mod status;
mod system;
mod up;

use std::process::ExitCode;

use agentlab_platform::life;
use clap::Parser;

use args::{Args, Verb};
use failure::Failure;

fn main() -> ExitCode {
    let ended = run(Args::parse());
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            print::error(&failure.to_string());
            ExitCode::from(failure.code())
        }
    }
}

fn run(args: Args) -> Result<u8, Failure> {
    let json = args.json;
    match args.verb {
        // Without a runtime and without anything else: these stay small.
        Verb::Shim { directory } => Ok(agentlab_worker::shim::hold(directory).map(|()| 0)?),
        Verb::Gate { directory } => Ok(agentlab_worker::shim::gate(directory).map(|()| 127)?),
        Verb::Rehearse { arguments } => rehearse::rehearse(&arguments),
        Verb::Bot => role(agentlab_bot::serve()),
        Verb::Worker { slot } => role(agentlab_worker::serve(slot)),
        Verb::Console => role(agentlab_console::serve()),
        Verb::Supervisor { private } => role(up::supervise(private)),
        Verb::Up => runtime::block_on(up::up(json)),
        Verb::Ask(ask) => runtime::block_on(ask::ask(ask, json)),
        Verb::Status => runtime::block_on(status::status(json)),
        Verb::Jobs { all } => runtime::block_on(jobs::jobs(all, json)),
        Verb::Job { id } => runtime::block_on(job::job(id, json)),
        Verb::Logs { id, follow } => runtime::block_on(logs::logs(id, follow, json)),
        Verb::Cancel { id } => runtime::block_on(cancel::cancel(id, json)),
        Verb::Doctor => runtime::block_on(doctor::doctor(json)),
        Verb::Sql { statement } => runtime::block_on(sql::sql(&statement, json)),
    }
}

fn role(serve: impl Future<Output = Result<(), life::Refusal>>) -> Result<u8, Failure> {
    life::arm_failpoints();
    runtime::block_on(async { Ok(serve.await.map(|()| 0)?) })
}
