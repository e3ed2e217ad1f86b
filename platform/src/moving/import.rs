//! Reading an export. All of it is read and looked at before anything of it counts.

use std::{
    collections::BTreeMap,
    io::{BufRead, ErrorKind},
    path::{Path, PathBuf},
};

use agentlab_domain::moving::may_import;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Head, Line, MovingError, export::canonical, sections};
use crate::{
    config::variables,
    db::{Db, import::Receiving},
    digest, files,
    home::Home,
    run_dir::RunDir,
};

/// What some editors put before the first line.
const MARK: char = '\u{feff}';
const ANOTHER: &str = "it is not what was exported: its digest is another";
const CUT: &str = "it was cut off: its last line is missing";

/// What was imported.
#[derive(Debug)]
pub struct Imported {
    pub head: Head,
    /// Files that were put beside one of the same name which says something else.
    pub beside: Vec<PathBuf>,
    /// Sections of the configuration that are comments now: without the secrets that were left out nothing would start.
    pub commented: Vec<String>,
    /// Tables and columns of a later release, which this one does not know.
    pub unknown: Vec<String>,
}

/// Takes an export in, where nothing has worked yet.
pub async fn import(db: &Db, from: &mut (dyn BufRead + Send)) -> Result<Imported, MovingError> {
    let home = db.home();
    let has_worked = |words| MovingError::HasWorked { words, home: home.path().to_owned() };
    let mut reader = Reader { from, digest: Sha256::new(), count: 0 };
    let Some(Line::Head(head)) = reader.next()? else {
        return Err(MovingError::NotWhole("its first line is not that of an export".to_owned()));
    };
    if let Err(refusal) = may_import(head.form, &head.release, &head.min_release, env!("CARGO_PKG_VERSION")) {
        return Err(reader.or_not_whole(refusal.into()));
    }
    let mut receiving = db.receive().await?.map_err(has_worked)?;
    let mut files = match take(&mut reader, &mut receiving, (&head, home)).await {
        Ok(files) => files,
        Err(error) => {
            receiving.give_up().await?;
            return Err(reader.or_not_whole(error));
        }
    };
    // Of an import that was cut off; nobody else works here.
    files::tidy_halves(home.path());
    let mut commented = Vec::new();
    if let Some(config) = files.get_mut("config.toml") {
        (*config, commented) = sections::as_comments(config, &head.left_out, &variables());
    }
    // Before the rows are: an import that is cut off here is begun again, and finds them as they should be.
    let mut beside = Vec::new();
    for (name, text) in files {
        beside.extend(place(home, &name, &text)?);
    }
    for id in receiving.living() {
        let run = RunDir::of(home, id);
        run.note_moved().map_err(|error| MovingError::File { place: run.path().display().to_string(), error })?;
    }
    let unknown = receiving.finish().await?;
    Ok(Imported { head, beside, commented, unknown })
}

/// Everything up to the end, and whether it is as the head and the end say. Returns the files.
async fn take(
    reader: &mut Reader<'_>,
    receiving: &mut Receiving,
    (head, home): (&Head, &Home),
) -> Result<BTreeMap<String, String>, MovingError> {
    let home = canonical(home);
    let mut files = BTreeMap::new();
    let mut rows: BTreeMap<String, i64> = BTreeMap::new();
    loop {
        let whole = reader.so_far();
        match reader.next()? {
            Some(Line::File { file, text }) => {
                files.insert(file, text);
            }
            Some(Line::Row { table, mut row }) => {
                at_home(&mut row, &head.home, &home);
                *rows.entry(table.clone()).or_default() += 1;
                // It becomes the name of a folder.
                if table == "run" && row.get("id").and_then(Value::as_str).is_none_or(|id| Uuid::parse_str(id).is_err())
                {
                    return Err(reader.wrong("a run has no id"));
                }
                if !receiving.put(&table, &row).await? {
                    return Err(reader.wrong(&format!("a row of {table} is there twice")));
                }
            }
            Some(Line::Last { table, last }) => receiving.last_number(&table, last).await?,
            Some(Line::End { lines, sha256 }) => {
                if (lines, sha256) != whole {
                    return Err(reader.wrong(ANOTHER));
                }
                break;
            }
            Some(Line::Head(_)) => return Err(reader.wrong("a second export begins")),
            None => return Err(reader.wrong(CUT)),
        }
    }
    while let Some(text) = reader.text()? {
        if !text.trim().is_empty() {
            return Err(reader.wrong("something stands after its end"));
        }
    }
    let expected = |table: &String| head.rows.get(table).copied().unwrap_or_default();
    if head.rows.keys().chain(rows.keys()).any(|table| expected(table) != rows.get(table).copied().unwrap_or_default())
    {
        return Err(reader.wrong("it has not as many rows as it says"));
    }
    Ok(files)
}

