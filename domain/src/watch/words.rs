//! What the owner is told of a supervisor: what is wrong, what it means, and what to do.

use super::Verdict;

/// What goes on without a supervisor, and what does not.
const MEANS: &str = "Running tasks go on, but whatever dies from now on is not started again.";

/// The words; `None` when nothing is wrong. `kept_by` names the service manager that keeps the process `pid`, if one does.
pub fn words(verdict: &Verdict, pid: i32, kept_by: Option<&str>) -> Option<String> {
    let anew = match kept_by {
        None => format!("`kill -9 {pid}`, then `agentlab up`: it takes over everything that lives."),
        Some(manager) => format!("`kill -9 {pid}`, and {manager} starts it anew: it takes over everything that lives."),
    };
    let words = match (verdict, kept_by) {
        (Verdict::Well, Some(_) | None) => return None,
        (Verdict::Gone, None) => format!(
            "agentlab's supervisor is dead (it was process {pid}). {MEANS} Nothing restarts a dead `agentlab up`: start it \
             again; it takes over everything that lives."
        ),
        (Verdict::Gone, Some(manager)) => format!(
            "agentlab's supervisor is dead (it was process {pid}), and {manager} has not started it again. {MEANS} Look at \
             its service in {manager}: `agentlab service install` repairs and starts it."
        ),
        (Verdict::Stopped, None) => format!(
            "agentlab's supervisor (process {pid}) stands still: somebody stopped it (SIGSTOP, or Ctrl-Z in its terminal). \
             {MEANS} `kill -CONT {pid}` lets it go on. If that does not help: {anew}"
        ),
        (Verdict::Late { name }, None) => format!(
            "agentlab's supervisor (process {pid}) hangs: it is alive, but its loop `{name}` does not turn any more. \
             Running tasks go on, but not everything that goes wrong will be noticed. Start it anew: {anew}"
        ),
        (Verdict::Stopped, Some(manager)) => format!(
            "agentlab's supervisor (process {pid}) stood still (SIGSTOP). It was ended, so that {manager} starts it anew. \
             Running tasks go on; nothing is to be done unless this comes again."
        ),
        (Verdict::Late { name }, Some(manager)) => format!(
            "agentlab's supervisor (process {pid}) hung: its loop `{name}` did not turn any more. It was ended, so that \
             {manager} starts it anew. Running tasks go on; nothing is to be done unless this comes again."
        ),
        (Verdict::Silent, Some(_) | None) => format!(
            "agentlab's supervisor (process {pid}) gives no sign of life, but it is there: it may hang, or the machine is \
             very busy or its disk does not answer. Nothing was done about it. If `agentlab status` shows the same in a few \
             minutes: {anew}"
        ),
    };
    Some(words)
}
