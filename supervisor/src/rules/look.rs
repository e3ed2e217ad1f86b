//! One look at what the rules name: posts by their pulses and locks, the disk, the detectors, the rows. Each is looked at by
//! itself, and what cannot be seen is said to be so.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use agentlab_domain::{
    alert::facts::{Facts, Proved, WORKERS},
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
    /// The life at each post, and its beats.
    beats: BTreeMap<String, (String, u64)>,
}

impl Look {
    pub(super) fn of(taken: &Taken, workers: Arc<AtomicU32>) -> Self {
        Self {
            home: taken.home.clone(),
            workers,
            with_bot: taken.config.telegram.token.is_some(),
            answers: None,
            bot_quiet: Duration::ZERO,
            beats: BTreeMap::new(),
        }
    }

    /// Looks now; the last look was `ran` ago and should have been `every`.
    pub(super) fn look(&mut self, slow: &Slow, (ran, every): (Duration, Duration)) -> Facts {
        let wanted = posts(self.workers.load(Ordering::Relaxed), true, self.with_bot);
        let seen: Vec<(Post, Option<Beat>)> =
            wanted.into_iter().map(|post| (post, pulse::read(&self.home, post))).collect();
        let posts: Vec<(Post, Proved)> =
            seen.iter().map(|(post, beat)| (*post, self.proved(*post, beat.as_ref()))).collect();
        let bot = seen.iter().find(|(post, _)| *post == BOT).and_then(|(_, beat)| beat.as_ref());
        let is_there = posts.contains(&(BOT, Proved::Ready));
        let answered = self.has_answered(bot.filter(|_| is_there));
        self.bot_quiet = age(self.bot_quiet, !answered, ran, every);
        Facts {
            posts,
            bot_quiet: self.with_bot.then_some(self.bot_quiet),
            disk: slow.disk(),
            backup: slow.backup(),
            uncopied: slow.uncopied(),
            rows: slow.rows(),
            detectors: named(&detectors::all(&self.home)),
        }
    }

    /// What is proved of a post, and whether its pulse has beaten since the last look.
    fn proved(&mut self, post: Post, beat: Option<&Beat>) -> Proved {
        let now = beat.map(|beat| (beat.name.clone(), beat.beats));
        let known = self.beats.get(&post.to_string());
        let beaten = now.is_some() && known != now.as_ref();
        if let Some(now) = now {
            self.beats.insert(post.to_string(), now);
        }
        proved(&self.home, post, beat, beaten)
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

/// What is proved of a post. Its lock is asked only in a doubt, since whoever asks holds it for a moment.
fn proved(home: &Home, post: Post, beat: Option<&Beat>, beaten: bool) -> Proved {
    let doubt = |otherwise: Proved, free: Proved| match lock::is_held(&home.post_lock(post)) {
        Ok(true) => otherwise,
        Ok(false) => free,
        Err(_) => Proved::Unkept,
    };
    let Some(beat) = beat else { return doubt(Proved::Nothing, Proved::Away) };
    let ready = if beat.ready && beat.latest().is_none() { Proved::Ready } else { Proved::Away };
    match (beat.identity.standing(), beaten) {
        (Standing::Gone, true | false) => doubt(Proved::Away, Proved::Away),
        (Standing::Stopped, true | false) => Proved::Away,
        // What beats lives, whatever is known of its lock.
        (Standing::Running | Standing::Blocked | Standing::CannotTell, true) => ready,
        (Standing::Running | Standing::Blocked, false) => doubt(ready, ready),
        (Standing::CannotTell, false) => doubt(Proved::Nothing, Proved::Nothing),
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

#[cfg(test)]
mod tests {
    use agentlab_platform::identity::Identity;

    use super::*;

    /// A home in which a folder stands where the lock of a post should be.
    #[test]
    fn whose_lock_cannot_be_asked_is_unkept_unless_its_pulse_beats() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("h")).unwrap();
        let post = Post { role: Role::Worker, slot: 3 };
        let own = Identity::own().unwrap();
        let dead = Identity { boot: "another".into(), ..own.clone() };
        let beat = |identity| Beat {
            name: "worker-3.x".into(),
            identity,
            version: String::new(),
            commit: None,
            committed_at: None,
            installed_at: None,
            config: String::new(),
            ready: true,
            asked: false,
            ended: false,
            beats: 7,
            note: None,
            kept_by: None,
            loops: BTreeMap::new(),
        };
        let (alive, dead) = (beat(own), beat(dead));
        let seen = |beat, beaten| proved(&home, post, beat, beaten);
        let all = || [seen(None, false), seen(Some(&dead), false), seen(Some(&alive), false), seen(Some(&alive), true)];
        let path = home.post_lock(post);
        std::fs::create_dir_all(&path).unwrap();
        assert_eq!(all(), [Proved::Unkept, Proved::Unkept, Proved::Unkept, Proved::Ready]);
        std::fs::remove_dir(&path).unwrap();
        assert_eq!(all(), [Proved::Away, Proved::Away, Proved::Ready, Proved::Ready]);
        let _held = lock::Lock::try_take(&path, lock::Mode::Exclusive).unwrap().unwrap();
        assert_eq!(all(), [Proved::Nothing, Proved::Away, Proved::Ready, Proved::Ready]);
    }
}
