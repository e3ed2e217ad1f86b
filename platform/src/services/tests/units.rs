//! What units hold.

use std::{fs, path::Path};

use agentlab_domain::role::Role;

use super::{
    super::{Basis, Kind, launchd, systemd},
    StandIn, WORKER, basis, kept,
};

#[test]
fn units_are_what_the_golden_files_hold() {
    let basis = basis("/home/ann/.agentlab");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/services/golden");
    for kind in [Kind::Systemd, Kind::Launchd] {
        let stand_in = StandIn::new(kind);
        for post in kept(1, true) {
            let (file, text) = (stand_in.manager.file(post), stand_in.manager.text(&basis, post));
            let golden = folder.join(file.file_name().unwrap());
            if std::env::var_os("AGENTLAB_TEST_WRITE_GOLDEN").is_some() {
                fs::create_dir_all(&folder).unwrap();
                fs::write(&golden, &text).unwrap();
            }
            assert_eq!(text, fs::read_to_string(&golden).unwrap_or_default(), "{}", golden.display());
            assert!(!text.contains('@') || kind == Kind::Systemd, "a place was not filled: {text}");
        }
    }
}

#[test]
fn a_property_list_says_what_is_meant_and_a_key_that_launchd_would_pass_over_is_refused() {
    let odd = Basis {
        program: "/opt/a & b/<x>/agentlab".into(),
        path: "/a&b:/usr/bin".into(),
        ..basis("/Users/ann/@HOME@ \"%\"")
    };
    for post in kept(3, true) {
        let text = launchd::text(&odd, post);
        let agent = launchd::read(&text).unwrap();
        assert_eq!(agent.label, launchd::label(post));
        assert_eq!(agent.program_arguments[..2], [odd.program.clone(), post.role.as_str().to_owned()]);
        assert_eq!(agent.program_arguments.len(), if post.role == Role::Worker { 4 } else { 2 });
        assert_eq!(
            (agent.environment_variables.home, agent.environment_variables.path),
            (odd.home.clone(), odd.path.clone())
        );
        assert!(agent.run_at_load && !agent.keep_alive.successful_exit && agent.abandon_process_group);
        assert_eq!((agent.throttle_interval, agent.exit_time_out, agent.umask), (10, 30, 0o077));
        assert_eq!(agent.standard_error_path, odd.home.join(format!("logs/{post}.err")));
        assert_eq!(launchd::variable(&text, "AGENTLAB_HOME"), odd.home.to_str().map(str::to_owned));
        assert_eq!(launchd::variable(&text, "PATH"), Some(odd.path.clone()));
    }
    let text = launchd::text(&odd, WORKER);
    for wrong in [
        text.replace("RunAtLoad", "RunAtload"),
        text.replace("<key>Umask</key>\n\t<integer>63</integer>", ""),
        text.replace("SuccessfulExit", "Successful"),
        text.replace("</dict>\n</plist>", "</plist>"),
        text.replace("<true/>", "<string>yes</string>"),
    ] {
        assert!(launchd::read(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn systemd_itself_finds_nothing_wrong_with_units_whose_paths_hold_everything() {
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join("worker-0 b%h $HOME \"q\" \\ 'x' @PATH@ ü");
    fs::create_dir_all(&odd).unwrap();
    // systemd takes no program with quotes or a backslash in its path.
    let program = folder.path().join("worker-0 b%h $HOME @PATH@ ü");
    fs::create_dir_all(&program).unwrap();
    let program = program.join("agentlab");
    fs::copy("/bin/true", &program).unwrap();
    let basis = Basis { program: program.to_str().unwrap().into(), home: odd.clone(), path: "/usr/bin:/bin".into() };
    assert!(Basis { program: "/a'b/agentlab".into(), ..basis.clone() }.refused_by(Kind::Systemd).is_some());
    assert_eq!(basis.refused_by(Kind::Systemd), None);
    let stand_in = StandIn::new(Kind::Systemd);
    let mut files = Vec::new();
    for post in kept(1, true) {
        let text = stand_in.manager.text(&basis, post);
        assert_eq!(systemd::variable(&text, "AGENTLAB_HOME"), odd.to_str().map(str::to_owned));
        assert_eq!(systemd::variable(&text, "PATH"), Some(basis.path.clone()));
        assert!(text.contains("/worker-0 b%%h $HOME") && !text.contains("worker-%i b"), "{text}");
        fs::write(stand_in.manager.file(post), text).unwrap();
        files.push(match post.role {
            Role::Worker => stand_in.manager.folder().join("agentlab-worker@1.service"),
            Role::Bot | Role::Supervisor | Role::Console => stand_in.manager.file(post),
        });
    }
    fs::write(stand_in.manager.folder().join(systemd::TARGET), systemd::TARGET_TEXT).unwrap();
    let verify = std::process::Command::new("systemd-analyze")
        .args(["verify", "--user", "--man=no"])
        .args(&files)
        .env("XDG_RUNTIME_DIR", folder.path())
        .env("SYSTEMD_UNIT_PATH", format!("{}:", stand_in.manager.folder().display()))
        .output();
    let Ok(output) = verify else {
        eprintln!("skipped: systemd-analyze is not there");
        return;
    };
    let words = String::from_utf8_lossy(&output.stderr);
    let ours: Vec<&str> = words.lines().filter(|line| line.contains("agentlab")).collect();
    assert!(output.status.success() && ours.is_empty(), "{words}");
}
