//! Following a task in a terminal: what it does, for how long, at what cost; then its answer.

use std::io::IsTerminal;

use agentlab_domain::{
    circuit::{self, Service},
    job::State,
    progress,
};
use agentlab_platform::{
    clock,
    db::{DbError, jobs::JobView},
};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    failure::Failure,
    print,
    system::{LOOK, Private, System, patience, since},
};

/// How following ended.
pub enum Followed {
    Ended(JobView),
    /// It waits for a time or a person that a terminal should not wait for.
    Parked(JobView),
}

/// Follows the task until it has ended or waits for something that is not near.
pub async fn follow(system: &mut System, private: &mut Private, number: i64) -> Result<Followed, Failure> {
    watch(system, private, number, &Shown::start(None)).await
}

/// The same for one that was asked to stop: what it did before is of no interest any more.
pub async fn to_its_end(system: &mut System, private: &mut Private, number: i64) -> Result<Followed, Failure> {
    watch(system, private, number, &Shown::start(Some("cancelling"))).await
}

async fn watch(system: &mut System, private: &mut Private, number: i64, shown: &Shown) -> Result<Followed, Failure> {
    let mut since = None;
    loop {
        private.ensure(&system.home)?;
        system.stay_open().await?;
        match look(system, number).await {
            Ok(Seen::Over(followed)) => return Ok(*followed),
            Ok(Seen::Under(words)) => {
                shown.show(&words);
                since = None;
            }
            // Somebody damaged the database, or put an older copy in its place. Whoever keeps it notices that soon, and it is restored.
            Ok(Seen::Gone) if since.get_or_insert_with(clock::instant).elapsed() < patience() => {}
            Err(error) if error.is_damage() && since.get_or_insert_with(clock::instant).elapsed() < patience() => {}
            Ok(Seen::Gone) => return Err(Failure::words(format!("task {number} is gone"))),
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// How it is with the task.
enum Seen {
    Over(Box<Followed>),
    /// On its way, and what it does.
    Under(String),
    Gone,
}

async fn look(system: &System, number: i64) -> Result<Seen, DbError> {
    let Some(view) = system.db.job(number).await? else { return Ok(Seen::Gone) };
    Ok(match State::parse(&view.state) {
        Some(State::Done | State::Failed | State::Cancelled | State::Poison) => {
            Seen::Over(Box::new(Followed::Ended(view)))
        }
        // Its time has come already: only the circuit keeps it, and that is looked at soon.
        Some(State::Parked) if view.run_at <= clock::now_ms() => Seen::Under(waiting(system, &view).await?),
        Some(State::Parked | State::Waiting) => Seen::Over(Box::new(Followed::Parked(view))),
        Some(State::Running) => Seen::Under(words(&view)),
        // A state of a later release is followed like any that has not ended.
        Some(State::Queued | State::Retrying) | None => {
            if let Some(paused) = system.db.paused().await? {
                return Ok(Seen::Over(Box::new(Followed::Parked(JobView { reason: Some(paused.words), ..view }))));
            }
            if let Some(held) = system.db.held().await? {
                return Ok(Seen::Over(Box::new(Followed::Parked(JobView { reason: Some(held), ..view }))));
            }
            Seen::Under(waiting(system, &view).await?)
        }
    })
}

/// Prints what came of it.
pub fn report(followed: &Followed, as_json: bool) -> Result<(), Failure> {
    let (Followed::Ended(view) | Followed::Parked(view)) = followed;
    if as_json {
        print::json(view)?;
        return Ok(());
    }
    match followed {
        Followed::Ended(view) => {
            print::line(view.answer.as_deref().unwrap_or_default().trim_end());
            print::note(&summary(view));
        }
        Followed::Parked(view) => print::error(&format!(
            "task {} waits: {} It is kept: `agentlab job {0}` shows it, `agentlab cancel {0}` ends it.",
            view.id,
            sentence(view.reason.as_deref().unwrap_or("no reason was noted"))
        )),
    }
    Ok(())
}

/// What a task waits for: the circuit, what its row says, or its place in the queue.
async fn waiting(system: &System, view: &JobView) -> Result<String, DbError> {
    let holds = system.db.outages().await?.iter().any(|outage| outage.id == Service::Claude.as_str() && outage.holds);
    if holds {
        return Ok(circuit::NOTICE.to_owned());
    }
    Ok(match view.state.as_str() {
        "retrying" => words(view),
        _ => system.db.place(view.id).await?.unwrap_or_else(|| words(view)),
    })
}

fn sentence(words: &str) -> String {
    if words.ends_with('.') { words.to_owned() } else { format!("{words}.") }
}

fn words(view: &JobView) -> String {
    match (view.state.as_str(), view.claimed_at) {
        ("running", Some(claimed_at)) => {
            let mut words =
                format!("{} {}", progress::elapsed(since(claimed_at)), view.activity.as_deref().unwrap_or("starts"));
            if let Some(cost) = view.cost_usd {
                words.push_str(&format!(" ({} so far)", progress::dollars(cost)));
            }
            words
        }
        ("retrying", _) => format!("tries again soon: {}", view.reason.as_deref().unwrap_or_default()),
        (state, _) => state.to_owned(),
    }
}

fn summary(view: &JobView) -> String {
    let took = view.ended_at.unwrap_or_default() - view.accepted_at;
    let mut parts = vec![format!("task {} {}", view.id, view.state), progress::elapsed(took)];
    parts.extend(view.cost_usd.map(progress::dollars));
    if let (Some(input), Some(output)) = (view.input_tokens, view.output_tokens) {
        parts.push(format!("{input} tokens read, {output} written"));
    }
    parts.join(", ")
}

/// A spinner in a terminal; elsewhere a line whenever the activity changes.
struct Shown {
    bar: Option<ProgressBar>,
    last: std::cell::RefCell<String>,
    /// Shown instead of whatever the task does.
    only: Option<&'static str>,
}

impl Shown {
    fn start(only: Option<&'static str>) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            ProgressBar::new_spinner().with_style(style)
        });
        Self { bar, last: std::cell::RefCell::default(), only }
    }

    fn show(&self, words: &str) {
        let words = self.only.unwrap_or(words);
        if let Some(bar) = &self.bar {
            bar.set_message(print::beside(words).replace('\n', " "));
            bar.tick();
            return;
        }
        // Without the clock in it: a log should not fill with seconds.
        let activity = words.split_once(' ').filter(|(time, _)| time.contains(':')).map_or(words, |(_, rest)| rest);
        if *self.last.borrow() != activity {
            print::note(activity);
            activity.clone_into(&mut self.last.borrow_mut());
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
