use std::{fs, path::Path};

use super::*;
use crate::{recovery, releases::checkout::Source};

fn home() -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("h")).unwrap();
    (folder, home)
}

/// Takes an executable that holds this text.
fn taken(folder: &Path, home: &Home, text: &str) -> Release {
    let path = folder.join("executable");
    fs::write(&path, text).unwrap();
    take(home, &path, None).unwrap().release
}

#[test]
fn the_same_executable_is_the_same_release_and_a_damaged_copy_is_taken_anew() {
    let (folder, home) = home();
    let first = taken(folder.path(), &home, "one");
    assert_eq!(first.name.len(), 12);
    assert_eq!(taken(folder.path(), &home, "one"), first);
    assert_ne!(taken(folder.path(), &home, "two").name, first.name);
    fs::write(program(&home, &first.name), "hurt").unwrap();
    assert_eq!(taken(folder.path(), &home, "one").name, first.name);
    assert_eq!(fs::read_to_string(program(&home, &first.name)).unwrap(), "one");
    fs::remove_file(home.releases().join(&first.name).join(RECORD)).unwrap();
    taken(folder.path(), &home, "one");
    assert!(read(&home, &first.name).is_some());
    assert_eq!(all(&home).len(), 2);
}

#[test]
fn a_commit_names_one_executable_and_another_one_of_it_is_named_by_itself() {
    let (folder, home) = home();
    let source = Source { folder: folder.path().to_path_buf(), commit: Some("98fff82c0ffe".into()) };
    let path = folder.path().join("executable");
    let mut names = Vec::new();
    for text in ["one", "two", "one"] {
        fs::write(&path, text).unwrap();
        names.push(take(&home, &path, Some(&source)).unwrap().release.name);
    }
    assert!(names[0] == "98fff82c0ffe" && names[1] != names[0] && names[2] == names[0], "{names:?}");
}

#[test]
fn what_a_take_that_was_cut_off_has_left_is_gone_after_the_next_one() {
    let (folder, home) = home();
    let half = home.releases().join(".new-half");
    fs::create_dir_all(&half).unwrap();
    fs::write(home.releases().join(".new-trial.json-1"), "{").unwrap();
    taken(folder.path(), &home, "one");
    assert_eq!(fs::read_dir(home.releases()).unwrap().count(), 1);
}

#[test]
fn a_trial_is_in_force_only_while_its_release_is_in_place() {
    let (folder, home) = home();
    let [one, two] = ["one", "two"].map(|text| taken(folder.path(), &home, text));
    switch(&home, &one.name).unwrap();
    trial::begin(&home, &two, &one.name).unwrap();
    assert_eq!(trial::in_force(&home), None, "the switch was never made");
    assert_eq!(trial::fault(&home, "bot", "it broke").unwrap(), None);
    switch(&home, &two.name).unwrap();
    let trial = trial::fault(&home, "bot", "it broke").unwrap().unwrap();
    assert_eq!((trial.together(), trial.last_fault()), (1, Some("bot: it broke".into())));
    trial::note(&home, |trial| trial.healthy_ms = 5000).unwrap();
    assert_eq!(trial::fault(&home, "bot", "again").unwrap().unwrap().healthy_ms, 0, "health begins anew");
    for _ in 0..20 {
        trial::fault(&home, "bot", "again").unwrap();
    }
    assert_eq!(trial::in_force(&home).unwrap().faults.len(), 10);
    switch(&home, &one.name).unwrap();
    assert_eq!(trial::in_force(&home), None);
}

#[test]
fn going_back_marks_what_it_leaves_and_never_returns_to_it() {
    let (folder, home) = home();
    assert_eq!(going_back::go_back(&home, "why").unwrap(), None, "never updated");
    let [one, two] = ["one", "two"].map(|text| taken(folder.path(), &home, text));
    switch(&home, &one.name).unwrap();
    trial::begin(&home, &two, &one.name).unwrap();
    switch(&home, &two.name).unwrap();
    assert_eq!(going_back::go_back(&home, "why").unwrap(), None, "the other one never ran");
    ran(&home, &one.name).unwrap();
    let returned = going_back::go_back(&home, "it broke").unwrap().unwrap();
    assert_eq!((returned.left.name.as_str(), returned.to.name.as_str()), (two.name.as_str(), one.name.as_str()));
    assert!(recovery::in_progress(&home).is_some(), "until the caller says that it is over");
    recovery::over(&home);
    assert_eq!((current(&home).unwrap().name, trial::in_force(&home)), (one.name.clone(), None));
    assert_eq!(going_back::left(&home), std::slice::from_ref(&two.name));
    let untold = going_back::untold(&home);
    assert!(untold.len() == 1 && untold[0].1.contains("it broke") && untold[0].1.contains(&one.name), "{untold:?}");
    assert_eq!(going_back::go_back(&home, "too").unwrap(), None, "nothing takes turns");
    forgive(&home, &two.name).unwrap();
    assert!(going_back::untold(&home).is_empty() && read(&home, &two.name).unwrap().bad.is_none());
}

