//! The journal: what was promised, once more, in a file that needs no database to be read. One *line* is one promised (FULL)
//! transaction: the final image of every row that it touched, and the keys of those that it removed. It is appended before the
//! commit and not synced on its own (rule I4): it serves when the database is lost, not when power and database fail together.
//!
//! A line has the number that its transaction left in the database. Of two with one number the later counts: the
//! transaction of the first was never committed. Lines are written in turn, by whoever holds the write ticket.

mod append;
mod gap;
mod leap;
mod read;
mod segments;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::digest;

pub use append::{Appended, NotAppended, append, ends_at, in_the_way};
pub use gap::{is_noted, lift, note};
pub use leap::{Leap, leap};
pub use read::{Journal, read};
pub use segments::{exists, forget, readable, rotate};

/// One transaction. What is last stands last in the file: the end of a line tells its number.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Unix milliseconds.
    pub at: i64,
    /// The journal of this database has every line from the first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
    /// No transaction: a file of the journal begins here, and goes on from this number.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub head: bool,
    /// Of a head: the transaction before it had this number, and those between are none (`leap`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
    /// The rows as they were left, by table.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub put: BTreeMap<String, Vec<Map<String, Value>>>,
    /// The keys of the rows that it removed, by table.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gone: BTreeMap<String, Vec<Vec<Value>>>,
    /// Which database it is of.
    pub db: String,
    /// The number that it left there.
    pub seq: i64,
}

/// A line with what proves that it is whole.
#[derive(Debug, Serialize, Deserialize)]
struct Sealed {
    #[serde(flatten)]
    line: Line,
    /// The first half of the SHA-256 of the line without this.
    sum: String,
}

impl Line {
    fn sum(&self) -> Result<String, serde_json::Error> {
        let digest = Sha256::digest(serde_json::to_vec(self)?);
        Ok(digest::in_words(digest.get(..16).unwrap_or_default()))
    }

    /// As it stands in the file, its end included.
    pub(crate) fn seal(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec(&Sealed { line: self.clone(), sum: self.sum()? })?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The line, if these bytes are one that is whole.
    pub(crate) fn unseal(bytes: &[u8]) -> Option<Self> {
        let sealed: Sealed = serde_json::from_slice(bytes).ok()?;
        (sealed.line.sum().ok()? == sealed.sum).then_some(sealed.line)
    }
}
