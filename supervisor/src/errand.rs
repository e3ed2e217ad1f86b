//! Errands to the service manager, where one starts our processes: to have a post filled, and to learn how somebody ended who was
//! no child of ours. An *errand* runs beside the passes of the keeper and has an end of its own, so that a manager that hangs
//! keeps nobody waiting. While one is out for a post, the post counts as started.

use std::{
    os::unix::process::ExitStatusExt,
    process::ExitStatus,
    sync::Arc,
    time::{Duration, Instant},
};

use agentlab_domain::{fall::Ended, role::Post};
use agentlab_platform::{
    clock,
    home::Home,
    pulse,
    services::{Basis, Manager, SUPERVISOR, State, Trouble},
};
use futures::FutureExt;
use tokio::{sync::Notify, task::JoinHandle};

/// How long a process may take to be at its post after the manager was asked for it.
const THERE: Duration = Duration::from_secs(30);
/// How long the manager may take to know of an end that we saw.
const KNOWN: Duration = Duration::from_secs(2);
/// Between two questions.
const LOOK: Duration = Duration::from_millis(500);
/// Between two questions about an end, which is known within a moment.
const SOON: Duration = Duration::from_millis(20);
/// Tests shorten a wait for a start no further.
const SHORTEST: Duration = Duration::from_secs(10);

/// What an errand found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// How the process at the post ended.
    pub(crate) status: Option<ExitStatus>,
    /// Why nobody came, where that is why.
    pub(crate) words: Option<String>,
}

/// An errand that is out. It ends with this value.
#[derive(Debug)]
pub(crate) struct Errand {
    out: JoinHandle<Answer>,
    /// Who had beaten last at the post when it was sent.
    before: Option<String>,
}

impl Drop for Errand {
    fn drop(&mut self) {
        self.out.abort();
    }
}

/// Who sends them.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    pub(crate) manager: Manager,
    pub(crate) home: Home,
    /// Told when one is back.
    pub(crate) back: Arc<Notify>,
}

impl Sender {
    /// Has the manager fill a post, and waits for somebody to be there: for his end, or for nobody.
    pub(crate) fn start(&self, post: Post) -> Errand {
        let sender = self.clone();
        self.send(post, async move {
            match sender.fill(post).await {
                Ok(answer) => answer,
                Err(trouble) => Answer { status: None, words: Some(format!("it could not be started: {trouble}")) },
            }
        })
    }

    /// Asks how the process `pid` ended, which was at this post.
    pub(crate) fn how_it_ended(&self, post: Post, pid: i32) -> Errand {
        let manager = self.manager.clone();
        self.send(post, async move {
            let began = clock::instant();
            while began.elapsed() < KNOWN {
                match manager.state(post).await {
                    Ok(state) if state.pid.is_none() && state.last_pid.is_none_or(|last| last == pid) => {
                        return Answer { status: state.last.and_then(status), words: None };
                    }
                    // Another one was there since; or it was none of the manager's.
                    Ok(state) if state.last_pid.is_some_and(|last| last != pid) => break,
                    Ok(_) => tokio::time::sleep(SOON).await,
                    Err(error) => {
                        tracing::warn!(%post, %error, "nobody can tell how it ended");
                        break;
                    }
                }
            }
            Answer { status: None, words: None }
        })
    }

    fn send(&self, post: Post, errand: impl Future<Output = Answer> + Send + 'static) -> Errand {
        let back = Arc::clone(&self.back);
        let out = async move {
            let answer = errand.await;
            back.notify_one();
            answer
        };
        Errand::out(&self.home, post, out)
    }

    async fn fill(&self, post: Post) -> Result<Answer, Trouble> {
        // The manager ends everything: whoever died died of that, and is not to be started against it.
        if self.manager.state(SUPERVISOR).await?.ends {
            tracing::info!(%post, "everything is being stopped: it is not started again");
            return std::future::pending().await;
        }
        self.place(post)?;
        let before = self.manager.state(post).await?;
        tracing::info!(%post, manager = self.manager.kind.as_str(), "asked to start it");
        self.manager.start(post).await?;
        let (began, limit) = (clock::instant(), clock::scaled(THERE).max(SHORTEST));
        loop {
            tokio::time::sleep(clock::scaled(LOOK)).await;
            let state = self.manager.state(post).await?;
            if let Some(answer) = came_and_went(&before, &state) {
                return Ok(answer);
            }
            if is_over(began, limit) {
                let (name, words) = (self.manager.kind.as_str(), &state.words);
                let words =
                    format!("{name} was asked to start it, and nobody came within {limit:.0?}: it says {words}");
                return Ok(Answer { status: None, words: Some(words) });
            }
        }
    }

    /// Sees to it that the post has a unit, since the first start of a new worker may be before units are looked after.
    fn place(&self, post: Post) -> Result<(), Trouble> {
        let basis = Basis::of_this_process(&self.home)
            .map_err(|error| Trouble::File { path: self.home.path().to_owned(), error })?;
        self.manager.place(&basis, post)
    }
}

impl Errand {
    /// An errand for this post that goes out now.
    pub(crate) fn out(home: &Home, post: Post, errand: impl Future<Output = Answer> + Send + 'static) -> Self {
        let before = pulse::read(home, post).map(|beat| beat.name);
        Self { out: tokio::spawn(errand), before }
    }

    /// Nobody has beaten at the post since it was sent: whoever came and went said nothing of himself.
    pub(crate) fn nobody_spoke(&self, home: &Home, post: Post) -> bool {
        pulse::read(home, post).map(|beat| beat.name) == self.before
    }

    /// What it found out, once it is back.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        let broken = |_| Answer { status: None, words: Some("asking the service manager failed".to_owned()) };
        (&mut self.out).now_or_never().map(|back| back.unwrap_or_else(broken))
    }
}

/// The end of a start that was not there before.
fn came_and_went(before: &State, now: &State) -> Option<Answer> {
    let newer = now.generation.is_some() && now.generation != before.generation;
    let status = now.last.and_then(status).filter(|_| newer && now.pid.is_none())?;
    Some(Answer { status: Some(status), words: None })
}

fn is_over(began: Instant, limit: Duration) -> bool {
    began.elapsed() > limit
}

/// The same as a parent would be told it.
fn status(ended: Ended) -> Option<ExitStatus> {
    match ended {
        Ended::Code(code) => Some(ExitStatus::from_raw((code & 0xff) << 8)),
        Ended::Signal(signal) => Some(ExitStatus::from_raw(signal & 0x7f)),
        Ended::NobodyKnows => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_new_start_is_one() {
        let state = |generation: &str, pid, last| State {
            generation: Some(generation.to_owned()),
            pid,
            last,
            ..State::default()
        };
        let before = state("a", None, Some(Ended::Code(42)));
        assert_eq!(came_and_went(&before, &before), None, "it has not been started yet");
        assert_eq!(came_and_went(&before, &state("b", Some(7), None)), None, "it is there");
        let answer = came_and_went(&before, &state("b", None, Some(Ended::Code(78)))).unwrap();
        assert_eq!(answer.status.and_then(|status| status.code()), Some(78));
        let answer = came_and_went(&before, &state("b", None, Some(Ended::Signal(9)))).unwrap();
        assert_eq!(answer.status.and_then(|status| status.signal()), Some(9));
        assert_eq!(came_and_went(&State::default(), &State::default()), None, "nothing is known of it");
    }
}
