//! Logs go elsewhere: docs/shipping/rsyslog.conf, as it stands there, with the real rsyslog and a receiver of ours. Every line of a
//! task arrives, and once, also after a new day's file and a restart of the shipper.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use serde_json::Value;

use crate::world::{LONG, World, wait_until};

const PROGRAM: &str = "/usr/sbin/rsyslogd";

/// The shipper, until it is stopped.
struct Shipper(Child);

impl Shipper {
    fn start(world: &World, config: &Path) -> Self {
        // -n in the foreground, -i where its PID is written, -C without going to /.
        let child = Command::new(PROGRAM)
            .args(["-n", "-C", "-f"])
            .arg(config)
            .arg("-i")
            .arg(world.path("rsyslog.pid"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn stop(mut self) {
        let pid = nix::unistd::Pid::from_raw(self.0.id().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Shipper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whatever arrives, line by line.
fn receiver() -> (u16, Arc<Mutex<Vec<String>>>) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let got = Arc::clone(&lines);
    std::thread::spawn(move || {
        for from in server.incoming().map_while(Result::ok) {
            let got = Arc::clone(&got);
            std::thread::spawn(move || {
                for line in BufReader::new(from).lines().map_while(Result::ok) {
                    got.lock().unwrap().push(line);
                }
            });
        }
    });
    (port, lines)
}

/// Every line that stands in the logs now.
fn logged(world: &World) -> Vec<String> {
    let files = fs::read_dir(world.home().join("logs")).unwrap().filter_map(Result::ok).map(|entry| entry.path());
    let logs = files.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    let mut lines: Vec<String> = logs
        .flat_map(|path| fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    lines.sort();
    lines
}

#[test]
fn every_line_of_a_task_arrives_once_with_its_ids_also_after_a_new_file_and_a_restart() {
    if !Path::new(PROGRAM).exists() {
        assert!(std::env::var("AGENTLAB_REQUIRE_REAL").is_err(), "rsyslog is not installed");
        eprintln!("SKIPPED: rsyslog is not installed");
        return;
    }
    let world = World::new();
    assert_eq!(world.run(&["ask", "[[say: before the shipper]]"]).code, Some(0));
    let (port, got) = receiver();
    let (config, state) = (world.path("rsyslog.conf"), world.path("state"));
    fs::create_dir(&state).unwrap();
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/shipping/rsyslog.conf")).unwrap();
    let comments = |line: &&str| !line.starts_with('#');
    let text: String = text.lines().filter(comments).flat_map(|line| [line, "\n"]).collect();
    let text = text
        .replace("HOME_OF_AGENTLAB", &world.home().display().to_string())
        .replace("STATE", &state.display().to_string())
        .replace("TARGET", "127.0.0.1")
        .replace("PORT", &port.to_string());
    fs::write(&config, text).unwrap();
    let arrived = || {
        let mut lines = got.lock().unwrap().clone();
        lines.sort();
        lines
    };
    let all_arrive = |what: &str| wait_until(what, LONG, || arrived().len() >= logged(&world).len());
    let shipper = Shipper::start(&world, &config);
    all_arrive("what was there before arrives");
    assert_eq!(world.run(&["ask", "[[say: while it runs]]"]).code, Some(0));
    all_arrive("what is new arrives");
    // The next day's file, as the program would begin it at midnight.
    let tomorrow = r#"{"timestamp":"2099-01-01T00:00:00.000001Z","level":"INFO","request.id":"0123456789abcdef","fields":{"message":"a new day"},"target":"x"}"#;
    fs::write(world.home().join("logs/worker-1.2099-01-01.jsonl"), format!("{tomorrow}\n")).unwrap();
    all_arrive("a new file is found");
    shipper.stop();
    assert_eq!(world.run(&["ask", "[[say: while it is away]]"]).code, Some(0));
    let mut log =
        fs::OpenOptions::new().append(true).open(world.home().join("logs/worker-1.2099-01-01.jsonl")).unwrap();
    writeln!(log, "{}", tomorrow.replace("000001Z", "000002Z")).unwrap();
    let shipper = Shipper::start(&world, &config);
    all_arrive("what was written meanwhile arrives");
    shipper.stop();
    assert_eq!(arrived(), logged(&world), "each line once, and as it was");
    for number in 1..=3 {
        let id = world.sql(&format!("SELECT trace_id FROM job WHERE number = {number}"))[0]["trace_id"].clone();
        let of_it =
            arrived().iter().filter(|line| serde_json::from_str::<Value>(line).unwrap()["request.id"] == id).count();
        assert!(of_it >= 4, "{of_it} lines of request {id}");
    }
}