/// A row of what worked in the home that was exported is one of what works in the home that takes it in.
fn at_home(row: &mut Map<String, Value>, there: &Path, here: &Path) {
    let Some(Value::String(path)) = row.get_mut("workspace") else { return };
    if let Ok(inside) = Path::new(path.as_str()).strip_prefix(there) {
        *path = here.join(inside).to_string_lossy().into_owned();
    }
}

/// Puts a file of the home in its place, or beside one that says something else; then where.
fn place(home: &Home, name: &str, text: &str) -> Result<Option<PathBuf>, MovingError> {
    let place = home.path().join(name);
    let known = |path: &PathBuf| std::fs::read_to_string(path).ok();
    if !files::is_kept(name) {
        return Err(MovingError::NotWhole(format!("{name:?} is no file of a home")));
    }
    let (path, beside) = match known(&place) {
        Some(there) if there == text => return Ok(None),
        Some(there) if !there.trim().is_empty() => (home.path().join(format!("imported-{name}")), true),
        Some(_) | None => (place, false),
    };
    files::put(&path, text.as_bytes())
        .map_err(|error| MovingError::File { place: path.display().to_string(), error })?;
    Ok(beside.then_some(path))
}

/// Lines as they come, and what they add up to.
struct Reader<'a> {
    from: &'a mut (dyn BufRead + Send),
    digest: Sha256,
    count: u64,
}

impl Reader<'_> {
    /// `None` at the end of the text.
    fn next(&mut self) -> Result<Option<Line>, MovingError> {
        let Some(text) = self.text()? else { return Ok(None) };
        let line = serde_json::from_str(&text).map_err(|_| self.wrong("that is no line of an export"))?;
        Ok(Some(line))
    }

    /// The next line as it was exported: an editor, or a copy by way of Windows, adds a mark before the first line, or CR to the ends of
    /// lines, and the digest proves that nothing else is another.
    fn text(&mut self) -> Result<Option<String>, MovingError> {
        let mut text = String::new();
        match self.from.read_line(&mut text) {
            Ok(0) => return Ok(None),
            Ok(_) => self.count += 1,
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                self.count += 1;
                return Err(self.wrong("that is no text in UTF-8"));
            }
            Err(error) => return Err(MovingError::File { place: "the export cannot be read".to_owned(), error }),
        }
        if self.count == 1 && text.starts_with(MARK) {
            text.remove(0);
        }
        if text.ends_with("\r\n") {
            text.replace_range(text.len() - 2.., "\n");
        }
        self.digest.update(text.as_bytes());
        Ok(Some(text))
    }

    /// The lines that were read, and what they add up to.
    fn so_far(&self) -> (u64, String) {
        (self.count, digest::in_words(&self.digest.clone().finalize()))
    }

    /// The error, where the rest proves that this is what was exported: what another byte brings about is no fault of a database or of a
    /// release, and another copy is the way out.
    fn or_not_whole(&mut self, error: MovingError) -> MovingError {
        // Of another release's form nobody here can say where it ends.
        let known = match error {
            MovingError::Db(_) => true,
            MovingError::Refused(_) => false,
            MovingError::File { .. } | MovingError::NotWhole(_) | MovingError::HasWorked { .. } => return error,
        };
        loop {
            let whole = self.so_far();
            match self.text() {
                Ok(Some(text)) => match serde_json::from_str(&text) {
                    Ok(Line::End { lines, sha256 }) => {
                        return if (lines, sha256) == whole { error } else { self.wrong(ANOTHER) };
                    }
                    Ok(Line::Head(_) | Line::File { .. } | Line::Row { .. } | Line::Last { .. }) | Err(_) => {}
                },
                Ok(None) if known => return self.wrong(CUT),
                Err(wrong) if known => return wrong,
                Ok(None) | Err(_) => return error,
            }
        }
    }

    fn wrong(&self, why: &str) -> MovingError {
        MovingError::NotWhole(format!("line {}: {why}", self.count))
    }
}
