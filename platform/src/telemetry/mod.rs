//! Logs: JSON lines in `logs/`, one file a post and day, kept for seven days. A *secret* never reaches one: the writer
//! itself replaces every known secret, whoever logged it.

mod lines;

use std::{io, path::Path, sync::Arc};

use secrecy::SecretString;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt::MakeWriter, layer::SubscriberExt};

use crate::{home::Home, redaction::Redaction};

pub use lines::IDS;

/// Starts logging for the process that is called `name`. `AGENTLAB_LOG` sets the level (default `info`).
pub fn start(home: &Home, name: &str, secrets: &[SecretString]) -> io::Result<()> {
    start_in(&home.logs(), name, secrets)
}

/// The same in this folder.
pub fn start_in(logs: &Path, name: &str, secrets: &[SecretString]) -> io::Result<()> {
    let files = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(name)
        .filename_suffix("jsonl")
        .max_log_files(7)
        .build(logs)
        .map_err(io::Error::other)?;
    let level = std::env::var("AGENTLAB_LOG").unwrap_or_else(|_| "info,sqlx=warn,apalis_core=warn".into());
    let lines = lines::Lines(Redacting { files: Arc::new(files), secrets: Redaction::of_logs(secrets) });
    let subscriber = Registry::default().with(lines.with_filter(EnvFilter::new(level)));
    tracing::subscriber::set_global_default(subscriber).map_err(io::Error::other)
}

/// How many bytes the process called `name` has logged, as far as its files are there: more than before is a sign of life.
pub fn written(home: &Home, name: &str) -> u64 {
    let Ok(entries) = std::fs::read_dir(home.logs()) else { return 0 };
    let prefix = format!("{name}.");
    let of_name =
        entries.filter_map(Result::ok).filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix));
    of_name.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

struct Redacting {
    files: Arc<RollingFileAppender>,
    secrets: Redaction,
}

impl<'a> MakeWriter<'a> for Redacting {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { to: self, buffer: Vec::new() }
    }
}

/// One event: gathered whole, so that a secret cannot pass in two halves.
struct Line<'a> {
    to: &'a Redacting,
    buffer: Vec<u8>,
}

impl io::Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let line = self.to.secrets.text(&String::from_utf8_lossy(&self.buffer));
        // A log that cannot be written must not stop the work.
        let _ = io::Write::write_all(&mut self.to.files.make_writer(), line.as_bytes());
    }
}
