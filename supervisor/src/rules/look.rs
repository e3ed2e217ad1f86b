//! One look at what the rules name: posts by their pulses and locks, the disk, the detectors, the rows. Each is looked at by
//! itself, and what cannot be seen is said to be so.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use agentlab_domain::{
    alert::facts::{Facts, WORKERS},
    hang::Standing,
    health::age,
    role::{Post, Role, posts},
};
use agentlab_platform::{
    detectors,
    home::Home,
    life::Taken,
    lock,
    pulse::{self, Beat},
    spawn,
};

use super::slow::Slow;

/// The bot.
const BOT: Post = Post { role: Role::Bot, slot: 0 };

/// Who looks, with what it has seen before.
pub(super) struct Look {
    home: Home,
    workers: Arc<AtomicU32>,
    with_bot: bool,
    /// The bot's life, and how many answers it had.
    answers: Option<(String, u64)>,
    bot_quiet: Duration,
}

impl Look {
    pub(super) fn of(taken: &Taken, workers: Arc<AtomicU32>) -> Self {
        Self {
            home: taken.home.clone(),
            workers,
            with_bot: taken.config.telegram.token.is_some(),
            answers: None,
            bot_quiet: Duration::ZERO,
        }
    }

    /// Looks now; the last look was `ran` ago and should have been `every`.
    pub(super) fn look(&mut self, slow: &Slow, (ran, every): (Duration, Duration)) -> Facts {
        let wanted = posts(self.workers.load(Ordering::Relaxed), true, self.with_bot);
        let seen: Vec<(Post, Option<Beat>)> =
            wanted.into_iter().map(|post| (post, pulse::read(&self.home, post))).collect();
        let posts: Vec<(Post, Option<bool>)> =
            seen.iter().map(|(post, beat)| (*post, is_ready(&self.home, *post, beat.as_ref()))).collect();
        let bot = seen.iter().find(|(post, _)| *post == BOT).and_then(|(_, beat)| beat.as_ref());
        let is_there = posts.contains(&(BOT, Some(true)));
        let answered = self.has_answered(bot.filter(|_| is_there));
        self.bot_quiet = age(self.bot_quiet, !answered, ran, every);
        Facts {
            posts,
            bot_quiet: self.with_bot.then_some(self.bot_quiet),
            disk: slow.disk(),
            rows: slow.rows(),
            detectors: named(&detectors::all(&self.home)),
        }
    }

    /// Whether the bot had an answer from Telegram since the last look. A bot that does not count them is believed.
    fn has_answered(&mut self, bot: Option<&Beat>) -> bool {
        let Some(bot) = bot else { return false };
        let Some(answers) = bot.loops.get(pulse::ANSWERS) else { return true };
        let now = Some((bot.name.clone(), answers.turns));
        let is_new = self.answers != now && answers.turns > 0;
        self.answers = now;
        is_new
    }
}

/// Whether the process at a post is ready, and neither stands still nor hangs; `None` where that cannot be told.
fn is_ready(home: &Home, post: Post, beat: Option<&Beat>) -> Option<bool> {
    let Some(beat) = beat else {
        return matches!(lock::is_held(&home.post_lock(post)), Ok(false)).then_some(false);
    };
    match beat.identity.standing() {
        Standing::Gone | Standing::Stopped => Some(false),
        Standing::Running | Standing::Blocked => Some(beat.ready && beat.latest().is_none()),
        Standing::CannotTell => None,
    }
}

fn named(detectors: &detectors::Detectors) -> Vec<(String, bool)> {
    let all = detectors.iter().flat_map(|(process, of)| of.iter().map(move |(name, one)| (process, name, one)));
    all.map(|(process, name, detector)| (format!("{process}/{name}"), detector.silent)).collect()
}

/// What is known of why nobody comes up: who keeps the database locked, and the last words.
pub(super) fn why(home: &Home, subject: &str) -> String {
    let note = pulse::read(home, Post { role: Role::Supervisor, slot: 0 }).and_then(|beat| beat.note);
    let post = if subject == WORKERS { Post::parse("worker-1") } else { Post::parse(subject) };
    let last = post.and_then(|post| spawn::last_words(home, post)).map(|last| format!(" Its last words: \"{last}\"."));
    let words: Vec<String> = [note.map(|note| format!(" Now: {note}.")), last].into_iter().flatten().collect();
    words.concat()
}
