//! Hostile agents: whatever an agent leaves behind, closes, cuts off or kills, its task has the right outcome and
//! nothing of it is left.

use std::collections::BTreeMap;

use agentlab_platform::identity::marked;

use crate::world::{Giver, LONG, Look, World, few_or_many, wait_until, write_script};

/// What the agent does when the prompt is its name, and the outcome that this must have.
const WAYS: [(&str, &str, &str); 21] = [
    ("well", "answer", "succeeded"),
    ("leaves_children", "sleep $long & sleep $long & (sleep $long & sleep $long &); answer", "succeeded"),
    ("leaves_deaf_children", "\"$0\" deaf & \"$0\" deaf & answer", "succeeded"),
    ("leaves_sessions", "setsid sleep $long & setsid \"$0\" deaf & answer", "succeeded"),
    ("forks_twice_away", "(setsid sh -c \"setsid sleep $long & exit\" &) ; answer", "succeeded"),
    ("sheds_its_mark", "env -u AGENTLAB_RUN setsid sleep $long & env -i setsid /bin/sleep $long & answer", "succeeded"),
    ("forks_a_chain", "\"$0\" chain 60 & answer", "succeeded"),
    ("forks_a_chain_of_sessions", "setsid \"$0\" sessions 40 & answer", "succeeded"),
    ("stops_its_children", "sleep $long & kill -STOP $!; answer", "succeeded"),
    ("forks_without_end", "\"$0\" endless & answer", "succeeded"),
    ("forks_sessions_without_end", "setsid \"$0\" endless_sessions & answer", "succeeded"),
    ("closes_its_output", "answer; exec >&- 2>&- <&-; sleep 0.3; exit 0", "succeeded"),
    ("closes_its_output_and_lives_on", "exec >&- 2>&- <&-; trap '' INT TERM; while :; do sleep 1; done", "no_progress"),
    ("is_deaf_and_silent", "trap '' INT TERM HUP; \"$0\" deaf & while :; do sleep 1; done", "no_progress"),
    ("cuts_its_result", "printf '{\"type\":\"result\",\"subtype\":\"success\",\"is_err'", "crashed"),
    ("says_nothing", ":", "crashed"),
    ("exits_oddly", "exit 77", "crashed"),
    ("exits_oddly_after_its_answer", "answer; exit 255", "crashed"),
    ("kills_its_group", "sleep $long & kill -9 0; sleep $long", "crashed"),
    ("kills_itself", "setsid sleep $long & kill -9 $$", "crashed"),
    // Rare: it takes the disk's time.
    ("never_ends_its_line", "head -c 100000000 /dev/zero | tr '\\0' x; answer", "crashed"),
];
/// How many of the last way there are among all.
const RARE: usize = 2;

/// The agent: a shell that does what its prompt names.
fn hostile(world: &mut World) {
    let script = world.path("bin/hostile.sh");
    let ways = WAYS.map(|(name, does, _)| format!("{name}) {does} ;;\n")).concat();
    let result = r#"{"type":"result","subtype":"success","is_error":false,"result":"%s","total_cost_usd":0.01}\n"#;
    // Known by its length: what sheds its environment is found by that.
    let long = long();
    let text = format!(
        "#!/bin/sh
long={long}
answer() {{ printf '{result}' \"$way\"; }}
case \"$1\" in
deaf) trap '' INT TERM HUP QUIT; while :; do sleep 1; done ;;
chain) [ \"$2\" -gt 0 ] && \"$0\" chain $(($2 - 1)) & [ \"$2\" -gt 0 ] || sleep $long; exit ;;
endless) \"$0\" endless & exit ;;
endless_sessions) setsid \"$0\" endless_sessions & exit ;;
sessions) [ \"$2\" -gt 0 ] && setsid \"$0\" sessions $(($2 - 1)) & [ \"$2\" -gt 0 ] || sleep $long; exit ;;
esac
read -r way
case \"$way\" in
{ways}esac
"
    );
    write_script(&script, &text);
    // A minute of silence becomes six seconds.
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.1".into()));
    world.project("p");
    world.configure(&format!(
        "[agent]\ncommand = '{}'\nno_progress_minutes = 1\n[retry]\nmax_attempts = 1\n[workers]\ncount = 8\n\
         [projects.p]\npath = '{}'\nisolation = 'none'\n",
        script.display(),
        world.path("p").display()
    ));
}

/// How long what is left behind would sleep, in seconds: a number of this process alone.
fn long() -> String {
    format!("600.{:07}", std::process::id())
}

/// Whoever sleeps so long, whatever its environment.
#[cfg(target_os = "linux")]
fn sleepers() -> usize {
    let long = long();
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let commands = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    commands.filter(|command| command.split(|byte| *byte == 0).any(|word| word == long.as_bytes())).count()
}

/// Elsewhere the environment must do.
#[cfg(not(target_os = "linux"))]
fn sleepers() -> usize {
    0
}

#[test]
fn whatever_an_agent_does_its_task_has_the_right_outcome_and_nothing_of_it_is_left() {
    let mut world = World::new();
    hostile(&mut world);
    let up = world.up();
    let tasks = few_or_many(100, 1_000);
    let ways: Vec<_> = (0..tasks).map(|n| WAYS[if n < RARE { WAYS.len() - 1 } else { n % (WAYS.len() - 1) }]).collect();
    let mut giver = Giver::of(&world, "p");
    for (way, ..) in &ways {
        giver.give((*way).to_owned());
    }
    let look = Look::into(&world);
    let open = || look.count("SELECT COUNT(*) FROM job WHERE ended_at IS NULL");
    let limit = LONG * u32::try_from(tasks.div_ceil(100)).unwrap();
    wait_until("every task has an outcome", limit, || open() == 0);
    let runs: Vec<(String, String, String)> =
        look.rows("SELECT job.prompt, run.outcome, run.id FROM run JOIN job ON job.id = run.job_id");
    assert_eq!(runs.len(), tasks, "each ran once");
    let expected: BTreeMap<&str, &str> = WAYS.iter().map(|(way, _, outcome)| (*way, *outcome)).collect();
    let wrong: Vec<_> = runs.iter().filter(|(way, outcome, _)| expected[way.as_str()] != outcome).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(look.count("SELECT COUNT(*) FROM v_owed"), 0);
    // The shim's last breath comes after its word.
    wait_until("nothing of a run is left", LONG, || {
        runs.iter().all(|(.., run)| marked(&format!("AGENTLAB_RUN={run}")).unwrap().is_empty())
    });
    assert_eq!(up.stop().code, Some(0));
    assert_eq!(world.living(), [], "nothing of this world is left, which they carry who shed the run's mark alone");
    assert_eq!(sleepers(), 0, "nor anybody who shed both");
}
