//! Redacting what a run left behind, before words are made of it: whatever is judged, told, kept in a row or owed to a chat has
//! no secret any more. The files of the run stay as they are.

use agentlab_domain::{
    check::Ran,
    outcome::{End, Exit, ResultEvent},
};
use agentlab_platform::redaction::Redaction;

/// The agent's answer, or the words of its error.
pub(crate) fn result(redaction: &Redaction, result: &mut ResultEvent) {
    for text in result.text.iter_mut().chain(&mut result.errors).chain(&mut result.denials) {
        *text = redaction.text(text);
    }
}

/// Why the agent could not be started.
pub(crate) fn exit(redaction: &Redaction, exit: &mut Exit) {
    if let End::NotStarted { why } = &mut exit.end {
        *why = redaction.text(why);
    }
}

/// What came of the checks, and what they were to be.
pub(crate) fn checks(redaction: &Redaction, wanted: &mut [String], ran: &mut [Ran]) {
    for ran in ran {
        ran.command = redaction.text(&ran.command);
        ran.tail = redaction.tail(&ran.tail);
    }
    for command in wanted {
        *command = redaction.text(command);
    }
}
