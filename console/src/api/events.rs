//! `GET /api/jobs/ID/events`: what happens to a task, as it happens (server-sent events). `state` says the task's state when it is
//! another one, `activity` is one event of its agent in words, `end` is the last. Whoever was cut off goes on where he was: an
//! event's id names the run and the byte, and a browser gives it back by itself.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use agentlab_domain::job::State as JobState;
use agentlab_platform::{clock, db::jobs::JobView, events, redaction::Redaction, run_dir::RunDir, tail::Tail};
use axum::{
    extract::State,
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::Stream;
use serde_json::json;

use super::{Number, number};
use crate::{
    Shared,
    problem::{Problem, Usual, Words},
};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);

/// A line that says nothing, so often that nobody between takes the connection for dead.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Follows the task.
#[utoipa::path(
    get,
    path = "/api/jobs/{id}/events",
    tag = "tasks",
    params(
        ("id" = i64, Path, description = "The task's number", example = 1),
        ("Last-Event-ID" = Option<String>, Header, description = "Where an earlier reader was"),
    ),
    responses(
        (status = 200, description = "Server-sent events: `state`, `activity`, and in the end `end`",
         body = String, content_type = "text/event-stream"),
        (status = 404, description = "There is no such task", body = Words),
        Usual,
    )
)]
pub(crate) async fn events(
    State(shared): State<Arc<Shared>>,
    path: Number,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let number = number(path)?;
    shared.job(number).await?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(place);
    let follower = Follower {
        secrets: Redaction::of_logs(&shared.life.config.secrets()),
        shared,
        number,
        state: None,
        tail: None,
        last,
        waiting: VecDeque::new(),
        over: false,
    };
    let stream = futures::stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(clock::scaled(HEARTBEAT))))
}

/// A run and the byte at which its next event begins.
fn place(id: &str) -> Option<(String, u64)> {
    let (run, at) = id.rsplit_once(':')?;
    Some((run.to_owned(), at.parse().ok()?))
}

struct Follower {
    shared: Arc<Shared>,
    number: i64,
    secrets: Redaction,
    /// The state that was told last.
    state: Option<String>,
    /// Of the newest run's events.
    tail: Option<(String, Tail)>,
    /// Where an earlier follower of the same reader was.
    last: Option<(String, u64)>,
    waiting: VecDeque<Event>,
    over: bool,
}

impl Follower {
    /// The next event, when it happens; `None` after the last.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            if !self.look().await {
                tokio::time::sleep(clock::scaled(LOOK)).await;
            }
        }
    }

    /// Looks once; true when there is more to be read at once.
    async fn look(&mut self) -> bool {
        // The row first: what its run wrote before the row said that it ended is read after it.
        let Ok(Some(job)) = self.shared.life.db.job(self.number).await else {
            // A locked database is no end.
            return false;
        };
        let all = self.read(&job).await;
        if self.state.as_ref() != Some(&job.state) {
            let words = json!({ "state": job.state, "reason": job.reason, "ahead": job.ahead });
            self.waiting.push_back(Event::default().event("state").data(words.to_string()));
            self.state = Some(job.state.clone());
        }
        if all && JobState::parse(&job.state).is_some_and(JobState::is_ended) {
            self.over = true;
            let words = json!({ "state": job.state, "reason": job.reason, "cost_usd": job.cost_usd });
            self.waiting.push_back(Event::default().event("end").data(words.to_string()));
        }
        !all
    }

    /// Reads on in the newest run's events; true when that was all of them.
    async fn read(&mut self, job: &JobView) -> bool {
        let Some(run) = &job.run else { return true };
        let tail = match self.tail.take() {
            Some((of, tail)) if of == *run => tail,
            Some(_) | None => {
                let from = self.last.take().filter(|(of, _)| of == run).map_or(0, |(_, at)| at);
                Tail::from(RunDir::of(&self.shared.life.home, run).events(), from)
            }
        };
        // A large file may come from a slow disk.
        let read = tokio::task::spawn_blocking(move || {
            let mut tail = tail;
            let (lines, all) = tail.some();
            let words: Vec<String> = lines.iter().filter_map(|line| events::in_a_line(line)).collect();
            (tail, words, all)
        });
        let Ok((tail, words, all)) = read.await else { return true };
        let id = format!("{run}:{}", tail.at());
        self.tail = Some((run.clone(), tail));
        let last = words.len();
        for (n, words) in words.into_iter().enumerate() {
            let event = Event::default().event("activity").data(one_line(&self.secrets.head(&words)));
            // Those that were read together are gone on after together.
            self.waiting.push_back(if n + 1 == last { event.id(id.clone()) } else { event });
        }
        all
    }
}

/// A carriage return would be the end of a line to a browser, and is refused here.
fn one_line(words: &str) -> String {
    words.replace(['\r', '\0'], " ")
}
