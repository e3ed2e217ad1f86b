//! Samples of what is known without the database: pulses, files, the system. It may block the thread.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use agentlab_domain::{
    hang::Standing,
    histogram::REQUESTS,
    role::{Post, Role},
};
use agentlab_platform::{
    alert::book,
    backup, clock, detectors, disk,
    home::Home,
    identity::Living,
    lock,
    pulse::{self, Beat},
    release, response, retention, usage,
};

use super::{counted::buckets, family, text::Samples};

/// How long a request waits for it: neither a disk that hangs nor a machine that is busy is waited for.
const WAIT: Duration = Duration::from_millis(60);

/// What was seen last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Around(Arc<Mutex<Samples>>);

impl Around {
    /// What is seen now, or else what was seen when it was last asked for.
    pub(super) async fn seen(&self, home: &Home, floor_mb: Option<u64>) -> Samples {
        let (seen, home) = (self.clone(), home.clone());
        let look = tokio::task::spawn_blocking(move || {
            let mut samples = Samples::default();
            add(&mut samples, &home, floor_mb);
            *seen.last() = samples;
        });
        let _ = tokio::time::timeout(WAIT, look).await;
        self.last().clone()
    }

    fn last(&self) -> MutexGuard<'_, Samples> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds all of them.
fn add(samples: &mut Samples, home: &Home, floor_mb: Option<u64>) {
    let release = release::current();
    let labels = [("version", release.version), ("commit", release.commit.unwrap_or_default())];
    samples.with(&family::BUILD, &labels, 1.0);
    files(samples, home, floor_mb);
    backups(samples, home);
    processes(samples, home);
    for (process, found) in detectors::all(home) {
        for (detector, one) in found {
            let labels = [("process", process.as_str()), ("detector", detector.as_str())];
            samples.with(&family::SWEEPS, &labels, number(one.sweeps));
            samples.with(&family::SILENT, &labels, f64::from(u8::from(one.silent)));
        }
    }
    for (method, requests) in response::read(home) {
        let labels = [("method", method.as_str())];
        samples.add(&family::TELEGRAM, &labels, buckets(&REQUESTS, &requests.buckets, number(requests.sum_ms)));
        samples.with(&family::TELEGRAM_FAILED, &labels, number(requests.failed));
    }
    firing(samples, home);
}

fn files(samples: &mut Samples, home: &Home, floor_mb: Option<u64>) {
    let database = home.database();
    let size = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    let log = database.with_extension("db-wal");
    for (file, path) in [("database", database.as_path()), ("wal", log.as_path())] {
        samples.with(&family::DATABASE_SIZE, &[("file", file)], number(size(path)));
    }
    if let Some(percent) = disk::percent_full(home.path()) {
        samples.one(&family::DISK_USED, number(percent) / 100.0);
    }
    if let Some(room) = disk::room(home.path()) {
        samples.one(&family::DISK_FREE, number(room.free));
        samples.one(&family::DISK_FLOOR, number(agentlab_domain::room::floor(floor_mb, room.all)));
    }
    if let Some(pass) = retention::last(home) {
        let age = u64::try_from(clock::now_ms() - pass.at).unwrap_or_default();
        samples.one(&family::PRUNE_AGE, number(age) / 1_000.0);
        samples.one(&family::PRUNE_HOLD, number(pass.longest_ms) / 1_000.0);
    }
}

fn backups(samples: &mut Samples, home: &Home) {
    let all = backup::all(home);
    samples.one(&family::BACKUPS, number(all.len() as u64));
    samples.one(&family::BACKUP_FAILED, f64::from(u8::from(backup::failure(home).is_some())));
    let seconds = |ms: i64| number(u64::try_from(ms).unwrap_or_default()) / 1_000.0;
    samples.one(&family::BACKUP_UNCOPIED, backup::uncopied(home).map_or(0.0, |failure| seconds(failure.age_ms())));
    if let Some(newest) = all.first() {
        samples.one(&family::BACKUP_AGE, seconds(newest.age_ms()));
        samples.one(&family::BACKUP_VERIFIED_AGE, seconds(clock::now_ms() - newest.verified_at));
    }
}

fn processes(samples: &mut Samples, home: &Home) {
    let beats: Vec<(String, Beat)> = pulse::all(home)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|beat| Some((Post::of_process(&beat.name)?.to_string(), beat)))
        .filter(|(_, beat)| !beat.ended)
        .collect();
    let living: Vec<bool> = beats.iter().map(|(_, beat)| beat.identity.living() == Living::Yes).collect();
    let pids: Vec<i32> = beats.iter().map(|(_, beat)| beat.identity.pid).collect();
    for (((post, beat), alive), used) in beats.iter().zip(living).zip(usage::of(&pids)) {
        let labels = [("process", post.as_str())];
        let ready = alive && beat.ready && beat.latest().is_none() && beat.identity.standing() != Standing::Stopped;
        samples.with(&family::PROCESS_READY, &labels, f64::from(u8::from(ready)));
        // A PID that is somebody else's by now tells nothing.
        if let Some(used) = used.filter(|_| alive) {
            samples.with(&family::MEMORY, &labels, number(used.own_memory));
            samples.with(&family::CPU, &labels, number(used.cpu_ms) / 1_000.0);
            samples.with(&family::PROCESS_AGE, &labels, number(used.age_s));
        }
    }
}

fn firing(samples: &mut Samples, home: &Home) {
    let supervisor = Post { role: Role::Supervisor, slot: 0 };
    // Without a supervisor nobody would notice that something is over.
    if !lock::is_held(&home.post_lock(supervisor)).unwrap_or(true) {
        return;
    }
    let mut firing: BTreeMap<(String, String), u64> = BTreeMap::new();
    for entry in book::firing(home) {
        *firing.entry((entry.rule, entry.severity)).or_default() += 1;
    }
    for ((rule, severity), count) in firing {
        samples.with(&family::FIRING, &[("rule", &rule), ("severity", &severity)], number(count));
    }
}

#[expect(clippy::cast_precision_loss, reason = "the format has no other numbers")]
fn number(value: u64) -> f64 {
    value as f64
}
