//! Secrets: what an agent or a check prints of them does not reach an answer, wherever answers are kept or sent.

use agentlab_stand_ins::BotApi;

use crate::world::{ANN, LONG, World, wait_until, write_script};

const KEY: &str = "sk-ant-0123456789-abcdef";
const LINE: &str = "MIIEpAIBAAKCAQEA0123456789";
const ORDINARY: &str = "/opt/things/that-are-no-secret";

#[test]
fn what_the_agent_its_checks_or_its_errors_print_of_a_secret_reaches_no_answer() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    let (path, refuse) = (world.project("shop"), world.path("refuse"));
    write_script(
        &world.path("bin/rehearse.sh"),
        &format!(
            "#!/bin/sh\nif [ -e {} ]; then echo \"no: $ANTHROPIC_API_KEY at $PLACE\" >&2; exit 3; fi\nexec {} rehearse \"$@\"\n",
            refuse.display(),
            env!("CARGO_BIN_EXE_agentlab")
        ),
    );
    world.configure(&format!(
        "[agent.env]\nANTHROPIC_API_KEY = '{KEY}'\nPLACE = '{ORDINARY}'\nPRIVATE_KEY = '''\nBEGIN\n{LINE}\n{LINE}\n'''\n\
         [retry]\nmax_attempts = 1\n"
    ));
    // The last one is cut in the middle of the key by the length of what is told.
    let (config, fill) = (world.home().join("config.toml"), 1_500 - 12);
    let checks = [
        "env | grep -v ^PATH; exit 1".to_owned(),
        format!("grep ^token {}; exit 1", config.display()),
        format!("printf %s $ANTHROPIC_API_KEY; printf %{fill}s x; exit 1"),
    ];
    world.configure(&format!("[projects.shop]\npath = '{}'\nchecks = {checks:?}\n", path.display()));
    let _up = world.up();
    let ended = |number: i64| {
        let state = format!("SELECT COUNT(*) FROM job WHERE number = {number} AND ended_at IS NOT NULL");
        wait_until("it is over", LONG, || world.count(&state) == 1);
        wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
    };
    api.user_says(ANN, ANN, &format!("[[tool: Bash use {KEY} now]] [[sleep: 3]] [[env]]"));
    api.wait_for_text(ANN, "Bash: use [secret] now", LONG);
    ended(1);
    std::fs::write(refuse, "").unwrap();
    api.user_says(ANN, ANN, "crash");
    ended(2);

    let token = api.token();
    let kept = format!("{:?}", world.sql("SELECT answer, reason FROM job ORDER BY number"));
    let owed = format!("{:?}", world.sql("SELECT body FROM outbox"));
    // What the bot said: a person may write what they want.
    let chat: String = api.messages(ANN).into_iter().map(|message| message.text + "\n").collect();
    for (place, text) in [("the job", kept), ("the outbox", owed), ("the chat", chat)] {
        for secret in [KEY, &KEY[KEY.len() - 12..], LINE, &token, token.split_once(':').unwrap().1] {
            assert!(!text.contains(secret), "{place} has {secret}: {text}");
        }
        for told in ["ANTHROPIC_API_KEY=[secret]", "token = '[secret]'", ORDINARY, "no: [secret] at"] {
            assert!(text.contains(told), "{place} has no {told}: {text}");
        }
    }
    // What the check printed itself is still there for who may read the home.
    let run = world.sql("SELECT run.id FROM run JOIN job ON job.id = run.job_id WHERE number = 1");
    let raw = world.home().join("runs").join(run[0]["id"].as_str().unwrap()).join("checks/1.txt");
    assert!(std::fs::read_to_string(raw).unwrap().contains(KEY));
}
