//! The foreman starts `up` again when it was killed, as a person or a service manager would.

use std::{
    os::unix::process::ExitStatusExt,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use agentlab_domain::role::{Post, Role};
use agentlab_platform::identity::Identity;

use super::{Plan, watch::Watch};
use crate::world::{Running, World};

pub(super) const SUPERVISOR: Post = Post { role: Role::Supervisor, slot: 0 };

pub(super) struct Foreman<'a> {
    world: &'a World,
    seed: u64,
    /// The `up` that runs now.
    now: Mutex<Option<Identity>>,
    /// Ends of it that nobody caused.
    unasked: Mutex<Vec<String>>,
}

impl<'a> Foreman<'a> {
    pub(super) fn of(world: &'a World, plan: &Plan) -> Self {
        Self { world, seed: plan.seed, now: Mutex::default(), unasked: Mutex::default() }
    }

    /// The `up` that runs now.
    pub(super) fn up(&self) -> Option<Identity> {
        self.now.lock().unwrap().clone()
    }

    /// Starts it again and again; returns the living one once all is over.
    pub(super) fn keep(&self, first: Running, watch: &Watch<'_>, over: &AtomicBool) -> Running {
        let mut random = fastrand::Rng::with_seed(self.seed + 2);
        let mut up = first;
        self.note(&up);
        while !over.load(Ordering::Relaxed) {
            std::thread::park_timeout(Duration::from_millis(5));
            let Some(status) = up.ended() else { continue };
            *self.now.lock().unwrap() = None;
            if status.signal() != Some(nix::sys::signal::Signal::SIGKILL as i32) {
                self.unasked.lock().unwrap().push(format!("{status}: {}", up.output()));
            }
            // Sometimes nobody is there for a while.
            if random.u8(0..3) == 0 {
                std::thread::park_timeout(Duration::from_millis(random.u64(0..2000)));
            }
            watch.began(SUPERVISOR);
            up = self.world.start(&["up"]);
            self.note(&up);
        }
        up
    }

    fn note(&self, up: &Running) {
        *self.now.lock().unwrap() = Identity::of(up.pid()).unwrap();
    }

    /// `up` ends when it is killed or asked, and never else.
    pub(super) fn check(&self) {
        let unasked = self.unasked.lock().unwrap();
        assert!(unasked.is_empty(), "`up` ended by itself: {unasked:#?}");
    }
}
