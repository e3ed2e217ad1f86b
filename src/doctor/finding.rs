//! A finding of `doctor`: what was looked at, how it is, and what to do. A *problem* keeps something from working; a *warning* will, or
//! hides something.

use agentlab_domain::exit_code;
use serde::{Deserialize, Serialize};

use crate::print;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Ok,
    Warning,
    Problem,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Finding {
    pub(super) id: String,
    /// It is no problem.
    pub(super) ok: bool,
    pub(super) verdict: Verdict,
    pub(super) what: String,
    /// What to do; none where all is well, or where the words say it.
    pub(super) remedy: Option<String>,
}

impl Finding {
    /// One whose words hold the remedy.
    pub(super) fn plain(id: &str, ok: bool, what: String) -> Self {
        let verdict = if ok { Verdict::Ok } else { Verdict::Problem };
        Self { id: id.to_owned(), ok, verdict, what, remedy: None }
    }

    pub(super) fn warning(id: &str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warning, remedy: Some(remedy.into()), ..Self::plain(id, true, what.into()) }
    }

    pub(super) fn problem(id: &str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..Self::plain(id, false, what.into()) }
    }

    /// `BAD  id: what`, and the remedy below it.
    pub(super) fn print(&self) {
        print::coloured(&format!("{} {}", self.mark(), print::shown(&format!("{}: {}", self.id, self.what))));
        if let Some(remedy) = &self.remedy {
            print::line(&format!("     -> {remedy}"));
        }
    }

    /// How it is, in four letters.
    pub(super) fn mark(&self) -> String {
        let (word, colour) = match self.verdict {
            Verdict::Ok => ("ok  ", "ok"),
            Verdict::Warning => ("warn", "warning"),
            Verdict::Problem => ("BAD ", "problem"),
        };
        print::painted_as(word, colour)
    }
}

/// What `doctor` exits with.
pub(super) fn code(found: &[Finding]) -> u8 {
    if found.iter().all(|finding| finding.ok) { exit_code::DONE } else { exit_code::FAILED }
}
