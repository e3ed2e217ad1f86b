//! Without a bot everything is done from a terminal alone: a task is asked, followed, cancelled and done again.

use crate::world::{LONG, World};

#[test]
fn a_task_is_asked_followed_cancelled_and_retried_from_a_terminal_alone() {
    let world = World::new();
    let up = world.up();
    let asked = world.run(&["ask", "[[tool: Read notes]] [[sleep: 2]] [[say: by hand]]"]);
    assert!(asked.code == Some(0) && asked.stdout.contains("by hand"), "{asked:?}");
    assert!(asked.stderr.contains("Read: notes"), "it was followed: {asked:?}");
    assert_eq!(world.run(&["ask", "--no-wait", "[[tool: Bash make]] [[sleep: 600]]"]).code, Some(0));
    let mut followed = world.start(&["logs", "2", "--follow"]);
    followed.wait_for_line("make", LONG);
    let early = world.run(&["retry", "2"]);
    assert!(early.code != Some(0) && early.stderr.contains("has not ended"), "{early:?}");
    assert_eq!(world.run(&["cancel", "2"]).code, Some(0));
    assert_eq!(followed.end(LONG).code, Some(0), "what is over is followed to its end");
    assert!(world.run(&["job", "2"]).stdout.contains("cancelled"));
    let again = world.run(&["retry", "1"]);
    assert!(again.code == Some(0) && again.stdout.contains("by hand"), "{again:?}");
    assert_eq!(world.count("SELECT retry_of FROM job WHERE number = 3"), 1);
    assert_eq!(up.stop().code, Some(0));
}
