//! Exports that are damaged, come too late or from too new a release: all of it or nothing is taken in. An import that is cut off:
//! `killed_anywhere`.

use std::fs;

use crate::world::{Ended, World};

/// An export of three tasks.
fn export() -> String {
    let world = World::new();
    for n in 0..3 {
        assert_eq!(world.run(&["ask", &format!("[[say: answer {n}]]")]).code, Some(0));
    }
    world.wait_for_quiet();
    fs::write(world.home().join("orchestrator.md"), "Be brief.\n").unwrap();
    world.run(&["export"]).stdout + "\n"
}

fn import(world: &World, text: &str) -> Ended {
    let file = world.path("export.jsonl");
    fs::write(&file, text).unwrap();
    world.run(&["import", file.to_str().unwrap()])
}

/// How many tasks are there, and whether the database is sound.
fn found(world: &World) -> (i64, i64) {
    (world.count("SELECT COUNT(*) FROM job"), world.count("SELECT COUNT(*) FROM pragma_foreign_key_check"))
}

#[test]
fn what_is_not_whole_is_refused_and_leaves_nothing() {
    let text = export();
    let lines: Vec<&str> = text.lines().collect();
    let all = |lines: &[&str]| lines.join("\n") + "\n";
    let job = lines.iter().position(|line| line.contains("\"table\":\"job\"")).unwrap();
    let last = lines.len() - 1;
    let world = World::new();
    for (what, damaged) in [
        ("nothing", String::new()),
        ("its end is missing", all(&lines[..last])),
        ("cut in a line", text[..text.len() / 2].to_owned()),
        ("a line is missing", all(&[&lines[..job], &lines[job + 1..]].concat())),
        ("a line is there twice", all(&[&lines[..=job], &lines[job..]].concat())),
        ("a word is another", text.replacen("answer 1", "answer 9", 1)),
        ("more than one", text.clone() + &text),
        ("something else", "{\"a\":1}\n".to_owned()),
    ] {
        let refused = import(&world, &damaged);
        assert!(refused.code == Some(1) && refused.stderr.contains("Nothing was taken in"), "{what}: {refused:?}");
        assert_eq!(found(&world), (0, 0), "{what}");
        assert!(!world.home().join("orchestrator.md").exists(), "{what}");
    }
    // It is short enough for a pipe.
    assert_eq!(world.fed(text.as_bytes(), &["import", "-"]).code, Some(0));
    assert_eq!(found(&world), (3, 0));
}

/// The export as another release would have written it, with an end that fits.
fn as_of(text: &str, change: impl Fn(&str) -> String) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let changed: String = lines[..lines.len() - 1].iter().map(|line| change(line) + "\n").collect();
    let sha256 = sha256(&changed);
    format!("{changed}{{\"lines\":{},\"sha256\":\"{sha256}\"}}\n", changed.lines().count())
}

pub(super) fn sha256(text: &str) -> String {
    use sha2::Digest;
    use std::fmt::Write;
    sha2::Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut words, byte| {
        write!(words, "{byte:02x}").unwrap();
        words
    })
}

#[test]
fn an_earlier_release_lacks_columns_and_a_later_one_has_more() {
    let text = export();
    // Before requests had an id.
    let earlier = as_of(&text, |line| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        if let Some(row) = line.get_mut("row").and_then(serde_json::Value::as_object_mut) {
            row.remove("trace_id");
        }
        line.to_string()
    });
    let world = World::new();
    assert_eq!(import(&world, &earlier).code, Some(0));
    assert_eq!((found(&world), world.count("SELECT COUNT(*) FROM job WHERE trace_id IS NULL")), ((3, 0), 3));
    // One more column, which the database of that release would let us pass over.
    let later = as_of(&text, |line| line.replace("\"prompt\":", "\"mood\":\"good\",\"prompt\":"));
    let world = World::new();
    let imported = import(&world, &later);
    assert!(imported.code == Some(0) && imported.stderr.contains("left out: job.mood"), "{imported:?}");
    // One whose database this release would not open, and a form of which it knows nothing.
    let needs = as_of(&text, |line| line.replace("\"min_release\":\"0.1.0\"", "\"min_release\":\"99.0.0\""));
    let form = as_of(&text, |line| line.replace("\"agentlab_export\":1", "\"agentlab_export\":2"));
    let world = World::new();
    for (text, words) in [(needs, "needs agentlab 99.0.0 or newer"), (form, "written in form 2")] {
        let refused = import(&world, &text);
        assert!(refused.code == Some(1) && refused.stderr.contains(words), "{refused:?}");
        assert!(refused.stderr.contains("update agentlab here first"), "{refused:?}");
    }
    assert_eq!(found(&world), (0, 0));
}

#[test]
fn nothing_is_taken_in_where_a_system_runs_or_has_worked() {
    let text = export();
    let world = World::new();
    let up = world.up();
    let refused = import(&world, &text);
    assert!(refused.code == Some(1) && refused.stderr.contains("stop it"), "{refused:?}");
    assert_eq!(up.stop().code, Some(0));
    // It was started, and has not worked.
    assert_eq!(import(&world, &text).code, Some(0));
    assert_eq!(found(&world), (3, 0));
    let again = import(&world, &text);
    assert!(
        again.code == Some(1) && again.stderr.contains("Import into one that has not, such as AGENTLAB_HOME="),
        "{again:?}"
    );
    assert_eq!(found(&world), (3, 0));
}

#[test]
fn an_export_leaves_alone_what_is_there_already() {
    let world = World::new();
    assert_eq!(world.run(&["ask", "[[say: kept]]"]).code, Some(0));
    world.wait_for_quiet();
    let (file, link, folder) = (world.path("there"), world.path("link"), world.path("folder"));
    fs::write(&file, "mine").unwrap();
    // It leads nowhere: what is written through it would come to be elsewhere.
    std::os::unix::fs::symlink(world.path("nowhere"), &link).unwrap();
    fs::create_dir(&folder).unwrap();
    for there in [&file, &link, &folder] {
        let refused = world.run(&["export", there.to_str().unwrap()]);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.stderr.contains("something is there already") && refused.stdout.is_empty(), "{refused:?}");
        assert!(refused.stderr.contains(there.to_str().unwrap()), "{refused:?}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(fs::read_link(&link).unwrap(), world.path("nowhere"));
    assert!(!world.path("nowhere").exists() && fs::read_dir(&folder).unwrap().next().is_none());
    let halves = fs::read_dir(world.path("")).unwrap().flatten();
    assert_eq!(halves.filter(|entry| entry.file_name().to_string_lossy().starts_with('.')).count(), 0);
}
