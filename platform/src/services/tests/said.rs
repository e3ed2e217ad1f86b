//! What service managers say of a post.

use agentlab_domain::fall::Ended;

use super::super::State;

#[test]
fn what_launchctl_prints_is_read_leniently() {
    let text = "gui/501/com.agentlab.worker.1 = {\n\tactive count = 0\n\tstate = not running\n\n\tenvironment = {\n\t\tpid = 3\n\t}\n\
                \truns = 4\n\tlast exit code = 78: EX_CONFIG\n}\n";
    let state = State::of_launchd(text);
    assert_eq!((state.pid, state.last, state.generation.as_deref()), (None, Some(Ended::Code(78)), Some("4")));
    assert_eq!((state.loaded, state.words.as_str()), (true, "not running"));
    let killed = State::of_launchd("x = {\n\tstate = running\n\tpid = 612\n\tlast terminating signal = Killed: 9\n}\n");
    assert_eq!((killed.pid, killed.last), (Some(612), Some(Ended::Signal(9))));
    let never = State::of_launchd("x = {\n\tlast exit code = (never exited)\n}\n");
    assert_eq!((never.last, never.generation), (None, None));
    assert_eq!(State::of_launchd("who knows").pid, None);
}

#[test]
fn what_systemctl_shows_is_read() {
    let text = "MainPID=0\nExecMainPID=41\nExecMainCode=2\nExecMainStatus=9\nLoadState=loaded\nActiveState=activating\n\
                SubState=auto-restart\nUnitFileState=enabled\nInvocationID=7d4b\n";
    let state = State::of_systemd(text);
    assert_eq!((state.pid, state.last_pid, state.last), (None, Some(41), Some(Ended::Signal(9))));
    assert!(state.retries && state.loaded && state.enabled && !state.ends);
    let runs =
        State::of_systemd("MainPID=41\nExecMainPID=41\nExecMainCode=0\nExecMainStatus=0\nActiveState=deactivating\n");
    assert_eq!((runs.pid, runs.last, runs.ends), (Some(41), None, true));
    assert_eq!(State::of_systemd("").generation, None);
}
