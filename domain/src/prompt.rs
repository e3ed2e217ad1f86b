//! What an agent is told. A *retold* prompt is that of a later run of the same job: it says that the earlier run was
//! interrupted and what is known of it, since half of the work may be done.

use crate::session::Opened;

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
    fn a_first_run_gets_the_words_as_they_are_and_a_later_one_is_told_of_the_earlier() {
        assert_eq!(compose("do it", None, Opened::New), "do it");
        let resumed = compose("do it", Some("its process was gone"), Opened::Resumed);
        assert!(resumed.contains("interrupted: its process was gone") && resumed.ends_with("\n\ndo it"), "{resumed}");
        assert!(compose("do it", Some("x"), Opened::New).contains("You do not remember"));
    }
}
