//! agentlab: one executable, one role per process. `argv[1]` is the verb.

mod alerts;
mod args;
mod ask;
mod backup;
mod cancel;
mod completions;
mod doctor;
mod export;
mod failure;
mod fit;
mod follow;
mod import;
mod intervention;
mod job;
mod jobs;
mod logs;
mod man;
mod misunderstood;
mod page;
mod pause;
mod print;
mod recover;
mod rehearse;
mod restart;
mod resume;
mod retry;
mod rollback;
mod runtime;
mod scale;
mod service;
mod sql;
mod status;
mod system;
mod up;
mod update;

use std::{path::PathBuf, process::ExitCode};

use agentlab_domain::exit_code;
use agentlab_platform::{failpoints, life, program, release, succession};
use clap::Parser;

use args::{Args, Verb};
use failure::Failure;
use misunderstood::misunderstood;

fn main() -> ExitCode {
    program::remember();
    release::remember(option_env!("AGENTLAB_COMMIT"), option_env!("AGENTLAB_COMMITTED_AT"));
    let (ended, as_json) = if let Some(ended) = keep_run() {
        (ended, false)
    } else {
        let args = match Args::try_parse() {
            Ok(args) => args,
            Err(error) => return misunderstood(error),
        };
        let as_json = args.json;
        (run(args), as_json)
    };
    let code = ended.unwrap_or_else(|failure| {
        if as_json {
            let error = serde_json::json!({ "error": failure.to_string(), "code": failure.code() });
            print::line(&error.to_string());
        } else {
            print::error(&failure.to_string());
        }
        if let Some(why) = runtime::damage()
            && !as_json
        {
            print::error(&format!(
                "the database is damaged ({why}): it is restored by the next start of agentlab, so try again"
            ));
        }
        failure.code()
    });
    ExitCode::from(written(code))
}

/// The exit code, once it is known whether the answer was written: who reads a file has to learn that it is not whole.
fn written(code: u8) -> u8 {
    let Some(why) = print::unwritten() else { return code };
    print::error(&format!("the answer could not be written: {why}"));
    if code == exit_code::DONE { exit_code::FAILED } else { code }
}

/// `shim DIRECTORY`, `gate DIRECTORY` and `check DIRECTORY NUMBER`, which a worker and a shim start: before anything else,
/// since every task waits for them and they stay small.
fn keep_run() -> Option<Result<u8, Failure>> {
    let mut arguments = std::env::args_os().skip(1);
    let (role, directory) = (arguments.next()?, PathBuf::from(arguments.next()?));
    let kept = match role.to_str()? {
        "shim" => keep(|| agentlab_worker::shim::hold(directory).map(|()| 0)),
        "gate" => keep(|| agentlab_worker::shim::gate(directory).map(|()| 127)),
        succession::STANDBY => {
            let arguments: Vec<_> = std::env::args_os().skip(2).collect();
            runtime::block_on(async { up::stand_by(&arguments).await })
        }
        "check" => {
            let number = arguments.next()?.to_str()?.parse().ok()?;
            keep(|| agentlab_worker::shim::check(directory, number).map(|()| 127))
        }
        _ => return None,
    };
    Some(kept)
}

/// Keeps a run with the failpoints of tests armed.
fn keep(keep: impl FnOnce() -> std::io::Result<u8>) -> Result<u8, Failure> {
    failpoints::arm();
    Ok(keep()?)
}

fn run(args: Args) -> Result<u8, Failure> {
    let json = args.json;
    match args.verb {
        Verb::Rehearse { arguments } => rehearse::rehearse(&arguments),
        Verb::Bot => role(agentlab_bot::serve()),
        Verb::Worker { slot, drain } => role(agentlab_worker::serve(slot, drain)),
        Verb::Console => role(agentlab_console::serve()),
        Verb::Supervisor { private } => role(up::supervise(private)),
        Verb::Up { drain } => runtime::block_on(up::up(drain, json)),
        Verb::Ask(ask) => {
            failpoints::arm();
            runtime::block_on(ask::ask(ask, json))
        }
        Verb::Status => runtime::block_on(status::status(json)),
        Verb::Jobs(asked) => runtime::block_on(jobs::jobs(asked, json)),
        Verb::Job { id } => runtime::block_on(job::job(id, json)),
        Verb::Logs(asked) => runtime::block_on(logs::logs(asked, json)),
        Verb::Retry { id, no_wait } => runtime::block_on(retry::retry(id, no_wait, json)),
        Verb::Cancel { id } => runtime::block_on(cancel::cancel(id, json)),
        Verb::Restart { role } => runtime::block_on(restart::restart(role, json)),
        Verb::Recover { role } => runtime::block_on(recover::recover(role, json)),
        Verb::Pause { until } => runtime::block_on(pause::pause(until, json)),
        Verb::Resume => runtime::block_on(resume::resume(json)),
        Verb::Scale { workers, no_wait } => runtime::block_on(scale::scale(workers, no_wait, json)),
        Verb::Service { what } => runtime::block_on(service::service(what, json)),
        Verb::Update(update) => {
            failpoints::arm();
            runtime::block_on(update::update(update, json))
        }
        Verb::Rollback { name } => {
            failpoints::arm();
            runtime::block_on(rollback::rollback(name.as_deref(), json))
        }
        Verb::Fit => runtime::block_on(fit::fit(json)),
        Verb::Alerts { what } => runtime::block_on(alerts::alerts(what, json)),
        Verb::Doctor { service } => runtime::block_on(doctor::doctor(service, json)),
        Verb::Completions { shell } => completions::completions(shell, json),
        Verb::Page => page::page(json),
        Verb::Man => man::man(json),
        Verb::Backup { what } => {
            failpoints::arm();
            runtime::block_on(backup::backup(what, json))
        }
        Verb::Export { file } => runtime::block_on(export::export(file, json)),
        Verb::Import { file } => {
            failpoints::arm();
            runtime::block_on(import::import(&file, json))
        }
        Verb::Sql { statement } => runtime::block_on(sql::sql(&statement, json)),
    }
}

fn role(serve: impl Future<Output = Result<u8, life::Refusal>>) -> Result<u8, Failure> {
    failpoints::arm();
    runtime::block_on(async { Ok(serve.await?) })
}
