//! Alerts by every road: each arrives though others are dead or hang, shows no secret, and is not repeated; and what a person sees
//! of them.

use std::time::{Duration, Instant};

use agentlab_stand_ins::{BotApi, bot_api::Fault, receiver::Manner, smtp::Conduct};
use serde_json::Value;

use crate::world::{ANN, LONG, Roads, SECRETS, World, kill_9, logs, wait_until};

fn clean(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[test]
fn a_test_alert_goes_through_every_channel_and_says_what_each_answered() {
    let roads = Roads::start();
    let world = roads.world("1", "");
    let ended = world.run(&["alerts", "test"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for channel in roads.channels() {
        assert_eq!(roads.with(channel, "agentlab: this is a test.").len(), 1, "{channel}");
        assert!(ended.stdout.contains(&format!("ok   {channel}: to ")), "{ended:?}");
    }
    assert!(!world.home().join("agentlab.db").exists(), "no database is needed");
    let mail = &roads.smtp.mails()[0];
    assert!(mail.authenticated && mail.from == "agentlab@example.org" && mail.to == ["ann@example.org"], "{mail:?}");
    let sms = &roads.sms.got()[0];
    assert_eq!((sms.verb.as_str(), sms.path.as_str()), ("POST", "/2010-04-01/Accounts/AC1/Messages.json"));
    assert!(sms.body.contains("To=%2B4915112345678") && sms.body.contains("From=%2B15550001"), "{sms:?}");
    assert!(sms.authorization.as_deref().is_some_and(|words| words.starts_with("Basic ")), "{sms:?}");
    let hook = &roads.hook.got()[0];
    assert_eq!(hook.authorization.as_deref(), Some("Bearer hook-secret-0123456789"));
    let body: Value = serde_json::from_str(&hook.body).unwrap();
    for (key, expected) in [("rule", "recovery_action"), ("severity", "info"), ("key", "test")] {
        assert_eq!(body[key], expected, "{body}");
    }
    assert!(
        body["resolved"] == false && body["host"].is_string() && body["at"].as_str().unwrap().ends_with('Z'),
        "{body}"
    );

    // Each may fail in its own way, and the others are tried all the same.
    roads.api.fail_next(
        "sendMessage",
        Fault::Status { code: 403, description: format!("no {}", roads.api.token()) },
        1,
    );
    roads.smtp.set(Conduct::NoSuchUser);
    let answer = format!("{{\"code\": 20003, \"message\": \"Authenticate {}\"}}", SECRETS[1]);
    roads.sms.set(Manner::Answer(401, answer));
    roads.hook.set(Manner::Drop);
    let ended = world.run(&["--json", "alerts", "test"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    clean(&format!("{}{}", ended.stdout, ended.stderr));
    let said: Vec<Value> = serde_json::from_str(&ended.stdout).unwrap();
    let of =
        |channel: &str| said.iter().find(|said| said["channel"] == channel).unwrap()["error"].as_str().unwrap_or("");
    assert!(of("telegram").contains("403 Forbidden no [secret]"), "{said:?}");
    assert!(of("email").contains("no such user"), "{said:?}");
    assert!(of("sms").contains("401 Unauthorized Authenticate [secret] (20003)"), "{said:?}");
    assert!(of("webhook").contains("error sending request"), "{said:?}");
}

#[test]
fn whatever_a_mail_server_does_is_an_error_with_words_and_without_the_password() {
    let roads = Roads::start();
    let mut world = World::new();
    world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.05".into()));
    let address = roads.smtp.address();
    world.configure(&format!(
        "[alerts.email]\nsmtp_url = 'smtp://ann:{}@{address}'\nfrom = 'a@example.org'\nto = 'b@example.org'\n",
        SECRETS[0]
    ));
    let tried = |world: &World| {
        let ended = world.run(&["alerts", "test"]);
        clean(&format!("{ended:?}"));
        (ended.code, ended.stdout)
    };
    for (conduct, words) in [
        (Conduct::Refuse, "554"),
        (Conduct::Hang, "it did not answer within"),
        (Conduct::HangAfterData, "it did not answer within"),
        (Conduct::Drop, "BAD  email"),
        (Conduct::NoSuchUser, "550"),
    ] {
        roads.smtp.set(conduct);
        let (code, said) = tried(&world);
        assert!(code == Some(1) && said.contains(words), "{conduct:?}: {said}");
    }
    // A wrong password, which the server repeats; and encryption that is wanted and not to be had: nothing is said in the clear.
    for (url, conduct) in [
        (format!("smtp://ann:not-{}@{address}", SECRETS[0]), Conduct::Well),
        (format!("smtp://ann:{}@{address}?tls=required", SECRETS[0]), Conduct::Well),
        (format!("smtp://ann:{}@{address}?tls=required", SECRETS[0]), Conduct::BrokenTls),
    ] {
        roads.smtp.set(conduct);
        let before = roads.smtp.commands().len();
        world.env.push(("AGENTLAB_ALERTS__EMAIL__SMTP_URL".into(), url.clone()));
        let (code, said) = tried(&world);
        assert!(code == Some(1) && said.contains("BAD  email"), "{said}");
        let commands = roads.smtp.commands().split_off(before);
        assert!(!url.contains("tls") || !commands.iter().any(|command| command == "AUTH"), "{commands:?}");
    }
    assert!(roads.smtp.mails().is_empty());
}

#[test]
fn one_channel_that_is_dead_and_one_that_hangs_delay_no_other_and_have_it_when_they_are_back() {
    let roads = Roads::start();
    let world = roads.world("0.1", "bot_down_minutes = 60");
    roads.smtp.set(Conduct::Hang);
    roads.hook.set(Manner::Hang);
    roads.sms.set(Manner::Answer(500, "oops".into()));
    let up = world.up();
    let needle = "the supervisor is dead";
    let needle = needle.trim_start_matches("the ");
    kill_9(up.pid());
    let killed = Instant::now();
    roads.api.wait_for_text(ANN, "agentlab's supervisor is dead", LONG);
    wait_until("they are tried", LONG, || !roads.hook.got().is_empty() && roads.sms.got().len() > 1);
    eprintln!("telegram had it after {:.1?}, two other channels hang and one is out of order", killed.elapsed());
    for channel in ["email", "sms", "webhook"] {
        assert!(roads.with(channel, needle).is_empty(), "{channel}");
    }
    let listed = world.run(&["alerts"]).stdout;
    assert!(listed.contains("telegram took it last at") && listed.contains("sms did not take it: 500"), "{listed}");
    roads.smtp.set(Conduct::Well);
    roads.hook.set(Manner::Answer(200, String::new()));
    roads.sms.set(Manner::Answer(201, "{}".into()));
    roads.wait_for_all(needle, killed, LONG);
    // Bot and console both know it, and each channel had it once.
    for channel in roads.channels() {
        assert_eq!(roads.with(channel, needle).len(), 1, "{channel}: {:#?}", roads.deliveries());
    }
    // Another supervisor: that it is over goes everywhere too, once.
    let back = Instant::now();
    let _up = world.up();
    roads.wait_for_all("the supervisor is well again", back, LONG);
    for channel in roads.channels() {
        assert_eq!(roads.with(channel, needle).len(), 1, "{channel}: {:#?}", roads.deliveries());
    }
    clean(&logs(&world));
    clean(&world.run(&["alerts"]).stdout);
    clean(&world.run(&["doctor"]).stdout);
}

#[cfg(target_os = "linux")]
#[test]
fn a_machine_without_a_desktop_is_no_error_unless_somebody_said_that_it_has_one() {
    let mut roads = Roads::start();
    let Some(desktop) = roads.desktop.as_mut() else { return };
    desktop.log_out();
    let bus = desktop.address().to_owned();
    for address in [None, Some(bus)] {
        let mut world = World::new();
        let address = address.into_iter().map(|address| ("DBUS_SESSION_BUS_ADDRESS".to_owned(), address));
        world.env.extend(address);
        let ended = world.run(&["alerts", "test"]);
        assert!(ended.code == Some(1) && ended.stdout.contains("none desktop: "), "{ended:?}");
        assert!(ended.stderr.contains("nobody would be told: set telegram.token"), "{ended:?}");
        world.configure("[alerts]\ndesktop = true\n");
        let ended = world.run(&["alerts", "test"]);
        assert!(ended.code == Some(1) && ended.stdout.contains("BAD  desktop: "), "{ended:?}");
    }
}

#[test]
fn what_telegram_does_not_take_shows_no_token_wherever_it_is_shown() {
    let api = BotApi::start();
    for (fault, words) in [
        (Fault::TooManyRequests { retry_after: 9 }, "429 Too Many Requests"),
        (Fault::Server(502), "502 Bad Gateway"),
        (Fault::DropConnection, "connection"),
        (Fault::Hang, "did not answer within"),
    ] {
        let mut world = World::with_bot(&api);
        world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), "0.1".into()));
        api.fail_next("sendMessage", fault.clone(), 1);
        let ended = world.run(&["alerts", "test"]);
        assert!(ended.code == Some(1) && ended.stdout.contains(words), "{fault:?}: {ended:?}");
        clean(&format!("{ended:?}"));
    }
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for url in [format!("http://{nobody}"), "http://[".to_owned(), "no address".to_owned()] {
        let mut world = World::new();
        world.configure(&format!(
            "[telegram]\ntoken = '123:TEST-token-secret'\napi_url = '{url}'\nallowed_users = [{ANN}]\n"
        ));
        let ended = world.run(&["alerts", "test"]);
        assert!(ended.code == Some(1) && ended.stdout.contains("BAD  telegram"), "{ended:?}");
        clean(&format!("{ended:?}"));
    }
}

#[test]
fn of_an_alert_at_whose_turn_somebody_stands_still_the_others_hear_all_the_same() {
    let roads = Roads::start();
    let world = roads.world("0.1", "");
    let up = world.up();
    let home = agentlab_platform::home::Home::at(world.home()).unwrap();
    // As a process that was stopped while it sent.
    let mode = agentlab_platform::lock::Mode::Exclusive;
    let _turn = agentlab_platform::lock::Lock::try_take(&home.lock("alert-telegram"), mode).unwrap().unwrap();
    kill_9(up.pid());
    roads.api.wait_for_text(ANN, "agentlab's supervisor is dead", Duration::from_secs(30));
}
