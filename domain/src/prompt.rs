//! What an agent is told. A *retold* prompt is that of a later run of the same job: it says that the earlier run was
//! interrupted and what is known of it, since half of the work may be done.

use crate::session::Opened;

/// Bytes of a prompt at most.
pub const LONGEST: usize = 4 * 1024 * 1024;

/// Why a prompt is no task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("the task is empty: write what is to be done")]
    Empty,
    #[error("the task is longer than 4 MiB: put it into a file and name the file")]
    TooLong,
}

/// Whether a prompt can be a task.
pub fn check(prompt: &str) -> Result<(), Unusable> {
    if prompt.trim().is_empty() {
        return Err(Unusable::Empty);
    }
    if prompt.len() > LONGEST { Err(Unusable::TooLong) } else { Ok(()) }
}

/// The prompt of a run. `interrupted` is how the run before it ended, where that run may have worked.
pub fn compose(prompt: &str, interrupted: Option<&str>, opened: Opened) -> String {
    let Some(reason) = interrupted else { return prompt.to_owned() };
    let memory = match opened {
        Opened::Resumed | Opened::Forked => "This conversation may end in the middle of that work",
        Opened::New => "You do not remember that work",
    };
    format!(
        "[agentlab: an earlier run of this task was interrupted: {reason}. {memory}, and some of its changes may be \
         there already: look at what is done before you do it again, then finish the task.]\n\n{prompt}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_a_task_up_to_four_mebibytes() {
        assert_eq!((check(" x "), check(" \n"), check("")), (Ok(()), Err(Unusable::Empty), Err(Unusable::Empty)));
        assert_eq!(check(&"x".repeat(LONGEST)), Ok(()));
        assert_eq!(check(&"x".repeat(LONGEST + 1)), Err(Unusable::TooLong));
    }

    #[test]
    fn a_first_run_gets_the_words_as_they_are_and_a_later_one_is_told_of_the_earlier() {
        assert_eq!(compose("do it", None, Opened::New), "do it");
        let resumed = compose("do it", Some("its process was gone"), Opened::Resumed);
        assert!(resumed.contains("interrupted: its process was gone") && resumed.ends_with("\n\ndo it"), "{resumed}");
        assert!(compose("do it", Some("x"), Opened::New).contains("You do not remember"));
    }
}
