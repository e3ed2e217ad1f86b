//! Instructions: what every run is told beside its task, and who says which ones are in force.

use agentlab_stand_ins::BotApi;

use crate::world::{ANN, LONG, World};

#[test]
fn orchestrator_md_reaches_every_run_is_recorded_and_said() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    let project = world.project("p");
    world.configure(&format!("[projects.p]\npath = '{}'\n", project.display()));
    let _up = world.up();
    let ask = |text: &str| world.run(&["ask", "--project", "p", text]).stdout;
    assert!(ask("[[instructions]]").starts_with("no instructions"));
    std::fs::write(world.home().join("orchestrator.md"), "be kind to kumquats").unwrap();
    assert!(ask("[[instructions]]").starts_with("be kind to kumquats"));
    std::fs::write(world.home().join("orchestrator.p.md"), "be terse").unwrap();
    assert!(ask("[[instructions]]").starts_with("be terse"), "a project's own takes its place");
    let hashes = world.sql("SELECT DISTINCT instructions FROM v_runs WHERE instructions IS NOT NULL");
    assert_eq!(hashes.len(), 2, "{hashes:?}");
    let hash = world.sql("SELECT instructions FROM v_runs ORDER BY task DESC LIMIT 1")[0]["instructions"].clone();
    let short = &hash.as_str().unwrap()[..12];
    let doctor = world.run(&["doctor"]).stdout;
    assert!(doctor.contains("orchestrator.p.md") && doctor.contains(short), "{doctor}");
    assert!(world.run(&["status"]).stdout.contains(&format!("orchestrator.p.md ({short})")));
    api.user_says(ANN, ANN, "/status");
    api.wait_for_text(ANN, &format!("Instructions: orchestrator.p.md ({short})"), LONG);
}

#[test]
fn instructions_that_cannot_be_read_begin_no_run_without_them() {
    let mut world = World::new();
    world.rehearse();
    world.configure("[retry]\nmax_attempts = 1\n");
    std::fs::create_dir(world.home().join("orchestrator.md")).unwrap();
    let ended = world.run(&["ask", "[[say: alone]]"]);
    assert!(
        ended.stdout.contains("could not be started") && ended.stdout.contains("orchestrator.md cannot be read"),
        "{ended:?}"
    );
    assert!(world.run(&["doctor"]).stdout.contains("no run can begin"));
}
