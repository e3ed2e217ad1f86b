//! Checks at a commit: what an agent's commits meet while it works, with real repositories and the real Git.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::world::{Ended, World, write_script};

/// A world whose agent does what the test writes down for it, and a repository `shop` that is a project.
struct Shop {
    world: World,
    path: PathBuf,
}

impl Shop {
    fn new(checks: &[&str]) -> Self {
        Self::named("shop", checks)
    }

    fn named(name: &str, checks: &[&str]) -> Self {
        let mut world = World::new();
        let path = world.project(name);
        let checks = checks.iter().map(|check| format!("'''{check}'''")).collect::<Vec<_>>().join(", ");
        world.configure(&format!("[projects.shop]\npath = \"\"\"{}\"\"\"\nchecks = [{checks}]\n", path.display()));
        let script = world.path("bin/agent.sh");
        let (work, log) = (world.path("work.sh"), world.path("log"));
        write_script(
            &script,
            &format!(
                "#!/bin/sh\nsh {} >{} 2>&1 </dev/null\nexec {} rehearse \"$@\"\n",
                work.display(),
                log.display(),
                env!("CARGO_BIN_EXE_agentlab")
            ),
        );
        world.configure(&format!("[agent]\ncommand = '{}'\n", script.display()));
        fs::write(
            world.path("user/.gitconfig"),
            "[user]\nname = Ann\nemail = ann@example.org\n[init]\ndefaultBranch = main\n",
        )
        .unwrap();
        let shop = Self { world, path };
        shop.git(&shop.path, &["init", "-q"]);
        shop
    }

