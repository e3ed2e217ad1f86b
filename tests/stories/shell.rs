//! What a shell is given: completions that it understands, and a manual page that names every verb.

use std::process::{Command, Stdio};

use crate::world::World;

#[test]
fn bash_completes_verbs_and_options_from_what_is_printed() {
    let world = World::new();
    let script = world.run(&["completions", "bash"]);
    assert_eq!(script.code, Some(0), "{script:?}");
    let completed = |words: &str, at: usize| {
        let ask = format!(
            "{}\nCOMP_WORDS=({words}); COMP_CWORD={at}\n_agentlab agentlab \"${{COMP_WORDS[{at}]}}\"\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
            script.stdout
        );
        let bash = Command::new("bash").arg("-c").arg(ask).stderr(Stdio::inherit()).output().unwrap();
        assert!(bash.status.success(), "{words}");
        String::from_utf8(bash.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(completed("agentlab sta", 1), ["status"]);
    assert!(completed("agentlab restart ''", 2).iter().any(|word| word == "bot"), "roles are known");
    for hidden in ["fit", "rehearse", "shim"] {
        assert!(!completed("agentlab ''", 1).iter().any(|word| word == hidden), "{hidden} is nobody's business");
    }
    assert_eq!(completed("agentlab ask --no", 2), ["--no-wait"]);
    let shells = completed("agentlab completions ''", 2);
    for shell in ["bash", "zsh", "fish"] {
        assert!(shells.iter().any(|word| word == shell), "{shells:?}");
        let printed = world.run(&["completions", shell]);
        assert!(printed.code == Some(0) && printed.stdout.contains("restart"), "{shell}");
    }
    assert_eq!(world.run(&["completions", "tcsh"]).code, Some(2));
}

#[test]
fn the_manual_has_every_verb_that_help_has() {
    let world = World::new();
    let (page, help) = (world.run(&["man"]), world.run(&["--help"]));
    assert_eq!((page.code, help.code), (Some(0), Some(0)));
    let listed = help.stdout.split("Commands:").nth(1).unwrap().split("\n\n").next().unwrap();
    let verbs: Vec<&str> = listed.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    let verbs: Vec<&str> = verbs.into_iter().filter(|verb| !verb.is_empty()).collect();
    assert!(verbs.len() > 15 && verbs.contains(&"ask"), "{verbs:?}");
    for verb in verbs {
        assert!(page.stdout.contains(&format!(".SH \"agentlab {verb}\"")), "{verb}: {}", page.stdout);
    }
    for hidden in ["rehearse", "private"] {
        assert!(!page.stdout.contains(hidden), "{hidden} is nobody's business");
    }
    assert!(page.stdout.contains("EXIT STATUS") && page.stdout.contains("75"));
}
