//! Watching: whether /health says that the system can serve, and how long after a death another process is ready at its
//! post. It asks as a stranger would, and decides nothing.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use agentlab_domain::role::Post;
use agentlab_platform::{
    home::Home,
    identity::Living,
    pulse::{self, Beat},
};
use serde_json::Value;

use crate::world::World;

/// Between two questions whether the system can serve.
const SAMPLE: Duration = Duration::from_millis(100);
/// Between two looks whether somebody is ready.
const LOOK: Duration = Duration::from_millis(10);
/// How long an answer may take: who takes longer does not answer.
const ANSWER: Duration = Duration::from_secs(1);

/// Deaths after which nobody is ready yet, and how long the others took.
#[derive(Debug, Default)]
struct Deaths {
    open: BTreeMap<Post, (Instant, Option<String>)>,
    took: BTreeMap<&'static str, Vec<Duration>>,
}

/// What was seen of /health.
#[derive(Debug, Default)]
struct Served {
    samples: u32,
    good: u32,
    unanswered: u32,
    longest: Duration,
}

pub(super) struct Watch<'a> {
    world: &'a World,
    began: Instant,
    home: Home,
    deaths: Mutex<Deaths>,
    served: Mutex<Served>,
}

impl<'a> Watch<'a> {
    pub(super) fn of(world: &'a World, began: Instant) -> Self {
        let home = Home::at(world.home()).unwrap();
        Self { world, began, home, deaths: Mutex::default(), served: Mutex::default() }
    }

    /// Who is at this post was killed just now (or, for the supervisor, another one is started now).
    pub(super) fn began(&self, post: Post) {
        let name = pulse::read(&self.home, post).map(|beat| beat.name);
        self.deaths.lock().unwrap().open.insert(post, (Instant::now(), name));
    }

    /// Watches until all is over.
    pub(super) fn keep(&self, over: &AtomicBool) {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut last = Instant::now();
                while !over.load(Ordering::Relaxed) {
                    self.sample(&mut last);
                    std::thread::park_timeout(SAMPLE);
                }
            });
            while !over.load(Ordering::Relaxed) {
                self.look();
                std::thread::park_timeout(LOOK);
            }
        });
    }

    fn look(&self) {
        let mut deaths = self.deaths.lock().unwrap();
        let Deaths { open, took } = &mut *deaths;
        for (post, (at, _)) in open.extract_if(.., |post, (_, name)| self.another_is_ready(*post, name.as_ref())) {
            eprintln!(
                "chaos: {:8.2} s  {post} is ready after {:.1?}",
                self.began.elapsed().as_secs_f64(),
                at.elapsed()
            );
            took.entry(post.role.as_str()).or_default().push(at.elapsed());
        }
    }

    fn another_is_ready(&self, post: Post, before: Option<&String>) -> bool {
        self.beat(post).is_some_and(|beat| beat.ready && Some(&beat.name) != before)
    }

    /// What the living process at this post says of itself.
    pub(super) fn beat(&self, post: Post) -> Option<Beat> {
        pulse::read(&self.home, post).filter(|beat| beat.identity.living() == Living::Yes)
    }

    /// Asks once whether the system can serve; `last` is when it last could.
    fn sample(&self, last: &mut Instant) {
        let answer = self.health();
        let serves = answer.as_ref().is_some_and(|(code, _)| *code == 200);
        let now = Instant::now();
        let mut served = self.served.lock().unwrap();
        served.samples += 1;
        served.unanswered += u32::from(answer.is_none());
        if serves {
            served.good += 1;
            let gap = now - *last;
            served.longest = served.longest.max(gap);
            if gap > Duration::from_secs(1) {
                eprintln!("chaos: {:8.2} s  serves again after {gap:.1?}", self.began.elapsed().as_secs_f64());
            }
            *last = now;
        }
    }

    /// What /health answers; `None` when it does not.
    pub(super) fn health(&self) -> Option<(u16, Value)> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.world.port));
        let mut stream = TcpStream::connect_timeout(&address, ANSWER).ok()?;
        stream.set_read_timeout(Some(ANSWER)).ok()?;
        write!(stream, "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let code = answer.split(' ').nth(1)?.parse().ok()?;
        Some((code, serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()?))
    }

    pub(super) fn print(&self) {
        let served = self.served.lock().unwrap();
        let percent = 100.0 * f64::from(served.good) / f64::from(served.samples.max(1));
        eprintln!(
            "chaos: uptime {percent:.2} % of {} samples ({} without an answer), longest gap {:.1?}",
            served.samples, served.unanswered, served.longest
        );
        for (role, took) in &mut self.deaths.lock().unwrap().took {
            took.sort_unstable();
            let (p50, worst) = (took[took.len() / 2], took[took.len() - 1]);
            eprintln!("chaos: {role}: death to ready p50 {p50:.1?}, max {worst:.1?} (n = {})", took.len());
        }
    }
}
