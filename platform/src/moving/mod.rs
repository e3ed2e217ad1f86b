//! Moving to another machine. An *export* is a text of lines, each one JSON value: a *head* that says by which release and of how many
//! rows; the configuration without its secrets, and the instructions; every row that matters elsewhere; an *end* with the
//! digest of all lines before it, so that one that was cut is known. It is of one moment, and nobody waits for it.
//!
//! What lived at that moment is exported as it stood. Elsewhere none of its processes is found, so whoever claims it there settles it
//! as any run that died: nothing here knows of that road. What agents printed, logs and the workspace are no part of it.

mod config;
mod export;
mod import;
mod sections;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, io, path::PathBuf};

use agentlab_domain::moving::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use export::{Exported, export, export_to};
pub use import::{Imported, import};

use crate::db::DbError;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Head(Head),
    File {
        file: String,
        text: String,
    },
    Row {
        table: String,
        row: Map<String, Value>,
    },
    /// The last number that a table has given, which a row that is gone may have had.
    Last {
        table: String,
        last: i64,
    },
    End {
        /// How many lines stand before it, and their SHA-256.
        lines: u64,
        sha256: String,
    },
}

/// What is exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    #[serde(rename = "agentlab_export")]
    pub form: u32,
    pub release: String,
    /// The newest migration of the database, and the oldest release that opens it.
    pub schema: i64,
    pub min_release: String,
    /// Unix milliseconds.
    pub at: i64,
    /// The canonical path of the home: what worked in it works elsewhere in the home of that place.
    pub home: PathBuf,
    /// How many rows follow of each table.
    pub rows: BTreeMap<String, i64>,
    /// Keys of the configuration that hold secrets, and do not travel.
    pub left_out: Vec<String>,
}

impl Head {
    /// How many tasks are in it.
    pub fn tasks(&self) -> i64 {
        self.rows.get("job").copied().unwrap_or_default()
    }
}

/// Why nothing was exported or imported.
#[derive(Debug, thiserror::Error)]
pub enum MovingError {
    #[error("{0}")]
    Db(#[from] DbError),
    #[error("{place}: {error}")]
    File { place: String, error: io::Error },
    #[error("this is no export, or not a whole one: {0}. Nothing was taken in: copy or export it again")]
    NotWhole(String),
    #[error("this export cannot be taken in here: {0}")]
    Refused(#[from] Refusal),
    #[error(
        "this home has worked already ({words} in {}). Import into one that has not, such as AGENTLAB_HOME={}", .home.display(),
        .home.with_extension("new").display()
    )]
    HasWorked { words: String, home: PathBuf },
}
