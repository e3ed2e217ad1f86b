//! Asking the console whether it answers: `GET /health`, whatever it says. That it does not answer proves nothing about
//! why, so it is waited for minutes before anything follows (`domain::health`).

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use agentlab_platform::clock;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};

/// Between two questions.
const EVERY: Duration = Duration::from_secs(15);
/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_secs(5);

/// Asks until it is dropped.
#[derive(Debug)]
pub(crate) struct Probe {
    answers: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Probe {
    pub(crate) fn begin(port: u16) -> Self {
        let answers: Arc<AtomicU64> = Arc::default();
        let counted = Arc::clone(&answers);
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(clock::scaled(EVERY)).await;
                if matches!(tokio::time::timeout(clock::scaled(ANSWER), ask(port)).await, Ok(Ok(true))) {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Self { answers, task }
    }

    /// How often it has answered.
    pub(crate) fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn ask(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    Ok(answer.starts_with(b"HTTP/1.1 "))
}
