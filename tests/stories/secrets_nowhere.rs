//! No secret is to be found anywhere but where it was configured: each kind has a token of its own, each goes through the errors that
//! can be provoked from outside, and then everything that was written, sent, printed or answered is searched.
//!
//! What an agent or a check printed itself is kept as it was printed, for who may read the home: in its own three kinds of files.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use agentlab_stand_ins::{bot_api::Fault, receiver::Manner, smtp::Conduct};

use crate::world::{ANN, LONG, Roads, SECRETS, World, kill_9, logs, wait_until, write_script};

const KEY: &str = "sk-ant-9876543210-fedcba9876543210";
/// The password as it is sent to a mail server: with the name before it, and alone, in base64.
const SENT: [&str; 2] = ["AGFubgBtYWlsLXBhc3N3b3JkLTE=", "bWFpbC1wYXNzd29yZC0x"];
/// What of a run is its agent's and its checks' own output.
const ITS_OWN: [&str; 3] = ["events.jsonl", "stderr.txt", "checks"];
const PAGES: [&str; 15] = [
    "/",
    "/jobs",
    "/jobs/1",
    "/jobs/2",
    "/processes",
    "/charts",
    "/recovery",
    "/api/status",
    "/api/jobs",
    "/api/jobs/1",
    "/api/jobs/1/events",
    "/api/jobs/2/events",
    "/health",
    "/ready",
    "/metrics",
];
const VERBS: [&[&str]; 12] = [
    &["status"],
    &["doctor"],
    &["jobs", "--all"],
    &["job", "1"],
    &["job", "2"],
    &["logs"],
    &["logs", "1"],
    &["logs", "2"],
    &["alerts"],
    &["alerts", "test"],
    &["backup", "now"],
    &["sql", "SELECT * FROM v_outbox"],
];

/// All that was seen, and where.
#[derive(Default)]
struct Seen(Vec<(String, Vec<u8>)>);

impl Seen {
    fn add(&mut self, place: impl Into<String>, text: impl Into<Vec<u8>>) {
        self.0.push((place.into(), text.into()));
    }

    /// What a verb prints, for people and as JSON.
    fn verb(&mut self, world: &World, verb: &[&str]) {
        for words in [verb.to_vec(), [&["--json"], verb].concat()] {
            let ended = world.run(&words);
            self.add(format!("agentlab {}", words.join(" ")), format!("{}\n{}", ended.stdout, ended.stderr));
        }
    }

    /// Every file below, by name and content.
    fn files(&mut self, folder: &Path, but: &dyn Fn(&Path) -> bool) {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| !but(path)) {
            self.add(format!("the name of {}", path.display()), path.display().to_string());
            match std::fs::symlink_metadata(&path).unwrap().file_type() {
                kind if kind.is_dir() => self.files(&path, but),
                kind if kind.is_file() => self.add(path.display().to_string(), std::fs::read(&path).unwrap()),
                _ => {}
            }
        }
    }

    /// Where one of these is.
    fn with(&self, secrets: &[String]) -> Vec<String> {
        let has = |bytes: &[u8], secret: &str| bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
        let all = self.0.iter().flat_map(|(place, bytes)| secrets.iter().map(move |secret| (place, bytes, secret)));
        all.filter(|(_, bytes, secret)| has(bytes, secret))
            .map(|(place, _, secret)| format!("{secret} in {place}"))
            .collect()
    }
}

