//! Following a living run by its files: progress to the rows, and a stop request from the rows to the run. An adopted run
//! is followed from the first byte again, so that whoever follows sees the same.

use std::{
    fs::File,
    io::{self, Read},
    time::Duration,
};

use agentlab_domain::{answer, circuit::Calls};
use agentlab_platform::{
    clock,
    db::claim::Claim,
    events::Transcript,
    life::Life,
    ping,
    pulse::{Turns, limit},
    redaction::Redaction,
    run_dir::RunDir,
};
use fail::fail_point;
use tokio::process::Child;

use crate::{handle::HandleError, wake::Waker};

/// Between two looks at the files.
const LOOK: Duration = Duration::from_millis(100);
/// Between two writes of progress, in milliseconds.
const TELL_MS: i64 = 1_000;
/// Bytes read in one go.
const PIECE: usize = 64 * 1024;

/// How following ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Followed {
    /// The shim is gone or has written the end; look again.
    Over,
    /// Somebody else holds the job now.
    LeaseLost,
}

/// Promises the turns of the loop that follows, and nothing once nobody is followed: however that ends.
struct Following(Turns);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.rest();
    }
}

/// Follows the run until its shim is gone.
pub(crate) async fn follow(
    life: &Life,
    claim: &Claim,
    run: &RunDir,
    mut shim: Option<Child>,
) -> Result<Followed, HandleError> {
    fail_point!("attach-begin");
    let mut reader = Reader::default();
    let (mut told_at, mut waker) = (None, Waker::default());
    let following = Following(life.pulse.turns("follow"));
    loop {
        // What there is to read is read in pieces; then progress is written.
        following.0.turn(limit::within(limit::WRITE + LOOK));
        reader.read(run, || following.0.turn(limit::within(limit::WRITE + LOOK))).await?;
        let now = clock::monotonic_ms();
        if told_at.is_none_or(|at| now - at >= clock::scaled_ms(TELL_MS)) {
            told_at = Some(now);
            waker.look(run);
            if tell(life, claim, run, &reader).await? {
                return Ok(Followed::LeaseLost);
            }
            fail_point!("attach-told");
        }
        if run.exit()?.is_some() || !run.lock_held()? {
            fail_point!("attach-over");
            collect(shim);
            return Ok(Followed::Over);
        }
        match shim.as_mut() {
            Some(child) => {
                tokio::select! {
                    _ = child.wait() => shim = None,
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
            None => tokio::time::sleep(LOOK).await,
        }
    }
}

/// The shim ends right after its exit.json: somebody must collect it.
fn collect(shim: Option<Child>) {
    if let Some(mut shim) = shim {
        tokio::spawn(async move { shim.wait().await });
    }
}

/// Writes progress, and passes a stop request on; true when the lease is lost.
async fn tell(life: &Life, claim: &Claim, run: &RunDir, reader: &Reader) -> Result<bool, HandleError> {
    let mut progress = reader.transcript.progress.clone();
    // What a tool is given may hold a secret, and this goes to the chat.
    progress.activity = progress.activity.map(|activity| Redaction::of_answers(&life.config).head(&activity));
    let progress = &progress;
    let body =
        claim.chat.map(|_| answer::running(claim.number, claim.attempt, clock::now_ms() - claim.claimed_at, progress));
    let watch = match life.db.progress(claim, progress, body.as_ref(), reader.calls()).await {
        Ok(watch) => watch,
        // Progress that cannot be written now is written in a second: the run goes on.
        Err(error) if error.is_busy() => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    if let Some(by) = watch.stop_by {
        run.request_stop(&by)?;
    }
    if body.is_some() || watch.circuit_changed {
        ping::ping(&life.home.socket("bot"));
    }
    if watch.circuit_changed {
        // It closed: others may begin. Or it opened: they learn when to look again.
        ping::ping_workers(&life.home);
    }
    Ok(!watch.leased)
}

/// Reads the events file from where it stopped.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    file: Option<File>,
    pub(crate) transcript: Transcript,
}

impl Reader {
    /// All calls so far, and when the last of them was made at the latest: what is read late was not made late.
    pub(crate) fn calls(&self) -> (Calls, i64) {
        let written = self.file.as_ref().and_then(|file| file.metadata().ok()?.modified().ok());
        let now = clock::now_ms();
        (self.transcript.tally.calls, written.map_or(now, |time| clock::unix_ms(time).min(now)))
    }

    /// Reads what is new, and says so after each piece. There may be gigabytes of it: the other tasks of this process have
    /// their turn in between.
    pub(crate) async fn read(&mut self, run: &RunDir, piece_read: impl Fn()) -> io::Result<()> {
        if self.file.is_none() {
            self.file = match File::open(run.events()) {
                Ok(file) => Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            };
        }
        let Some(file) = self.file.as_mut() else { return Ok(()) };
        let mut piece = vec![0; PIECE];
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(()),
                read => self.transcript.read(piece.get(..read).unwrap_or_default()),
            }
            piece_read();
            tokio::task::yield_now().await;
        }
    }
}
