//! What a process is asked for by signals: to *stop* (SIGTERM, SIGINT), to stop and be started again (SIGUSR1), or to begin
//! nothing new and stop when it is idle (SIGUSR2). What each process does about it is its own business.

use agentlab_domain::exit_code;
use tokio::{signal::unix, sync::watch};

/// What this process was asked for by signals.
#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    /// How often to stop: SIGTERM, SIGINT, SIGUSR1.
    times: u32,
    /// To be started again after it: SIGUSR1.
    restart: bool,
    /// To begin nothing new, and to stop when it is idle: SIGUSR2.
    drain: bool,
}

/// Whether this process was asked to stop, and how.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<Asked>);

impl Stop {
    /// Listens from now on. Must be called inside a runtime.
    pub fn listen() -> std::io::Result<Self> {
        let mut terminate = unix::signal(unix::SignalKind::terminate())?;
        let mut interrupt = unix::signal(unix::SignalKind::interrupt())?;
        let mut restart = unix::signal(unix::SignalKind::user_defined1())?;
        let mut drain = unix::signal(unix::SignalKind::user_defined2())?;
        let (asked, stop) = watch::channel(Asked::default());
        tokio::spawn(async move {
            loop {
                let change: fn(&mut Asked) = tokio::select! {
                    _ = terminate.recv() => |asked| asked.times += 1,
                    _ = interrupt.recv() => |asked| asked.times += 1,
                    _ = restart.recv() => |asked| {
                        asked.times += 1;
                        asked.restart = true;
                    },
                    _ = drain.recv() => |asked| asked.drain = true,
                };
                asked.send_modify(change);
            }
        });
        Ok(Self(stop))
    }

    /// Waits until it was asked to stop at least `times`.
    pub async fn asked(&mut self, times: u32) {
        self.until(|asked| asked.times >= times).await;
    }

    /// Waits until nothing new is to be begun.
    pub async fn asked_to_finish(&mut self) {
        self.until(|asked| asked.times > 0 || asked.drain).await;
    }

    async fn until(&mut self, condition: impl Fn(&Asked) -> bool) {
        if self.0.wait_for(condition).await.is_err() {
            // The listener is gone with its runtime: nobody can ask any more.
            std::future::pending::<()>().await;
        }
    }

    /// Whether nothing new is to be begun.
    pub fn is_asked_to_finish(&self) -> bool {
        let asked = self.0.borrow();
        asked.times > 0 || asked.drain
    }

    /// The exit code of a process that stopped because it was asked to.
    pub(crate) fn code(&self) -> u8 {
        if self.0.borrow().restart { exit_code::RESTART } else { exit_code::DONE }
    }
}
