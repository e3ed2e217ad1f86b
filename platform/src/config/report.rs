//! `[report]`.

use serde::Deserialize;

/// `[report]`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Report {
    /// Whether the owner gets a summary of each week, on Monday at nine.
    pub weekly: bool,
}

impl Default for Report {
    fn default() -> Self {
        Self { weekly: true }
    }
}
