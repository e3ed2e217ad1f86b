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

use super::{Head, Line, MovingError, export::canonical};
use crate::{
    db::{Db, import::Receiving},
    digest, files,
    home::Home,
    run_dir::RunDir,
};

/// What was imported.
#[derive(Debug)]
pub struct Imported {
    pub head: Head,
    /// Files that were put beside one of the same name which says something else.
    pub beside: Vec<PathBuf>,
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
    may_import(head.form, &head.release, &head.min_release, env!("CARGO_PKG_VERSION"))?;
    let mut receiving = db.receive().await?.map_err(has_worked)?;
    let files = match take(&mut reader, &mut receiving, (&head, home)).await {
        Ok(files) => files,
        Err(error) => {
            receiving.give_up().await?;
            return Err(error);
        }
    };
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
    Ok(Imported { head, beside, unknown })
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
        let whole = (reader.count, digest::in_words(&reader.digest.clone().finalize()));
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
                    return Err(reader.wrong("it is not what was exported: its digest is another"));
                }
                break;
            }
            Some(Line::Head(_)) => return Err(reader.wrong("a second export begins")),
            None => return Err(reader.wrong("it was cut off: its last line is missing")),
        }
    }
    if reader.next()?.is_some() {
        return Err(reader.wrong("something stands after its end"));
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
        let mut text = String::new();
        match self.from.read_line(&mut text) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::InvalidData => return Err(self.wrong("that is no text")),
            Err(error) => return Err(MovingError::File { place: "the export cannot be read".to_owned(), error }),
        }
        self.count += 1;
        self.digest.update(text.as_bytes());
        let line = serde_json::from_str(&text).map_err(|_| self.wrong("that is no line of an export"))?;
        Ok(Some(line))
    }

    fn wrong(&self, why: &str) -> MovingError {
        MovingError::NotWhole(format!("line {}: {why}", self.count))
    }
}
