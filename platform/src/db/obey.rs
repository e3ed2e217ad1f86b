//! Commands in a chat, obeyed within the intake's transaction. Each is answered by one reply, or by a new task.

use agentlab_domain::{
    answer,
    chat::Place,
    command::{self, Command},
    intervention::{self, Kind},
    lane,
    pause::Until,
    session::short,
};

use super::{
    DbError, Write, cancel,
    intake::{self, Effect, Incoming, reply, reply_at_once, stop},
    intervention::Asked,
    outbox::{self, New},
    past,
    retry::{self, Retry},
    session,
};
use crate::{calendar, clock};

/// Who gave the command, where, in which message.
pub(super) type Given = (i64, Place, i64);

/// Obeys a command.
pub(super) async fn obey(
    write: &mut Write,
    incoming: &Incoming<'_>,
    given: Given,
    command: &Command,
) -> Result<Effect, DbError> {
    let (user, place, message) = given;
    let lane = lane::of_place(place);
    let workspace = workspace(incoming);
    let words = match command {
        Command::Start => command::GREETING.to_owned(),
        Command::Help => command::HELP.to_owned(),
        Command::Status | Command::Cost => incoming.prepared.to_owned(),
        Command::Unclear(expected) => (*expected).to_owned(),
        Command::Unknown(word) => format!("There is no command /{word}.\n\n{}", command::HELP),
        Command::Restart => return restart(write, incoming, given).await,
        Command::Pause { until } => pause(write, *until, user).await?,
        Command::Resume => return resume(write, given).await,
        Command::Cancel { number } => return cancel_task(write, (user, place, message), *number).await,
        Command::Retry { number } => return retry_task(write, incoming, given, *number).await,
        Command::New => match session::leave(write, &lane, &workspace).await? {
            Some(before) => format!(
                "The next task begins a new conversation. /session {} brings the present one back.",
                short(&before.id)
            ),
            None => "The next task begins a new conversation.".into(),
        },
        Command::Sessions => sessions(write, &lane).await?,
        Command::Session { name } => take_up(write, name, &lane, &workspace).await?,
        Command::Fork => match session::fork(write, &lane, &workspace).await? {
            Some((from, copy)) => format!(
                "The next task goes on with a copy ({}) of this conversation. /session {} brings the one it was copied from back.",
                short(&copy),
                short(&from.id)
            ),
            None => "There is no conversation here yet to be copied.".into(),
        },
    };
    if command.is_priority() {
        reply_at_once(write, place, message, &words).await
    } else {
        reply(write, place, message, &words).await
    }
}

/// Where a task of this chat works.
fn workspace(incoming: &Incoming<'_>) -> String {
    let path = &incoming.place.path;
    std::fs::canonicalize(path).unwrap_or_else(|_| path.clone()).to_string_lossy().into_owned()
}

async fn cancel_task(write: &mut Write, (user, place, message): Given, number: Option<i64>) -> Result<Effect, DbError> {
    let number = match number {
        Some(number) => Some(number),
        None => cancel::meant(write, &lane::of_place(place)).await?,
    };
    let Some(number) = number else {
        return reply_at_once(write, place, message, "Nothing of this chat runs or waits.").await;
    };
    let effect = stop(write, number, user).await?;
    let (Effect::Stop { words, .. } | Effect::Noted { words }) = &effect else { return Ok(effect) };
    reply_at_once(write, place, message, words).await?;
    Ok(effect)
}

/// Asks for a restart of everything. The update is known from then on, so the same one never asks again.
async fn restart(write: &mut Write, incoming: &Incoming<'_>, (user, place, message): Given) -> Result<Effect, DbError> {
    if !incoming.supervised {
        let words = "No supervisor runs, so nobody would start anything again. `agentlab status` on the machine says what starts it.";
        return reply_at_once(write, place, message, words).await;
    }
    let body = answer::reply(intervention::ASKED);
    let notice = New { kind: "reply", job_id: None, place, reply_to: Some(message), body: &body };
    let notice = outbox::add_urgent(write, notice).await?;
    let asked = Asked { kind: Kind::Restart, role: None, by: &format!("user {user}"), notice: Some(notice) };
    super::intervention::ask(write, &asked).await?;
    Ok(Effect::Restart)
}