/// Asks over HTTP; returns head and body.
fn curl(world: &World, path: &str, more: &[&str]) -> String {
    let address = format!("http://127.0.0.1:{}{path}", world.port);
    let output = Command::new("curl").args(["-sS", "-i", "--max-time", "20"]).args(more).arg(address).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// An agent that says its key wherever `@KEY@` stands in the task, and is out of order while `refuse` is there.
fn agent(world: &World) -> PathBuf {
    let (script, refuse) = (world.path("bin/rehearse.sh"), world.path("refuse"));
    let program = env!("CARGO_BIN_EXE_agentlab");
    let text = format!(
        "#!/bin/sh\nif [ -e {} ]; then echo \"no: $ANTHROPIC_API_KEY\" >&2; echo \"key $ANTHROPIC_API_KEY\"; exit 3; fi\n\
         sed \"s/@KEY@/$ANTHROPIC_API_KEY/g\" | {program} rehearse \"$@\"\n",
        refuse.display()
    );
    write_script(&script, &text);
    refuse
}

/// Logins: a link that is used, used again, looked at, and brought by a stranger's name; a cookie that is good and one that is not.
fn logins(world: &World, seen: &mut Seen) -> [String; 2] {
    let link = world.run(&["page"]).stdout.trim().to_owned();
    let path = format!("/login{}", &link[link.find('?').unwrap()..]);
    let link = path.split_once('=').unwrap().1.to_owned();
    seen.add("a login by a stranger's name", curl(world, &path, &["-H", "Host: evil.example"]));
    seen.add("a link that is looked at", curl(world, &path, &["-I"]));
    let answer = curl(world, &path, &[]);
    let cookie = answer.split("set-cookie: ").nth(1).unwrap().split(';').next().unwrap().to_owned();
    let login = cookie.split_once('=').unwrap().1.to_owned();
    seen.add("a link used twice", curl(world, &path, &[]));
    seen.add("a form from nowhere", curl(world, "/api/jobs", &["-H", &format!("Cookie: {cookie}"), "-d", "{}"]));
    seen.add("a cookie in an address", curl(world, &format!("/jobs?{cookie}"), &["-X", "POST"]));
    for page in PAGES {
        let answer = curl(world, page, &["-H", &format!("Cookie: {cookie}")]);
        assert!(answer.starts_with("HTTP/1.1 200"), "{page}: {answer}");
        seen.add(page, answer);
    }
    [link, login]
}

#[test]
fn after_every_error_no_secret_is_found_but_where_it_was_configured() {
    let roads = Roads::start();
    let mut world = roads.world("0.3", "bot_down_minutes = 1");
    let refuse = agent(&world);
    world.configure(&format!("[agent.env]\nANTHROPIC_API_KEY = '{KEY}'\n[retry]\nmax_attempts = 1\n"));
    let config = world.home().join("config.toml");
    let (mut seen, mut secrets) = (Seen::default(), SECRETS.map(str::to_owned).to_vec());
    let token = roads.api.token();
    secrets.extend([KEY.to_owned(), token.clone()].into_iter().chain(SENT.map(str::to_owned)));

    // Servers that repeat what they got.
    let all = format!("{{\"code\": 1, \"message\": \"{token} {}\", \"all\": \"{0}\"}}", secrets.join(" "));
    for road in [&roads.sms, &roads.hook, &roads.switch] {
        road.set(Manner::Answer(500, all.clone()));
    }
    // Half of one is a secret too.
    secrets.extend([KEY[..16].to_owned(), KEY[KEY.len() - 12..].to_owned()]);
    roads.smtp.set(Conduct::NoSuchUser);
    let refusal = |code| Fault::Status { code, description: format!("no {token}") };
    roads.api.fail_next("getUpdates", refusal(500), 2);
    roads.api.fail_next("sendMessage", refusal(500), 1);
    let up = world.up();

    // An agent that prints its key: whole, cut at every place, in its answer; then one that does nothing else.
    let cut: Vec<String> =
        (20..100).step_by(6).map(|pad| format!("[[tool: Bash {}@KEY@ ]]", "x".repeat(pad))).collect();
    let cut = cut.join(" ");
    roads.api.user_says(ANN, ANN, &format!("[[tool: Bash use @KEY@ now]] {cut} [[say: it is @KEY@.]] [[env]]"));
    let ended = |number: i64| {
        let over = format!("SELECT COUNT(*) FROM job WHERE number = {number} AND ended_at IS NOT NULL");
        wait_until("it is over", LONG, || world.count(&over) == 1);
        wait_until("nothing is owed", LONG, || world.count("SELECT COUNT(*) FROM v_owed") == 0);
    };
    ended(1);
    std::fs::write(&refuse, "").unwrap();
    roads.api.fail_next("sendMessage", refusal(400), 1);
    roads.api.user_says(ANN, ANN, "crash");
    ended(2);

    secrets.extend(logins(&world, &mut seen));

    // A configuration that is wrong beside a secret, and in one; read by who starts anew at this moment.
    let right = std::fs::read_to_string(&config).unwrap();
    let worker = world.pid("worker", 1);
    for (nth, wrong) in [
        right.replace(&format!("'{token}'"), &token),
        right.replace(&format!("'{KEY}'"), &format!("['{KEY}']")),
        right.replace("[retry]", "[retryy]"),
        format!("{right}\n[agent]\nenv = '{KEY}'\n"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_ne!(wrong, right);
        std::fs::write(&config, wrong).unwrap();
        if nth == 0 {
            kill_9(worker);
        }
        for verb in [&["status"][..], &["doctor"], &["alerts", "test"], &["worker", "--slot", "3"], &["up"]] {
            seen.verb(&world, verb);
        }
    }
    std::fs::write(&config, &right).unwrap();
    wait_until("its death is noted", LONG, || world.count("SELECT COUNT(*) FROM v_crashes") > 0);
    for verb in VERBS {
        seen.verb(&world, verb);
    }
    let stopped = up.stop();
    seen.add("up", format!("{}\n{}", stopped.stdout, stopped.stderr));

    // Nobody is there, and one who speaks no TLS.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for (scheme, address) in [("http", nobody), ("https", roads.hook.url().replace("http://", ""))] {
        let given = [
            ("AGENTLAB_ALERTS__WEBHOOK__URL", format!("{scheme}://{address}/{}", SECRETS[3])),
            ("AGENTLAB_ALERTS__DEAD_MANS_SWITCH_URL", format!("{scheme}://{address}/{}", SECRETS[4])),
            ("AGENTLAB_ALERTS__SMS__API_URL", format!("{scheme}://{address}")),
            ("AGENTLAB_TELEGRAM__API_URL", format!("{scheme}://{address}")),
            ("AGENTLAB_ALERTS__EMAIL__SMTP_URL", format!("smtps://ann:{}@{address}", SECRETS[0])),
        ];
        world.env.extend(given.map(|(name, value)| (name.to_owned(), value)));
        let up = world.up();
        wait_until("the bot cannot reach Telegram", LONG, || logs(&world).contains("error sending request"));
        for verb in [&["status"][..], &["doctor"], &["alerts", "test"], &["alerts"], &["logs"]] {
            seen.verb(&world, verb);
        }
        let stopped = up.stop();
        seen.add("up without anybody", format!("{}\n{}", stopped.stdout, stopped.stderr));
    }
    for request in roads.api.requests() {
        seen.add(format!("the chat, {}", request.method), request.params.to_string());
    }
    for delivery in roads.deliveries() {
        seen.add(delivery.channel, delivery.text);
    }
    let runs = world.home().join("runs");
    let kept = |path: &Path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name == "config.toml" || path.starts_with(&runs) && ITS_OWN.contains(&name.as_str())
    };
    seen.files(&world.home(), &kept);
    // The agent's own memory is the agent's.
    seen.files(&world.path("user"), &|path| path.ends_with(".claude"));

    let found = seen.with(&secrets);
    assert!(found.is_empty(), "{} places: {found:#?}", found.len());
    // That it was searched where there is something to find.
    for (told, least) in [("[secret]", 20), ("the run is over", 1), ("somebody logged in", 1), ("no: [secret]", 3)] {
        let places = seen.with(&[told.to_owned()]);
        assert!(places.len() >= least, "{told}: {places:#?}");
    }
}
