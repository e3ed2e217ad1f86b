//! Settling a run that has neither `exit.json` nor a shim (rule R3): its lock is taken, everything that could still be
//! alive is looked for, and only when nothing is left is it closed as lost. "Cannot tell" leaves it as it is.

use std::{io, time::Duration};

use agentlab_domain::{
    outcome::{End, Exit},
    run::{Alive, Settle, settle as decide},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{Remains, RunDir, Spared};
use crate::{
    clock,
    identity::{Identity, Living},
    lock::{self, Lock, Mode},
};

/// How many times what lives is ended before the run is left for later.
const ROUNDS: u32 = 20;
/// How long what lives may take to follow its shim.
const MOMENT: Duration = Duration::from_millis(300);

/// Settles the run; true when it is over now. Nobody who is `spared` is ended for it. Blocks the thread for a moment while
/// processes end.
pub fn settle(run: &RunDir, id: &str, spared: &Spared) -> io::Result<bool> {
    run.create()?;
    let Some(_lock) = Lock::try_take(&run.run_lock(), Mode::Exclusive)? else { return Ok(false) };
    let mut ended_some = run.is_unkept();
    for _ in 0..ROUNDS {
        // Somebody may have settled it before we had the lock.
        if run.exit()?.is_some() {
            return Ok(true);
        }
        let (alive, living) = look(run, id, spared);
        match decide(alive) {
            Settle::CloseAsLost => {
                let end = match run.stop()? {
                    Some(stop) => End::Stopped { by: stop.by },
                    // An agent that lived on did not take its shim down; and when the machine itself went down, nobody did.
                    // Of one that was imported there is nothing else here: whatever there was of it is on the other machine.
                    None if ended_some || run.child()?.is_none() => End::Unkept { moved: run.was_moved() },
                    None if is_of_earlier_boot(run)? => End::Rebooted,
                    None => End::Lost,
                };
                run.write_exit(&Exit::without_status(end))?;
                return Ok(true);
            }
            Settle::EndAndRepeat => {
                // What takes its shim down may take a moment to follow it: only what lives on is ended by us.
                if !ended_some && die_by_themselves(&living) {
                    continue;
                }
                ended_some = true;
                // Noted first: whoever settles after us finds nothing alive, and must not think that it went with its
                // shim. On a full disk the end matters more than its kind.
                let _ = run.note_unkept();
                for process in living {
                    end(&process);
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            Settle::Hold => return Ok(false),
        }
    }
    Ok(false)
}

/// Looks for everything that the run could have left alive.
fn look(run: &RunDir, id: &str, spared: &Spared) -> (Alive, Vec<Identity>) {
    let runs = run.path().parent().unwrap_or(run.path());
    let Ok(living) = Remains::look(runs, spared).and_then(|remains| remains.of(run, id)) else {
        return (Alive::CannotTell, Vec::new());
    };
    match (living.is_empty(), lock::is_held(&run.child_lock())) {
        // They may be of a run that goes on where this directory was copied from.
        (false, _) if run.is_copy() => (Alive::CannotTell, Vec::new()),
        (false, _) => (Alive::Yes, living),
        (true, Ok(false)) => (Alive::No, living),
        // Somebody holds the agent's lock and we see nobody: that is no proof of anything.
        (true, Ok(true) | Err(_)) => (Alive::CannotTell, Vec::new()),
    }
}

/// Whether all of them are gone within a moment.
fn die_by_themselves(living: &[Identity]) -> bool {
    let began = clock::instant();
    while began.elapsed() < MOMENT {
        if living.iter().all(|process| process.living() == Living::No) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

/// Whether the agent was recorded before the machine was started last.
fn is_of_earlier_boot(run: &RunDir) -> io::Result<bool> {
    Ok(run.child()?.is_some_and(|child| Identity::own().is_ok_and(|own| own.boot != child.boot)))
}

fn end(process: &Identity) {
    // Looked at again right before: the PID must still be this very process.
    if process.living() == Living::Yes {
        let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{
        super::{MARK, Spec},
        *,
    };
    use crate::identity;

    fn fresh() -> (tempfile::TempDir, RunDir) {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::at(folder.path().join("r"));
        run.create().unwrap();
        (folder, run)
    }

    #[test]
    fn r3_a_run_with_nothing_alive_is_closed_as_lost() {
        for (recorded, end) in [(false, End::Unkept { moved: false }), (true, End::Lost)] {
            let (_folder, run) = fresh();
            let gone = Identity { start: 0, ..Identity::own().unwrap() };
            if recorded {
                run.write_child(&gone).unwrap();
            }
            assert!(settle(&run, "r3-nothing", &Spared::own().unwrap()).unwrap());
            assert_eq!(run.exit().unwrap().unwrap().end, end);
        }
    }

    #[test]
    fn r3_a_run_that_was_imported_says_so_and_an_earlier_release_can_read_it() {
        let (_folder, run) = fresh();
        run.note_moved().unwrap();
        assert!(settle(&run, "r3-moved", &Spared::own().unwrap()).unwrap());
        assert_eq!(run.exit().unwrap().unwrap().end, End::Unkept { moved: true });
        let text = std::fs::read_to_string(run.path().join("exit.json")).unwrap();
        assert!(text.contains(r#""end":"unkept""#), "{text}");
        // And what one wrote is read.
        let earlier: Exit = serde_json::from_str(r#"{"end":"unkept","code":null,"signal":null}"#).unwrap();
        assert_eq!(earlier.end, End::Unkept { moved: false });
    }

    #[test]
    fn r3_what_carries_the_mark_is_ended_before_the_run_is_closed() {
        let (_folder, run) = fresh();
        let id = format!("r3-marked-{}", std::process::id());
        let mut child = Command::new("sleep").arg("600").env(MARK, &id).spawn().unwrap();
        let identity = Identity::of(child.id().cast_signed()).unwrap().unwrap();
        while !identity::marked(&format!("{MARK}={id}")).unwrap().contains(&identity) {
            std::thread::yield_now();
        }
        assert!(settle(&run, &id, &Spared::own().unwrap()).unwrap());
        assert_eq!(identity.living(), Living::No);
        assert_eq!(run.exit().unwrap().unwrap().end, End::Unkept { moved: false }, "it did not take its shim down");
        child.wait().unwrap();
    }

    #[test]
    fn r3_who_has_a_post_is_not_ended_with_the_run_from_which_it_was_started() {
        let (_folder, run) = fresh();
        let id = format!("r3-spared-{}", std::process::id());
        let mut daemon = Command::new("sleep").arg("600").env(MARK, &id).spawn().unwrap();
        let identity = Identity::of(daemon.id().cast_signed()).unwrap().unwrap();
        while !identity::marked(&format!("{MARK}={id}")).unwrap().contains(&identity) {
            std::thread::yield_now();
        }
        assert!(settle(&run, &id, &Spared([identity.clone()].into())).unwrap());
        let lives = identity.living();
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        assert_eq!(lives, Living::Yes);
    }

    #[test]
    fn r3_who_is_recorded_in_a_copied_directory_is_not_ended_from_there() {
        let (folder, run) = fresh();
        let id = format!("r3-copied-{}", std::process::id());
        run.write_spec(&spec(&id), "prompt").unwrap();
        let mut agent = Command::new("sleep").arg("600").env(MARK, &id).spawn().unwrap();
        let identity = Identity::of(agent.id().cast_signed()).unwrap().unwrap();
        run.write_child(&identity).unwrap();
        let copy = RunDir::at(folder.path().join("copy"));
        assert!(Command::new("cp").arg("-a").args([run.path(), copy.path()]).status().unwrap().success());
        let settled = settle(&copy, &id, &Spared::own().unwrap()).unwrap();
        let (lives, exit) = (identity.living(), copy.exit().unwrap());
        // What was only renamed is the same directory.
        let moved = RunDir::at(folder.path().join("moved"));
        std::fs::rename(run.path(), moved.path()).unwrap();
        let at_home = settle(&moved, &id, &Spared::own().unwrap()).unwrap();
        agent.wait().unwrap();
        assert_eq!((settled, lives, exit), (false, Living::Yes, None), "nobody can tell from the copy");
        assert!(at_home && identity.living() == Living::No);
        // Nobody lives any more: so the copy may say that it is over.
        assert!(settle(&copy, &id, &Spared::own().unwrap()).unwrap());
    }

    fn spec(id: &str) -> Spec {
        Spec {
            run: id.to_owned(),
            command: Vec::new(),
            workspace: "/".into(),
            limit_ms: 1,
            silence_ms: 1,
            grace_ms: 1,
            opened: None,
            instructions: None,
            checks: Vec::new(),
            place: None,
            trace: crate::trace::Trace::default(),
        }
    }

    #[test]
    fn r3_a_run_of_an_earlier_boot_is_told_from_one_that_took_its_shim_down() {
        let (_folder, run) = fresh();
        let own = Identity::own().unwrap();
        run.write_child(&Identity { boot: "an earlier one".into(), ..own }).unwrap();
        assert!(settle(&run, "r3-reboot", &Spared::own().unwrap()).unwrap());
        assert_eq!(run.exit().unwrap().unwrap().end, End::Rebooted);
    }

    #[test]
    fn r3_a_held_run_lock_or_an_unseen_holder_of_the_childs_lock_settles_nothing() {
        let (_folder, run) = fresh();
        let shim = Lock::try_take(&run.run_lock(), Mode::Exclusive).unwrap();
        assert!(!settle(&run, "r3-held", &Spared::own().unwrap()).unwrap());
        drop(shim);
        let _agent = Lock::try_take(&run.child_lock(), Mode::Exclusive).unwrap();
        assert!(!settle(&run, "r3-held", &Spared::own().unwrap()).unwrap());
        assert_eq!(run.exit().unwrap(), None);
    }
}
