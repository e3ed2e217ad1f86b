//! The diagnosis: a text file with what is known of a system in trouble, for its owner and for whoever he asks for help. It
//! changes nothing, waits for nothing for long, and holds no secret that is configured.

#[cfg(test)]
mod tests;
mod versions;

use std::{
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use agentlab_domain::role::Post;

use crate::{
    alert::book, calendar, clock, config::Config, crash_history, db::Db, holder, home::Home, lock, pulse,
    redaction::Redaction,
};

/// So many are kept.
const KEPT: usize = 10;
/// Lines of each log, and of the crash history.
const LINES: usize = 20;
const CRASHES: usize = 40;
/// Of a log only so many bytes are read.
const TAIL: u64 = 256 * 1024;
/// Letters of a line.
const WIDTH: usize = 2000;
/// How long the database may take: it may be what is wrong.
const ROWS: Duration = Duration::from_secs(2);

/// What its files are called, and where they end.
const NAME: (&str, &str) = ("diagnosis-", ".txt");

/// Writes a diagnosis and returns where it is. `matter` says what the matter is, with more that is known under headings.
pub async fn write(
    home: &Home,
    secrets: &Redaction,
    (db, config): (Option<&Db>, Option<&Config>),
    matter: (&str, &[(String, String)]),
) -> io::Result<PathBuf> {
    let rows = match db {
        Some(db) => counts(db).await,
        None => "not asked".to_owned(),
    };
    let now = clock::now_ms();
    let mut sections =
        vec![("matter".to_owned(), matter.0.to_owned()), ("versions".to_owned(), versions::versions(config).await)];
    sections.extend(matter.1.iter().cloned());
    sections.extend([
        ("disk".to_owned(), disk(home)),
        ("who keeps the database locked".to_owned(), holder(home)),
        ("posts".to_owned(), posts(home)),
        ("rows".to_owned(), rows),
        ("alerts that fire".to_owned(), alerts(home)),
        ("crash history".to_owned(), crashes(home)),
    ]);
    sections.extend(versions::releases(home).map(|text| ("releases".to_owned(), text)));
    for (what, end, lines) in [("last words", ".err", 1), ("log", ".jsonl", LINES)] {
        let ends = files(home, end).into_iter().map(|name| {
            let text = tail(&home.logs().join(&name), lines, secrets);
            (format!("{what}: {name}"), text)
        });
        sections.extend(ends);
    }
    let mut text = format!("agentlab diagnosis, {}\n", calendar::file_time(now));
    for (heading, body) in sections {
        let _ = write!(text, "\n== {heading}\n{}\n", body.trim_end());
    }
    let path = place(home, now);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(secrets.text(&text).as_bytes())?;
    forget_old(&home.logs());
    Ok(path)
}

/// A name that sorts by time, and that is not taken.
fn place(home: &Home, now: i64) -> PathBuf {
    let name = |more: &str| home.logs().join(format!("{}{}{more}{}", NAME.0, calendar::file_time(now), NAME.1));
    let path = name("");
    if path.exists() { name(&format!("-{}", ulid::Ulid::generate())) } else { path }
}

fn forget_old(logs: &Path) {
    let is_one = |name: &str| name.starts_with(NAME.0) && name.ends_with(NAME.1);
    let mut known: Vec<String> = names(logs).into_iter().filter(|name| is_one(name)).collect();
    known.sort_unstable();
    for old in known.iter().rev().skip(KEPT) {
        if let Err(error) = fs::remove_file(logs.join(old)) {
            tracing::warn!(%error, old, "an old diagnosis could not be removed");
        }
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

fn disk(home: &Home) -> String {
    match nix::sys::statvfs::statvfs(home.path()) {
        Ok(disk) => {
            let size = disk.fragment_size();
            let (free, all) = (mebibytes(disk.blocks_available(), size), mebibytes(disk.blocks(), size));
            format!("{free} of {all} MiB free, {} files free", disk.files_available())
        }
        Err(error) => format!("cannot be told: {error}"),
    }
}

fn holder(home: &Home) -> String {
    match holder::blocker(home) {
        Ok(Some(found)) => holder::called(&found),
        Ok(None) => "nobody".to_owned(),
        Err(error) => format!("cannot be told: {error}"),
    }
}

/// Systems count blocks in numbers of their own.
fn mebibytes(blocks: impl Into<u64>, size: impl Into<u64>) -> u64 {
    blocks.into().saturating_mul(size.into()) / (1024 * 1024)
}

/// Who is at each post, by its lock and its pulse.
fn posts(home: &Home) -> String {
    let mut posts: Vec<Post> =
        names(&home.run()).iter().filter_map(|name| Post::parse(name.strip_suffix(".lock")?)).collect();
    posts.sort_unstable();
    let words = posts.into_iter().map(|post| {
        let held = match lock::is_held(&home.post_lock(post)) {
            Ok(true) => "somebody is there".to_owned(),
            Ok(false) => "nobody is there".to_owned(),
            Err(error) => format!("its lock cannot be asked: {error}"),
        };
        let said = pulse::read(home, post).and_then(|beat| serde_json::to_string(&beat).ok());
        format!("{post}: {held}; it said last: {}", said.unwrap_or_else(|| "nothing that can be read".into()))
    });
    words.collect::<Vec<_>>().join("\n")
}

async fn counts(db: &Db) -> String {
    match tokio::time::timeout(clock::scaled(ROWS), db.status()).await {
        Ok(Ok(status)) => serde_json::to_string_pretty(&status).unwrap_or_else(|error| error.to_string()),
        Ok(Err(error)) => format!("the database cannot be read: {error}"),
        Err(_) => format!("the database did not answer within {} s", ROWS.as_secs()),
    }
}

fn alerts(home: &Home) -> String {
    let lines = book::firing(home).into_iter().filter_map(|entry| serde_json::to_string(&entry).ok());
    lines.collect::<Vec<_>>().join("\n")
}

fn crashes(home: &Home) -> String {
    let entries = crash_history::read(home);
    let last = entries.iter().skip(entries.len().saturating_sub(CRASHES));
    last.filter_map(|entry| serde_json::to_string(entry).ok()).collect::<Vec<_>>().join("\n")
}

/// The newest file of each name in `logs/` that ends like this.
fn files(home: &Home, end: &str) -> Vec<String> {
    let mut names = names(&home.logs());
    names.retain(|name| name.ends_with(end));
    names.sort_unstable();
    // One file a day: `worker-1.2026-11-22.jsonl`; the last of each name is the newest.
    let of = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let newest =
        names.iter().enumerate().filter(|(at, name)| names.get(at + 1).is_none_or(|next| of(next) != of(name)));
    newest.map(|(_, name)| name.clone()).collect()
}

fn tail(path: &Path, lines: usize, secrets: &Redaction) -> String {
    let (text, cut) = match end_of(path) {
        Ok(end) => end,
        Err(error) => return format!("cannot be read: {error}"),
    };
    // A line that begins before the part that was read may begin within a secret.
    let all: Vec<&str> = text.lines().skip(usize::from(cut)).filter(|line| !line.trim().is_empty()).collect();
    let last = all.iter().skip(all.len().saturating_sub(lines));
    // Before it is cut: half a secret would be found no more.
    last.map(|line| secrets.text(line).chars().take(WIDTH).collect::<String>()).collect::<Vec<_>>().join("\n")
}

/// The last part of a file, and whether something stands before it.
fn end_of(path: &Path) -> io::Result<(String, bool)> {
    let mut file = File::open(path)?;
    let from = file.metadata()?.len().saturating_sub(TAIL);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok((String::from_utf8_lossy(&bytes).into_owned(), from > 0))
}
