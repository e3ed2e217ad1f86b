//! Survival: what a person sees when processes die or stop while tasks run. Nothing: the same message goes on, and the
//! answer comes once.

use agentlab_domain::outcome::End;
use agentlab_platform::{home::Home, run_dir::RunDir};
use agentlab_stand_ins::BotApi;
use nix::sys::signal::Signal;

use crate::world::{ANN, LONG, Look, World, kill_9, wait_until};

/// A world with a bot and one project in which tasks run side by side.
fn side_by_side(api: &BotApi) -> World {
    let mut world = World::with_bot(api);
    world.project("p");
    world.configure(&format!("[projects.p]\npath = '{}'\nisolation = 'none'\n", world.path("p").display()));
    world
}

/// What the directories and rows of the runs say of an agent that ended by itself: exit code 0 and every event.
fn recorded_whole(world: &World, answers: &[String]) {
    let home = Home::at(world.home()).unwrap();
    let rows: Vec<(String, String, Option<i64>)> = Look::into(world)
        .rows("SELECT run.id, job.prompt, run.exit_code FROM run JOIN job ON job.id = run.job_id ORDER BY job.number");
    assert_eq!(rows.len(), answers.len(), "one run a task: {rows:?}");
    for (id, prompt, code) in rows {
        let run = RunDir::of(&home, &id);
        let exit = run.exit().unwrap().unwrap();
        assert_eq!((exit.end, exit.code, code), (End::Exited, Some(0), Some(0)), "{prompt}");
        let events = std::fs::read_to_string(run.events()).unwrap();
        assert!(events.ends_with('\n'), "{events}");
        let events: Vec<serde_json::Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(events[0]["subtype"], "init");
        let result = events.last().unwrap();
        assert_eq!((result["type"].as_str(), result["is_error"].as_bool()), (Some("result"), Some(false)));
        let answer = result["result"].as_str().unwrap();
        assert!(answers.iter().any(|wanted| wanted == answer) && prompt.contains(answer), "{answer}: {prompt}");
    }
}

#[test]
fn everything_killed_at_once_while_three_tasks_run_is_noticed_by_no_chat() {
    let api = BotApi::start();
    let world = side_by_side(&api);
    let up = world.up();
    let chats = [ANN, -40, -50];
    for (n, chat) in chats.into_iter().enumerate() {
        api.user_says(
            chat,
            ANN,
            &format!("[[tool: Bash first]] [[sleep: 1.5]] [[tool: Bash second]] [[sleep: 2.5]] [[say: answer-{n}.]]"),
        );
    }
    let messages = chats.map(|chat| api.wait_for_text(chat, "Bash: first", LONG).message_id);
    let daemons: Vec<i32> = ["bot", "console", "worker"]
        .into_iter()
        .flat_map(|role| if role == "worker" { vec![(role, 1), (role, 2), (role, 3)] } else { vec![(role, 0)] })
        .map(|(role, slot)| world.pid(role, slot))
        .collect();
    // The supervisor first: nobody is started again.
    kill_9(up.pid());
    daemons.into_iter().for_each(kill_9);
    drop(up);
    let _up = world.up();
    for (n, chat) in chats.into_iter().enumerate() {
        let progress = api.wait_for_text(chat, "Bash: second", LONG);
        assert_eq!(progress.message_id, messages[n], "progress goes on in the same message");
    }
    for (n, chat) in chats.into_iter().enumerate() {
        let answer = api.wait_for_text(chat, &format!("answer-{n}."), LONG);
        assert_eq!(answer.message_id, messages[n]);
    }
    wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
    for chat in chats {
        assert_eq!(api.messages(chat).len(), 1, "{}", api.transcript(chat));
    }
    recorded_whole(&world, &[0, 1, 2].map(|n| format!("answer-{n}.")));
}

#[test]
fn a_worker_that_is_asked_to_stop_lets_go_at_once_and_another_attaches() {
    let mut world = World::new();
    // Nobody looks without being told: the poll is a hundred seconds.
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "20".into()));
    let up = world.up();
    assert_eq!(world.run(&["ask", "--no-wait", "[[sleep: 2]] [[say: went on]]"]).code, Some(0));
    let look = Look::into(&world);
    wait_until("it runs", LONG, || look.held().len() == 1);
    let holder = look.held().remove(0);
    // And nobody is started in its place.
    kill_9(up.pid());
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(holder.pid), Signal::SIGTERM).unwrap();
    wait_until("another holds the run", LONG, || {
        look.held().first().is_some_and(|held| held.run == holder.run && held.by != holder.by)
    });
    wait_until("it is done", LONG, || look.count("SELECT COUNT(*) FROM job WHERE state = 'done'") == 1);
    recorded_whole(&world, &["went on".into()]);
}

#[test]
fn the_death_of_a_worker_that_an_earlier_supervisor_started_is_noticed_at_once() {
    let mut world = World::new();
    world.configure("[workers]\ncount = 1\n");
    // Nobody looks without being told: between two looks are a hundred seconds.
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "100".into()));
    let up = world.up();
    assert_eq!(world.run(&["ask", "--no-wait", "[[sleep: 3]] [[say: went on]]"]).code, Some(0));
    let look = Look::into(&world);
    wait_until("it runs", LONG, || look.held().len() == 1);
    kill_9(up.pid());
    drop(up);
    let _up = world.up();
    let holder = look.held().remove(0);
    kill_9(holder.pid);
    let killed = std::time::Instant::now();
    wait_until("its successor holds the run", LONG, || {
        look.held().first().is_some_and(|held| held.run == holder.run && held.by != holder.by)
    });
    eprintln!("death to attached under a new supervisor: {:.1?}", killed.elapsed());
    wait_until("it is done", LONG, || look.count("SELECT COUNT(*) FROM job WHERE state = 'done'") == 1);
    recorded_whole(&world, &["went on".into()]);
}

#[test]
fn a_run_whose_worker_died_is_attached_to_though_no_worker_can_be_started_in_its_place() {
    let mut world = World::new();
    let _up = world.up();
    assert_eq!(world.run(&["ask", "--no-wait", "[[sleep: 1]] [[say: went on]]"]).code, Some(0));
    let look = Look::into(&world);
    wait_until("it runs", LONG, || look.held().len() == 1);
    // Who starts from now on refuses; the other two workers are as well as before.
    world.configure("[nonsense]\n");
    let holder = look.held().remove(0);
    kill_9(holder.pid);
    let killed = std::time::Instant::now();
    wait_until("another holds the run", LONG, || {
        look.held().first().is_some_and(|held| held.run == holder.run && held.by != holder.by)
    });
    eprintln!("death to attached where others are idle: {:.1?}", killed.elapsed());
    wait_until("it is done", LONG, || look.count("SELECT COUNT(*) FROM job WHERE state = 'done'") == 1);
    recorded_whole(&world, &["went on".into()]);
}
