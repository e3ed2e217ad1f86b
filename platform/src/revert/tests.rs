//! With real repositories.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

use super::*;

struct World {
    folder: tempfile::TempDir,
}

impl World {
    /// A repository with a healthy commit and a suspect one on top, and a home.
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(world.source()).unwrap();
        world.git(&["init", "-q", "-b", "main"]);
        world.commit("bot.rs", "works", "Works");
        world.commit("bot.rs", "crashes", "Faster");
        world
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("source")
    }

    fn home(&self) -> Home {
        Home::at(self.folder.path().join("h")).unwrap()
    }

    fn git(&self, words: &[&str]) -> String {
        let mut git = Command::new("git");
        git.arg("-C")
            .arg(self.source())
            .args(["-c", "user.name=ann", "-c", "user.email=ann@localhost", "-c", "core.hooksPath=/dev/null"])
            .args(words);
        let output = git.output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn commit(&self, file: &str, text: &str, message: &str) {
        let path = self.source().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
    }

    fn name(&self, what: &str) -> String {
        self.git(&["rev-parse", "--short=12", what])
    }

    async fn revert(&self) -> Done {
        let (suspect, healthy) = (self.name("HEAD"), self.name("HEAD~1"));
        self.revert_of(&suspect, &healthy).await
    }

    async fn revert_of(&self, suspect: &str, healthy: &str) -> Done {
        let source = self.source();
        let asked = Asked {
            wanted: true,
            source: Some(&source),
            suspect: Some(suspect),
            healthy: Some(healthy),
            why: "the bot crashed three times.",
        };
        revert(&self.home(), asked).await
    }

    /// Nothing was changed, for this reason.
    async fn refuses(&self, why: &str) {
        let before = (self.git(&["rev-parse", "HEAD"]), self.git(&["status", "--porcelain"]));
        let done = self.revert().await;
        assert!(matches!(&done, Done::Refused { words } if words.contains(why)), "{done:?}, expected {why}");
        assert_eq!((self.git(&["rev-parse", "HEAD"]), self.git(&["status", "--porcelain"])), before);
    }
}

#[tokio::test]
async fn the_suspect_commit_is_undone_by_one_more_without_any_hook_and_once_a_day() {
    let world = World::new();
    for hook in ["pre-commit", "commit-msg", "post-commit", "post-merge", "post-checkout", "reference-transaction"] {
        let path = world.source().join(".git/hooks").join(hook);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "#!/bin/sh\necho ran >> \"$(dirname \"$0\")/ran\"\nexit 1\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let (suspect, healthy) = (world.name("HEAD"), world.name("HEAD~1"));
    let done = world.revert_of(&suspect, &healthy).await;
    let Done::Reverted { commit, words } = &done else { panic!("{done:?}") };
    assert!(words.contains(&suspect) && words.contains("main"), "{words}");
    assert_eq!(world.git(&["rev-parse", "HEAD"]), *commit);
    assert_eq!(world.git(&["rev-parse", "HEAD^{tree}"]), world.git(&["rev-parse", "HEAD~2^{tree}"]));
    assert_eq!(fs::read_to_string(world.source().join("bot.rs")).unwrap(), "works");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    assert_eq!(world.git(&["show", "-s", "--format=%an %s"]), "agentlab Revert \"Faster\"");
    assert!(world.git(&["show", "-s", "--format=%B"]).contains("the bot crashed three times"));
    assert!(!world.source().join(".git/hooks/ran").exists(), "a hook ran");
    // What was reverted is not reverted back, nor anything else today.
    world.refuses("a revert itself").await;
    world.commit("bot.rs", "crashes again", "Faster still");
    world.refuses("within the last 24 hours").await;
}

#[tokio::test]
async fn every_guard_is_asked_of_the_real_repository() {
    let world = World::new();
    let done = world.revert_of(&world.name("HEAD~1"), &world.name("HEAD~1")).await;
    assert!(done.words().contains("not at the suspect commit"), "{done:?}");
    world.commit("bot.rs", "crashes too", "One more");
    let done = world.revert_of(&world.name("HEAD"), &world.name("HEAD~2")).await;
    assert!(done.words().contains("more than one commit"), "{done:?}");
    fs::write(world.source().join("bot.rs"), "being edited").unwrap();
    world.refuses("not committed").await;
    world.git(&["checkout", "-q", "bot.rs"]);
    fs::write(world.source().join("new.rs"), "unknown").unwrap();
    world.refuses("does not know").await;
    fs::remove_file(world.source().join("new.rs")).unwrap();
    world.git(&["checkout", "-q", "--detach"]);
    world.refuses("on no branch").await;
    world.git(&["checkout", "-q", "main"]);
    fs::write(world.source().join(".git/MERGE_HEAD"), "").unwrap();
    world.refuses("under way").await;
    fs::remove_file(world.source().join(".git/MERGE_HEAD")).unwrap();
    world.commit("migrations/2.sql", "CREATE TABLE x (y);", "A table");
    world.refuses("migrations/2.sql").await;
    world.git(&["checkout", "-q", "-b", "other", "HEAD~1"]);
    world.commit("other.rs", "other", "Other");
    world.git(&["merge", "-q", "--no-ff", "-m", "Both", "main"]);
    world.refuses("a merge").await;
    // None of these counts as the one of the day.
    world.commit("bot.rs", "crashes", "Faster");
    assert!(matches!(world.revert().await, Done::Reverted { .. }));
}

#[tokio::test]
async fn where_nothing_is_known_nothing_is_done() {
    let world = World::new();
    let off = Asked { wanted: false, source: Some(&world.source()), suspect: None, healthy: None, why: "" };
    assert!(revert(&world.home(), off).await.words().contains("recovery.auto_revert is off"));
    let nowhere = Asked { source: None, ..off };
    assert!(revert(&world.home(), nowhere).await.words().contains("not built from a checkout"));
    let gone = world.folder.path().join("gone");
    let asked = Asked { wanted: true, source: Some(&gone), ..off };
    assert!(matches!(revert(&world.home(), asked).await, Done::Refused { .. }));
    // A note that cannot be read may be of today.
    fs::create_dir_all(path(&world.home()).parent().unwrap()).unwrap();
    fs::write(path(&world.home()), "{").unwrap();
    world.refuses("reverted.json").await;
}
