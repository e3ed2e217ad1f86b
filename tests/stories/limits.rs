//! Rate limits: what one person may ask for in a minute, whatever is restarted in between.

use agentlab_stand_ins::BotApi;

use crate::world::{ANN, LONG, World, wait_until};

const BOB: i64 = 7002;

fn refused(api: &BotApi) -> Vec<String> {
    let texts = api.messages(ANN).into_iter().map(|message| message.text);
    texts.filter(|text| text.starts_with("Too much at once")).collect()
}

#[test]
fn of_forty_messages_in_a_minute_thirty_run_and_ten_are_told_when_to_try_again_also_across_a_restart() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    world.env.push(("AGENTLAB_TELEGRAM__ALLOWED_USERS".into(), format!("[{ANN}, {BOB}]")));
    world.configure(&format!("[projects.p]\npath = '{}'\nisolation = 'none'\n", world.project("p").display()));
    let up = world.up();
    // In several chats, since each one is answered at its own pace; the limit is the person's.
    let chats = [9001, 9002, 9003, 9004, 9005, 9006];
    let say = |n: usize| api.user_says(chats[n % 6], ANN, &format!("[[say: answer-{n}.]]"));
    for n in 0..20 {
        say(n);
    }
    wait_until("twenty are taken", LONG, || world.count("SELECT COUNT(*) FROM job") == 20);
    assert_eq!(up.stop().code, Some(0));
    for n in 20..30 {
        say(n);
    }
    for n in 30..40 {
        api.user_says(ANN, ANN, &format!("[[say: answer-{n}.]]"));
    }
    api.user_says(ANN, ANN, "/status");
    api.user_says(BOB, BOB, "[[say: Bob is served]]");
    let _up = world.up();
    api.wait_for_text(ANN, "Spent today", LONG);
    assert!(refused(&api).len() < 10, "it did not wait for what was before it: {}", api.transcript(ANN));
    api.wait_for_text(BOB, "Bob is served", LONG);
    for n in 0..30 {
        api.wait_for_text(chats[n % 6], &format!("answer-{n}."), LONG);
    }
    wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
    let (told, by) = (refused(&api), |word: &str| {
        world.count(&format!("SELECT COUNT(*) FROM telegram_update WHERE user_id = {ANN} AND decision = '{word}'"))
    });
    assert_eq!((by("job"), by("command"), told.len()), (30, 1, 10), "{}", api.transcript(ANN));
    for text in told {
        let seconds = text.strip_suffix(" s.").and_then(|text| text.rsplit(' ').next()?.parse::<u32>().ok());
        assert!(seconds.is_some_and(|seconds| (1..=60).contains(&seconds)), "{text}");
    }
    assert_eq!(world.count(&format!("SELECT COUNT(*) FROM job WHERE user_id = {ANN}")), 30);
    let answers: Vec<_> = api.messages(ANN).into_iter().filter(|message| message.text.contains("answer-")).collect();
    assert!(answers.is_empty(), "what was refused was not done: {answers:?}");
}

#[test]
fn whoever_is_over_the_limit_still_stops_looks_and_edits() {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    world.configure("[rate]\nper_minute = 2\nper_hour = 2\n");
    let _up = world.up();
    api.user_says(ANN, ANN, "[[tool: Bash forever]] [[hang]]");
    let second = api.user_says(ANN, ANN, "[[say: as written]]");
    api.user_says(ANN, ANN, "[[say: too much]]");
    let told = api.wait_for_text(ANN, "Too much at once", LONG);
    assert!(told.text.contains("2 tasks an hour are taken") && told.text.ends_with(" min."), "{}", told.text);
    assert_eq!(told.reply_to, Some(second.message_id + 1), "a reply to the message that was not taken");
    api.user_edits(ANN, second.message_id, "[[say: as edited]]");
    for (command, answer) in
        [("/start", "Send me a task"), ("/help", "Any message is a task"), ("/status", "1 running")]
    {
        api.user_says(ANN, ANN, command);
        api.wait_for_text(ANN, answer, LONG);
    }
    let running = api.wait_for_text(ANN, "Bash: forever", LONG);
    api.user_presses(ANN, ANN, running.message_id, "stop:1");
    api.wait_for_text(ANN, "as edited", LONG);
    assert_eq!(world.count("SELECT COUNT(*) FROM job"), 2);
}