/// Pauses everything. What it says is committed with it.
async fn pause(write: &mut Write, until: Option<Until>, user: i64) -> Result<String, DbError> {
    let until = match until.map(|until| calendar::moment(until, clock::now_ms())).transpose() {
        Ok(until) => until,
        Err(refused) => return Ok(format!("Nothing is paused: {refused}.")),
    };
    super::pause::set(write, until, &format!("user {user}")).await?;
    let paused = super::pause::present(write).await?;
    Ok(paused
        .map_or_else(|| "The pause is over already.".into(), |paused| format!("{} /resume ends it.", paused.words)))
}

async fn resume(write: &mut Write, (user, place, message): Given) -> Result<Effect, DbError> {
    let lifted = super::pause::lift(write, &format!("user {user}")).await?;
    let words = if lifted { "Resumed: waiting tasks begin again." } else { "Nothing is paused." };
    reply_at_once(write, place, message, words).await?;
    Ok(Effect::Resumed)
}

async fn retry_task(
    write: &mut Write,
    incoming: &Incoming<'_>,
    given: Given,
    number: Option<i64>,
) -> Result<Effect, DbError> {
    let (user, place, message) = given;
    let number = match number {
        Some(number) => Some(number),
        None => retry::meant(write, &lane::of_place(place)).await?,
    };
    let Some(number) = number else {
        return reply(
            write,
            place,
            message,
            "No task of this chat ended without an answer. /retry 12 does task 12 again.",
        )
        .await;
    };
    let words = match retry::retry(write, number, intake::source(incoming, given), &format!("user {user}")).await? {
        Retry::Accepted { of, job } => {
            let body = answer::again(job.number, of, job.ahead);
            return intake::accepted(write, &job, place, message, body).await;
        }
        Retry::NotEnded { number, state } => format!("Task {number} has not ended yet ({state})."),
        Retry::NotFound => past::sentence(write, number).await?,
    };
    reply(write, place, message, &words).await
}

async fn sessions(write: &mut Write, lane: &str) -> Result<String, DbError> {
    let found = session::of_lane(write, lane).await?;
    if found.is_empty() {
        return Ok("There is no conversation here yet: the next task begins one.".into());
    }
    let now = clock::now_ms();
    let line = |session: &session::SessionView| {
        let present = if session.state == "current" { " (goes on)" } else { "" };
        let used = calendar::clock_time(session.used_at, now);
        format!("{}{present} {}: {}, {used}", short(&session.id), session.project, session.title)
    };
    let lines: Vec<String> = found.iter().map(line).collect();
    Ok(format!("{}\n\n/session NAME goes on with one of them, /new begins another.", lines.join("\n")))
}

async fn take_up(write: &mut Write, name: &str, lane: &str, workspace: &str) -> Result<String, DbError> {
    let mut found = session::named(write, name).await?;
    let Some(one) = found.pop().filter(|_| found.is_empty()) else {
        let which = if found.is_empty() { "There is no conversation" } else { "There is more than one conversation" };
        return Ok(format!("{which} {name}. /sessions shows those of this chat."));
    };
    if one.state == "set_aside" {
        return Ok(format!("Conversation {} cannot be taken up any more.", short(&one.id)));
    }
    if one.workspace != workspace {
        return Ok(format!(
            "Conversation {} belongs to {} ({}); this chat works in {workspace}, and a conversation goes on only where it began.",
            short(&one.id),
            one.project,
            one.workspace
        ));
    }
    session::take_up(write, &one.id, lane, workspace).await?;
    let from = if one.lane == lane { "" } else { " It was another chat's until now, which begins a new one." };
    Ok(format!("The next task goes on with conversation {}: {}.{from}", short(&one.id), one.title))
}