#[test]
fn of_those_who_leave_a_release_on_trial_one_does_it_and_the_next_leaves_nothing_else() {
    let (folder, home) = home();
    let [oldest, one, two] = ["oldest", "one", "two"].map(|text| taken(folder.path(), &home, text));
    for release in [&oldest, &one] {
        ran(&home, &release.name).unwrap();
        healthy(&home, &release.name).unwrap();
    }
    switch(&home, &one.name).unwrap();
    assert_eq!(going_back::go_back_from(&home, &one.name, "it is away").unwrap(), None, "it is not on trial");
    trial::begin(&home, &two, &one.name).unwrap();
    switch(&home, &two.name).unwrap();
    let returned = going_back::go_back_from(&home, &two.name, "it is away").unwrap().unwrap();
    assert_eq!((returned.left.name.as_str(), returned.to.name.as_str()), (two.name.as_str(), one.name.as_str()));
    assert_eq!(recovery::in_progress(&home), None, "nobody else is kept waiting");
    assert_eq!(going_back::go_back_from(&home, &two.name, "it is away").unwrap(), None);
    assert_eq!(current(&home).unwrap().name, one.name);
}

#[test]
fn a_return_passes_over_what_is_not_whole() {
    let (folder, home) = home();
    let [oldest, before, two] = ["oldest", "before", "two"].map(|text| taken(folder.path(), &home, text));
    for release in [&oldest, &before] {
        healthy(&home, &release.name).unwrap();
    }
    change(&home, &two.name, |release| release.from = Some(before.name.clone())).unwrap();
    let two = read(&home, &two.name).unwrap();
    let to = || target(&home, &two).map(|release| release.name);
    assert_eq!(to(), Some(before.name.clone()));
    for hurt in ["", "befor", "other."] {
        fs::write(program(&home, &before.name), hurt).unwrap();
        assert_eq!(to(), Some(oldest.name.clone()), "{hurt:?}");
    }
    fs::remove_file(program(&home, &oldest.name)).unwrap();
    assert_eq!(to(), None);
}

#[test]
fn the_same_executable_is_as_bad_under_another_name_until_a_person_forgives_it() {
    let (folder, home) = home();
    let path = folder.path().join("executable");
    let one = taken(folder.path(), &home, "one");
    let source = Source { folder: folder.path().to_path_buf(), commit: Some("98fff82c0ffe".into()) };
    let same = take(&home, &path, Some(&source)).unwrap().release;
    let other = taken(folder.path(), &home, "other");
    assert_ne!(one.name, same.name);
    healthy(&home, &same.name).unwrap();
    assert_eq!(target(&home, &other).map(|release| release.name), Some(same.name.clone()));
    mark_bad(&home, &one.name, "it broke", &other.name).unwrap();
    assert_eq!(why_bad(&home, &same).unwrap().why, "it broke");
    assert_eq!((why_bad(&home, &other), target(&home, &other)), (None, None));
    forgive(&home, &same.name).unwrap();
    assert_eq!(why_bad(&home, &read(&home, &one.name).unwrap()), None);
}

#[test]
fn what_a_removal_that_was_cut_off_has_left_is_tidied() {
    let (folder, home) = home();
    let [one, half] = ["one", "half"].map(|text| taken(folder.path(), &home, text));
    switch(&home, &one.name).unwrap();
    fs::remove_file(home.releases().join(&half.name).join(RECORD)).unwrap();
    fs::create_dir(home.releases().join(".new-half")).unwrap();
    tidy(&home);
    let mut left: Vec<_> = fs::read_dir(home.releases()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, [one.name.as_str(), CURRENT]);
}

#[test]
fn a_return_that_was_cut_off_is_completed() {
    let (folder, home) = home();
    let [one, two] = ["one", "two"].map(|text| taken(folder.path(), &home, text));
    trial::begin(&home, &two, &one.name).unwrap();
    switch(&home, &two.name).unwrap();
    mark_bad(&home, &two.name, "it broke", &one.name).unwrap();
    assert_eq!(trial::in_force(&home), None, "a bad one is not on trial");
    going_back::complete(&home).unwrap();
    assert_eq!(current(&home).unwrap().name, one.name);
    assert_eq!(start::start(&home).unwrap(), start::Start::Become(None), "this program is older than the switch");
}

#[test]
fn old_releases_go_but_not_one_that_a_process_runs() {
    let (folder, home) = home();
    let sleep = fs::read_link("/bin/sleep").map_or_else(|_| "/bin/sleep".into(), |link| Path::new("/bin").join(link));
    let runs = take(&home, &sleep, None).unwrap().release;
    let mut child = std::process::Command::new(program(&home, &runs.name)).arg("60").spawn().unwrap();
    let others: Vec<Release> = (0..7)
        .map(|n| {
            let release = taken(folder.path(), &home, &format!("number {n}"));
            change(&home, &release.name, |release| release.taken_at += n + 1).unwrap();
            release
        })
        .collect();
    switch(&home, &others[0].name).unwrap();
    tidy(&home);
    let left: Vec<String> = all(&home).into_iter().map(|release| release.name).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(left.len(), 5, "{left:?}");
    assert!([&runs, &others[0], &others[6]].iter().all(|release| left.contains(&release.name)), "{left:?}");
}

#[tokio::test]
async fn an_executable_that_is_none_or_hangs_does_not_fit() {
    let (folder, home) = home();
    let path = folder.path().join("executable");
    fs::write(&path, "text").unwrap();
    let release = take(&home, &path, None).unwrap().release;
    let why = check(&home, &program(&home, &release.name)).await.unwrap_err();
    assert!(why.contains("cannot be started here") || why.contains("does not answer"), "{why}");
}
