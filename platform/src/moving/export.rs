//! Writing an export.

use std::{
    fs::{self, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use agentlab_domain::moving::FORMAT;
use sha2::{Digest, Sha256};

use super::{Head, Line, MovingError, config};
use crate::{clock, config::Config, db::Db, digest, files, home::Home};

/// What was exported.
#[derive(Debug)]
pub struct Exported {
    pub head: Head,
    /// The configuration does not travel: a secret stands where none belongs, or it cannot be read.
    pub no_config: bool,
}

/// Writes everything that matters on another machine to `to`.
pub async fn export(db: &Db, config: &Config, to: &mut (dyn Write + Send)) -> Result<Exported, MovingError> {
    let failed = |error| MovingError::File { place: "the export cannot be written".to_owned(), error };
    let mut snapshot = db.snapshot().await?;
    let (schema, min_release) = snapshot.schema().await?;
    let text = fs::read_to_string(db.home().config()).ok();
    let kept = text.as_deref().map(|text| config::without_secrets(text, &config.secrets()));
    let no_config = matches!(kept, Some(None));
    let (text, left_out) = match kept.flatten() {
        Some((text, left_out)) => (Some(text), left_out),
        None => (None, Vec::new()),
    };
    let head = Head {
        form: FORMAT,
        release: env!("CARGO_PKG_VERSION").to_owned(),
        schema,
        min_release,
        at: clock::now_ms(),
        home: canonical(db.home()),
        rows: snapshot.counts().await?,
        left_out,
    };
    let mut lines = Lines { to, digest: Sha256::new(), count: 0 };
    lines.put(&Line::Head(head.clone())).map_err(failed)?;
    if let Some(text) = text {
        lines.put(&Line::File { file: "config.toml".to_owned(), text }).map_err(failed)?;
    }
    for path in files::instructions(db.home().path()).map_err(failed)? {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        lines.put(&Line::File { file, text: fs::read_to_string(&path).map_err(failed)? }).map_err(failed)?;
    }
    let written = snapshot.each(|table, row| lines.text(&format!("{{\"table\":\"{table}\",\"row\":{row}}}"))).await?;
    written.map_err(failed)?;
    for (table, last) in snapshot.last_numbers().await? {
        lines.put(&Line::Last { table, last }).map_err(failed)?;
    }
    lines.end().map_err(failed)?;
    Ok(Exported { head, no_config })
}

/// The path of a home as rows name what lies in it.
pub(super) fn canonical(home: &Home) -> PathBuf {
    fs::canonicalize(home.path()).unwrap_or_else(|_| home.path().to_owned())
}

/// The same into a file, which is whole or not there: it holds what people wrote, so it is for its owner alone.
pub async fn export_to(db: &Db, config: &Config, path: &Path) -> Result<Exported, MovingError> {
    let failed = |error| MovingError::File { place: path.display().to_string(), error };
    // Whatever stands there is somebody's: a file, a link, a device.
    if fs::symlink_metadata(path).is_ok() {
        return Err(failed(io::Error::other("something is there already: name a file that is not there yet")));
    }
    let new = files::beside(path);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).map_err(failed)?;
    let mut to = BufWriter::new(file);
    let exported = export(db, config, &mut to).await;
    let placed = exported.and_then(|exported| {
        let file = to.into_inner().map_err(io::IntoInnerError::into_error);
        let placed = file.and_then(|file| file.sync_all()).and_then(|()| fs::rename(&new, path));
        placed.and_then(|()| files::sync_folder(path)).map_err(failed)?;
        Ok(exported)
    });
    if placed.is_err() {
        let _ = fs::remove_file(&new);
    }
    placed
}

/// Lines on their way, and what they add up to.
struct Lines<'a> {
    to: &'a mut (dyn Write + Send),
    digest: Sha256,
    count: u64,
}

impl Lines<'_> {
    fn put(&mut self, line: &Line) -> io::Result<()> {
        self.text(&serde_json::to_string(line)?)
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        for bytes in [text.as_bytes(), b"\n"] {
            self.to.write_all(bytes)?;
            self.digest.update(bytes);
        }
        self.count += 1;
        Ok(())
    }

    fn end(self) -> io::Result<()> {
        let end = Line::End { lines: self.count, sha256: digest::in_words(&self.digest.finalize()) };
        writeln!(self.to, "{}", serde_json::to_string(&end)?)?;
        self.to.flush()
    }
}
