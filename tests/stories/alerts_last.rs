//! The last road: what is told when nothing of the system works any more, and what is told by silence. Real times are measured
//! and printed (`--nocapture`).

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::{locked::Foreign, starting::install};
use crate::world::{LONG, Roads, SECRETS, SWITCH_PATH, kill_9, wait_until, write_script};

/// What is promised.
const PROMISED: Duration = Duration::from_mins(2);

#[test]
fn with_bot_workers_and_console_dead_and_the_database_locked_the_alert_arrives_within_120_s() {
    let roads = Roads::start();
    let world = roads.world("1", "");
    let _up = world.up();
    let posts = [("bot", 0), ("console", 0), ("worker", 1), ("worker", 2), ("worker", 3)];
    let pids = posts.map(|(role, slot)| world.pid(role, slot));
    let _foreign = Foreign::lock(&world);
    let began = Instant::now();
    for pid in pids {
        kill_9(pid);
    }
    for needle in [
        "agentlab: bot is dead or hangs",
        "agentlab: console is dead or hangs",
        "no worker has been ready",
        "The database is locked",
    ] {
        for (channel, after) in roads.wait_for_all(needle, began, PROMISED) {
            eprintln!("{needle:?}: {channel} after {:.1} s", after.as_secs_f64());
            assert!(after < PROMISED);
        }
    }
}

#[test]
fn with_everybody_dead_but_the_console_and_the_database_locked_the_alert_arrives() {
    let roads = Roads::start();
    let world = roads.world("0.1", "");
    let up = world.up();
    let pids = [("bot", 0), ("worker", 1), ("worker", 2), ("worker", 3)].map(|(role, slot)| world.pid(role, slot));
    let _foreign = Foreign::lock(&world);
    let began = Instant::now();
    up.signal(Signal::SIGSTOP);
    pids.into_iter().for_each(kill_9);
    roads.wait_for_all("stands still", began, LONG);
}

/// How often the switch was told this, with `None` for the plain address.
fn told(roads: &Roads, what: Option<&str>) -> usize {
    let path = what.map_or(format!("/{SWITCH_PATH}"), |what| format!("/{SWITCH_PATH}/{what}"));
    roads.switch.got().iter().filter(|got| got.path == path).count()
}

#[test]
fn the_dead_mans_switch_hears_that_we_live_until_the_loop_that_keeps_the_posts_stands() {
    let roads = Roads::start();
    let mut world = roads.world("0.02", "");
    let frozen = world.path("frozen");
    let unarmed = world.path("frozen.spent");
    std::fs::write(&unarmed, "").unwrap();
    world.env.push(("AGENTLAB_TEST_FREEZE_AT".into(), format!("posts-pass:{}", frozen.display())));
    let up = world.up();
    wait_until("it hears that we live", LONG, || told(&roads, None) >= 3);
    assert_eq!(told(&roads, Some("start")), 1);
    // The process goes on, and its keeping does not.
    std::fs::remove_file(&unarmed).unwrap();
    wait_until("the loop stands", LONG, || frozen.exists());
    let warned = || crate::world::logs(&world).matches("the dead man's switch is not told that we live").count();
    wait_until("the switch is not told", LONG, || warned() >= 1);
    let before = told(&roads, None);
    wait_until("it goes on like this", LONG, || warned() >= 4);
    assert_eq!(told(&roads, None), before);
    std::fs::remove_file(&frozen).unwrap();
    wait_until("it hears of us again", LONG, || told(&roads, None) + told(&roads, Some("fail")) > before + 1);
    // A supervisor that stands still tells nobody anything.
    up.signal(Signal::SIGSTOP);
    let (before, stopped) = (roads.switch.got().len(), Instant::now());
    roads.wait_for_all("stands still", stopped, LONG);
    assert_eq!(roads.switch.got().len(), before);
    up.signal(Signal::SIGCONT);
}

#[test]
fn what_is_critical_is_told_to_the_dead_mans_switch_with_its_words_for_as_long_as_it_lasts() {
    let roads = Roads::start();
    let world = roads.world("0.05", "disk_percent = 1");
    let _up = world.up();
    let fail = format!("/{SWITCH_PATH}/fail");
    let got = roads.switch.wait_for("what is wrong", LONG, |got| got.path == fail);
    assert!(got.verb == "POST" && got.body.contains("the disk of the home is"), "{got:?}");
    wait_until("it is told again", LONG, || told(&roads, Some("fail")) >= 3);
    assert_eq!(told(&roads, None), 0, "that we live would say that all is well");
}

#[test]
fn the_diagnosis_of_what_does_not_start_goes_along_and_what_is_below_a_channels_least_severity_does_not_go_there() {
    let roads = Roads::start();
    let mut world = roads.world("0.1", "desktop_least = 'critical'");
    let real = std::mem::take(&mut world.program);
    world.program = world.path("bin/agentlab");
    install(&real, &world.program);
    let _up = world.up();
    let first = world.pid("console", 0);
    let release = world.path("release");
    let text = "#!/bin/sh\nif [ \"$1\" = console ]; then echo 'panicked: no {SECRET} here' >&2; exit 101; fi\nexec {REAL} \"$@\"\n";
    let text = text.replace("{SECRET}", SECRETS[1]).replace("{REAL}", &real.display().to_string());
    write_script(&release, &text);
    install(&release, &world.program);
    let began = Instant::now();
    kill_9(first);
    let mail = roads.smtp.wait_for("the mail", LONG, |mail| mail.text().contains("console does not start"));
    let text = mail.text();
    for expected in
        ["Content-Disposition: attachment;", "\"diagnosis-2", "== versions", "== crash history", "[secret] here"]
    {
        assert!(text.contains(expected), "{expected:?} in {text}");
    }
    let sent = |method: &str| roads.api.requests().into_iter().find(|request| request.method == method);
    wait_until("the document is sent", LONG, || sent("sendDocument").is_some_and(|request| request.status == 200));
    let document = sent("sendDocument").unwrap().params["document"].clone();
    let known = document["file_name"].as_str().is_some_and(|name| name.starts_with("diagnosis-"));
    assert!(known && document["length"].as_u64().unwrap() > 1000, "{document}");
    for delivery in roads.deliveries() {
        assert!(SECRETS.iter().all(|secret| !delivery.text.contains(secret)), "{delivery:?}");
    }
    // A console that is away is a warning, and the desktop wants what is critical alone.
    wait_until("the webhook has both", LONG, || {
        !roads.with("webhook", "console does not start").is_empty()
            && !roads.with("webhook", "console is dead").is_empty()
    });
    assert!(roads.with("desktop", "console").iter().all(|delivery| delivery.at < began), "{:#?}", roads.deliveries());
}