    /// What Git says, outside any run.
    fn git(&self, at: &Path, words: &[&str]) -> String {
        let mut git = Command::new("git");
        git.args(words).current_dir(at).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.world.path("user"));
        let output = git.output().unwrap();
        assert!(output.status.success(), "git {words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The agent does this work; its words are returned, and the answer.
    fn work(&self, script: &str) -> (String, Ended) {
        fs::write(self.world.path("work.sh"), script).unwrap();
        let ended = self.world.run(&["ask", "--project", "shop", "[[say: did it]]"]);
        (fs::read_to_string(self.world.path("log")).unwrap_or_default(), ended)
    }

    fn commits(&self, at: &Path) -> usize {
        self.git(at, &["rev-list", "--all", "--count"]).parse().unwrap()
    }

    /// Hooks of the user's own in this folder, which note that they ran.
    fn own_hooks(&self, folder: &Path, names: &[&str]) {
        fs::create_dir_all(folder).unwrap();
        for name in names {
            let noted = self.world.path("ran");
            write_script(&folder.join(name), &format!("#!/bin/sh\necho \"{name} $#\" >>{}\n", noted.display()));
        }
    }
}

/// A commit that the check refuses, then one that it lets pass.
const BAD_THEN_GOOD: &str = "echo bad >state; git add -A; git commit -qm one; echo \"first: $?\"
                             echo good >state; git commit -qam two; echo \"second: $?\"";

#[test]
fn a_bad_commit_is_refused_with_the_words_of_the_check_and_a_good_one_passes() {
    let shop = Shop::new(&["echo looking; grep good state || { echo 'it is bad' >&2; exit 3; }", "echo quiet"]);
    let (log, ended) = shop.work(BAD_THEN_GOOD);
    assert!(log.contains("first: 1") && log.contains("second: 0"), "{log}");
    assert!(log.contains("looking\nit is bad\nagentlab: nothing was committed"), "{log}");
    assert!(log.contains("(exit code 3): echo looking"), "{log}");
    assert_eq!(log.matches("looking").count(), 2, "a check that passes says nothing: {log}");
    assert!(!log.contains("quiet\n"), "{log}");
    assert_eq!(shop.commits(&shop.path), 1);
    assert!(ended.stdout.starts_with("did it\n\nChecks passed: "), "{ended:?}");
    let hooks = fs::read_dir(shop.path.join(".git/hooks")).unwrap().filter_map(Result::ok);
    assert!(hooks.into_iter().all(|hook| hook.path().extension().is_some_and(|end| end == "sample")));
    assert!(!fs::read_to_string(shop.path.join(".git/config")).unwrap().contains("ooksPath"));
}

#[test]
fn a_commit_that_went_around_the_hook_stays_and_the_answer_says_that_the_check_failed() {
    let shop = Shop::new(&["grep good state"]);
    let (log, ended) = shop.work("echo bad >state; git add -A; git commit --no-verify -qm one; echo \"first: $?\"");
    assert!(log.contains("first: 0"), "{log}");
    assert_eq!(shop.commits(&shop.path), 1);
    assert!(
        ended.code == Some(0) && ended.stdout.contains("**Check failed:** `grep good state` (exit code 1)"),
        "{ended:?}"
    );
}

#[test]
fn the_repositorys_own_hooks_run_wherever_the_user_keeps_them() {
    let names = ["pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "reference-transaction"];
    for place in ["repository", "relative", "global", "environment"] {
        let mut shop = Shop::new(&["grep good state"]);
        let folder = match place {
            "repository" => shop.path.join(".git/hooks"),
            "relative" => shop.path.join("tools/hooks"),
            _ => shop.world.path("my hooks"),
        };
        let setting = folder.display().to_string();
        match place {
            "relative" => drop(shop.git(&shop.path, &["config", "core.hooksPath", "tools/hooks"])),
            "global" => drop(shop.git(&shop.path, &["config", "--global", "core.hooksPath", &setting])),
            "environment" => {
                for (name, value) in [
                    ("COUNT", "2"),
                    ("KEY_0", "core.hooksPath"),
                    ("VALUE_0", &setting),
                    ("KEY_1", "user.name"),
                    ("VALUE_1", "Eve from the environment"),
                ] {
                    shop.world.env.push((format!("GIT_CONFIG_{name}"), value.into()));
                }
            }
            _ => {}
        }
        shop.own_hooks(&folder, &names);
        let (log, ended) = shop.work(BAD_THEN_GOOD);
        assert!(log.contains("first: 1") && log.contains("second: 0"), "{place}: {log} {ended:?}");
        let ran = fs::read_to_string(shop.world.path("ran")).unwrap();
        let ran: Vec<&str> = ran.lines().filter(|line| !line.starts_with("reference")).collect();
        // The refused commit met the first one only; the others got their arguments.
        let expected = ["pre-commit 0", "pre-commit 0", "prepare-commit-msg 2", "commit-msg 1", "post-commit 0"];
        assert_eq!(ran, expected, "{place}");
        assert!(fs::read_to_string(shop.world.path("ran")).unwrap().contains("reference-transaction 1"), "{place}");
        let author = shop.git(&shop.path, &["log", "-1", "--format=%an"]);
        assert_eq!(author, if place == "environment" { "Eve from the environment" } else { "Ann" }, "{place}");
    }
}

#[test]
fn the_repositorys_own_hooks_decide_as_ever() {
    let shop = Shop::new(&["true"]);
    let hooks = shop.path.join(".git/hooks");
    write_script(&hooks.join("pre-commit"), "#!/bin/sh\n[ ! -e stop ] || { echo 'own says no'; exit 9; }\n");
    write_script(&hooks.join("commit-msg"), "#!/bin/sh\ngrep -q ticket \"$1\"\n");
    // Standard input, as Git gives it.
    write_script(&hooks.join("pre-push"), &format!("#!/bin/sh\ncat >{}\n", shop.world.path("pushed").display()));
    // Not executable, so no hook to Git.
    fs::write(hooks.join("post-commit"), "#!/bin/sh\ntouch wrong\n").unwrap();
    fs::set_permissions(hooks.join("post-commit"), fs::Permissions::from_mode(0o644)).unwrap();
    let (log, _) = shop.work(
        "touch stop; git add -A; git commit -qm ticket; echo \"first: $?\"
         rm stop; touch a; git add -A; git commit -qm words; echo \"second: $?\"
         git commit -qm 'a ticket'; echo \"third: $?\"
         git init -q --bare ../there.git; git push -q ../there.git HEAD:refs/heads/main; echo \"push: $?\"",
    );
    for words in ["own says no", "first: 1", "second: 1", "third: 0", "push: 0"] {
        assert!(log.contains(words), "{words}: {log}");
    }
    assert!(fs::read_to_string(shop.world.path("pushed")).unwrap().contains("refs/heads/main"), "{log}");
    assert!(!shop.path.join("wrong").exists());
}

#[test]
fn checks_hold_for_the_projects_repository_with_its_worktrees_and_for_no_other() {
    let shop = Shop::new(&["grep good state"]);
    let (log, _) = shop.work(
        "echo good >state; mkdir sub; touch sub/a; git add -A; git commit -qm one; echo \"top: $?\"
         git worktree add -q ../tree; cd ../tree; echo bad >state; git commit -qam two; echo \"tree: $?\"
         cd ../shop/sub; echo bad >../state; git commit -qam three; echo \"sub: $?\"
         git init -q ../inner; cd ../inner; echo bad >state; git add -A; git commit -qm four; echo \"inner: $?\"
         git init -q ../../other; cd ../../other; echo bad >state; git add -A; git commit -qm five; echo \"other: $?\"
         ln -s \"$PWD/../shop\" ../link; cd ../link; git commit -qam six; echo \"link: $?\"",
    );
    let ends = ["top: 0", "tree: 1", "sub: 1", "inner: 0", "other: 0", "link: 1"];
    for end in ends {
        assert!(log.contains(end), "{end}: {log}");
    }
    assert_eq!(shop.commits(&shop.path), 1);
    assert_eq!(shop.commits(&shop.world.path("other")), 1);
}

#[test]
fn a_project_within_a_repository_is_checked_in_its_own_folder() {
    let mut shop = Shop::new(&["false"]);
    let part = shop.path.join("part");
    fs::create_dir_all(&part).unwrap();
    fs::write(part.join("here"), "").unwrap();
    shop.world.configure(&format!("[projects.part]\npath = '{}'\nchecks = ['test -e here']\n", part.display()));
    let work = "git add -A; git commit -qm one; echo \"with: $?\"
                rm here; git commit -qam two; echo \"without: $?\"; touch here";
    fs::write(shop.world.path("work.sh"), work).unwrap();
    let ended = shop.world.run(&["ask", "--project", "part", "[[say: did it]]"]);
    let log = fs::read_to_string(shop.world.path("log")).unwrap();
    assert!(log.contains("with: 0") && log.contains("without: 1"), "{log} {ended:?}");
    assert!(ended.stdout.contains("Checks passed: `test -e here`"), "{ended:?}");
}

#[test]
fn a_check_that_uses_git_elsewhere_is_not_led_astray_by_the_commit() {
    // Both a commit of chosen paths and one in a worktree set variables that would.
    let check =
        "rm -rf ../scratch && git init -q ../scratch && cd ../scratch && touch x && git add x && git commit -qm x";
    let shop = Shop::new(&[check]);
    let (log, ended) = shop.work(
        "echo 1 >a; echo 1 >b; git add -A; git commit -qm one; echo \"one: $?\"; echo 2 >a; echo 2 >b; git add b
         git commit -qm two -- a; echo \"two: $?\"; git worktree add -q ../tree; cd ../tree; echo 3 >a
         git commit -qam three; echo \"three: $?\"",
    );
    for end in ["one: 0", "two: 0", "three: 0"] {
        assert!(log.contains(end), "{end}: {log}");
    }
    assert!(ended.stdout.contains("Checks passed"), "{ended:?}");
    assert_eq!(shop.git(&shop.path, &["diff", "--cached", "--name-only"]), "b", "what was staged beside is still so");
    assert_eq!(shop.git(&shop.path, &["ls-files"]), "a\nb");
}

#[test]
fn quotes_in_paths_and_commands_are_only_quotes() {
    let shop =
        Shop::named("it's $(touch pwned) \"shop\" `id`", &["test \"it's\" = it\\'s", "grep 'good' state # `id` $HOME"]);
    let (log, ended) = shop.work(BAD_THEN_GOOD);
    assert!(log.contains("first: 1") && log.contains("second: 0"), "{log}");
    assert!(ended.stdout.contains("Checks passed: `test \"it's\" = it\\'s`, "), "{ended:?}");
    assert!(!shop.path.join("pwned").exists() && !shop.world.path("pwned").exists());
}

#[test]
fn without_checks_or_without_a_repository_nothing_is_set() {
    let shop = Shop::new(&["true"]);
    fs::remove_dir_all(shop.path.join(".git")).unwrap();
    let (log, ended) = shop.work("env | grep GIT_; echo done");
    assert_eq!(log, "done\n");
    assert!(ended.stdout.contains("Checks passed: `true`"), "they run after the run: {ended:?}");
    let shop = Shop::new(&[]);
    let (log, ended) = shop.work("env | grep GIT_; echo done");
    assert_eq!(log, "done\n");
    assert!(!ended.stdout.contains("heck"), "{ended:?}");
    let runs = fs::read_dir(shop.world.home().join("runs")).unwrap().filter_map(Result::ok);
    for run in runs {
        assert!(!run.path().join("hooks").exists() && !run.path().join("checks.json").exists());
    }
}

#[test]
fn a_push_into_a_checked_out_branch_still_updates_its_files() {
    let shop = Shop::new(&["true"]);
    // As a server would be started in the agent's own environment: there our hooks are seen, and one of them would
    // otherwise stand in for Git's own way of updating the files.
    let (log, _) = shop.work(
        "touch a; git add -A; git commit -qm one; git clone -q . ../there; git -C ../there config receive.denyCurrentBranch updateInstead
         echo 2 >a; git commit -qam two
         keep=\"env GIT_CONFIG_COUNT=$GIT_CONFIG_COUNT GIT_CONFIG_KEY_0=$GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0=$GIT_CONFIG_VALUE_0\"
         git push -q --receive-pack=\"$keep git-receive-pack\" ../there HEAD; echo \"push: $?\"; cat ../there/a",
    );
    assert!(log.contains("push: 0\n2\n"), "{log}");
}
