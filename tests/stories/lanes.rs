//! Directories: who may work in one at the same time.

use agentlab_stand_ins::BotApi;

use crate::world::{ANN, LONG, World, wait_until};

/// Two chats give a task each in one project; returns the order of begins and ends.
fn two_chats(isolation: &str) -> Vec<String> {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    let log = world.project("p").join("log");
    world.configure(&format!("[projects.p]\npath = '{}'\nisolation = '{isolation}'\n", world.path("p").display()));
    let _up = world.up();
    for (chat, word) in [(ANN, "a"), (-50, "b")] {
        let text = format!(
            "[[append: {0} +{word}]] [[sleep: 1]] [[append: {0} -{word}]] [[sleep: 0.1]] [[say: finished]]",
            log.display()
        );
        api.user_says(chat, ANN, &text);
    }
    if isolation == "exclusive" {
        wait_until("the second waits for the directory", LONG, || {
            world.sql("SELECT place FROM v_queue").iter().any(|row| row["place"] == "its directory is in use")
        });
    }
    api.wait_for_text(ANN, "finished", LONG);
    api.wait_for_text(-50, "finished", LONG);
    std::fs::read_to_string(log).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn two_chats_on_one_project_never_run_at_the_same_time_by_default() {
    let order = two_chats("exclusive");
    assert_eq!(order.iter().map(|line| &line[..1]).collect::<String>(), "+-+-", "{order:?}");
}

#[test]
fn with_isolation_none_they_do() {
    let order = two_chats("none");
    assert_eq!(order.iter().map(|line| &line[..1]).collect::<String>(), "++--", "{order:?}");
}

#[test]
fn a_directory_is_one_whatever_path_names_it() {
    let world = World::new();
    let real = world.project("p");
    let link = world.path("link");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let mut config = String::new();
    for (name, path) in [("one", &real), ("two", &link)] {
        config.push_str(&format!("[projects.{name}]\npath = '{}'\n", path.display()));
    }
    let mut world = world;
    world.configure(&config);
    let log = real.join("log");
    let text = format!("[[append: {0} +]] [[sleep: 0.5]] [[append: {0} -]]", log.display());
    let asks = [world.start(&["ask", "--project", "one", &text]), world.start(&["ask", "--project", "two", &text])];
    for ask in asks {
        assert_eq!(ask.end(LONG).code, Some(0));
    }
    let order = std::fs::read_to_string(log).unwrap().replace(['\n', ' '], "");
    assert_eq!(order, "+-+-");
}
