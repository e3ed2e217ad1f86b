//! A home with a long past, and requests to its console. An *archive* is a hundred thousand ended tasks with what real ones leave
//! behind: runs, money, messages, rows of the queue.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use agentlab_platform::db::{Db, Durability};
use anyhow::{Context, bail};

use crate::{clock, world::World};

/// Ended tasks.
pub(crate) const TASKS: i64 = 100_000;
/// They ended within so many days, evenly.
const DAYS: i64 = 90;

/// One statement a table; `?1` is how many, `?2` the milliseconds between two, `?3` the time of the first.
const FILL: [&str; 6] = [
    "INSERT INTO job (number, id, state, channel, lane, chat, user_id, source_message, project, workspace, isolation, prompt, answer,
                      accepted_at, ended_at)
     SELECT value, printf('01KARCHVE%017d', value),
            CASE value % 20 WHEN 0 THEN 'failed' WHEN 1 THEN 'cancelled' ELSE 'done' END, 'telegram', 'telegram:' || (value % 7),
            value % 7 + 1, value % 3 + 1, value, 'p' || (value % 5), '/srv/p' || (value % 5), 'none',
            'Please mend the thing number ' || value || ' in the shop: ' || hex(randomblob(120)),
            'It is mended. ' || hex(randomblob(600)), ?3 + value * ?2 - 60000 - value % 600000, ?3 + value * ?2
     FROM generate",
    "INSERT INTO Jobs (id, job, job_type, status, attempts, max_attempts, run_at, done_at)
     SELECT job.id, X'00', 'agentlab', CASE job.state WHEN 'done' THEN 'Done' ELSE 'Killed' END, 1, 25, job.accepted_at / 1000,
            job.ended_at / 1000 FROM job",
    "INSERT INTO run (id, job_id, attempt, token, state, session, workspace, exclusive, claimed_at, started_at, ended_at, outcome,
                      cost_micro_usd, input_tokens, output_tokens, turns)
     SELECT job.id || '-1', job.id, 1, 't', 'over', 's', job.workspace, 0, job.accepted_at + 100, job.accepted_at + 200, job.ended_at,
            CASE job.state WHEN 'done' THEN 'succeeded' WHEN 'failed' THEN 'errored' ELSE 'stopped' END, 12345, 2000, 700, 4 FROM job",
    "INSERT INTO run (id, job_id, attempt, token, state, session, workspace, exclusive, claimed_at, started_at, ended_at, outcome)
     SELECT job.id || '-2', job.id, 2, 't', 'over', 's', job.workspace, 0, job.accepted_at + 100, job.accepted_at + 200, job.ended_at,
            'lost' FROM job WHERE job.number % 10 = 0",
    "INSERT INTO spend (run_id, user_id, reserved_micro_usd, settled_micro_usd, reserved_at, settled_at)
     SELECT run.id, 1, 1000000, 12345, run.claimed_at, run.ended_at FROM run",
    "INSERT INTO outbox (kind, job_id, chat, body, state, revision, delivered_revision, message_id, created_at, delivered_at)
     SELECT kind.value, job.id, job.chat, json_object('text', 'Task ' || job.number || ': ' || substr(job.answer, 1, 400)), 'delivered',
            3, 3, job.number, job.accepted_at, job.ended_at
     FROM job, (SELECT 'status' AS value UNION ALL SELECT 'part') kind WHERE kind.value = 'status' OR job.number % 3 = 0",
];

/// Fills the database of this world.
pub(crate) async fn fill(world: &World) -> anyhow::Result<()> {
    let db = Db::open(&world.home()?).await?;
    let now = agentlab_platform::clock::now_ms();
    let between = DAYS * 24 * 3_600_000 / TASKS;
    let mut write = db.begin(Durability::Full).await?;
    for statement in FILL {
        let generate =
            "WITH RECURSIVE generate(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM generate WHERE value < ?1) ";
        let with = if statement.contains("FROM generate") { generate } else { "" };
        let mut query = sqlx::query(sqlx::AssertSqlSafe(format!("{with}{statement}")));
        if !with.is_empty() {
            query = query.bind(TASKS).bind(between).bind(now - TASKS * between);
        }
        query.execute(&mut *write).await.with_context(|| statement[..40].to_owned())?;
    }
    write.commit().await?;
    Ok(())
}

/// Asks by the console's socket for this path, which must succeed; how long it took from the connection to the last byte.
pub(crate) fn ask(socket: &Path, method: &str, path: &str, body: &str) -> anyhow::Result<Duration> {
    let (took, head) = answer(socket, method, path, body)?;
    if !head.starts_with("HTTP/1.1 20") {
        bail!("{path}: {head}");
    }
    Ok(took)
}

/// The same whatever the answer is; with its first line.
pub(crate) fn answer(socket: &Path, method: &str, path: &str, body: &str) -> anyhow::Result<(Duration, String)> {
    let began = clock::now();
    let mut stream = UnixStream::connect(socket)?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: agentlab\r\nAccept: text/html\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let took = clock::now().saturating_sub(began);
    Ok((took, answer.lines().next().unwrap_or_default().to_owned()))
}
