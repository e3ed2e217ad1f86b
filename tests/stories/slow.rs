//! Whoever is slow keeps nobody else waiting: heads that trickle in, connections that say nothing, bodies that never come. What
//! goes on for long by nature, the events of a task, is not cut off.

use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use serde_json::json;

use super::console::{loopback, socket};
use crate::world::{LONG, World, wait_until};

/// Ten seconds in the world's time.
const HEAD: Duration = Duration::from_secs(3);

fn connect(world: &World) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", world.port)).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// Waits until the other end has closed it.
fn closed(mut stream: impl Read) -> bool {
    match stream.read(&mut [0; 64]) {
        Ok(bytes) => bytes == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

/// A crowd that asks for what takes long to write, and reads nothing: that is no hang of the console.
#[test]
fn a_crowd_that_asks_for_numbers_and_reads_none_keeps_the_console_turning() {
    let world = World::new();
    let up = world.up();
    let before = world.pid("console", 0);
    let requests = "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".repeat(100);
    let crowd: Vec<TcpStream> = (0..120)
        .map(|_| {
            let mut stream = connect(&world);
            stream.set_nonblocking(true).unwrap();
            let _ = stream.write(requests.as_bytes());
            stream
        })
        .collect();
    let asked = Instant::now();
    while asked.elapsed() < HEAD {
        assert_ne!(socket(&world, "GET", "/health", None).0, 0);
    }
    assert_eq!(world.pid("console", 0), before, "nobody ended it");
    drop(crowd);
    assert_eq!(world.count("SELECT COUNT(*) FROM crash WHERE kind = 'crash'"), 0);
    assert_eq!(up.stop().code, Some(0));
}

#[test]
fn idle_and_trickling_connections_fall_and_others_are_answered_meanwhile() {
    let world = World::new();
    let up = world.up();
    let trickling = connect(&world);
    let began = Instant::now();
    let trickle = std::thread::spawn({
        let mut stream = trickling.try_clone().unwrap();
        move || {
            for byte in b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" {
                if stream.write_all(&[*byte]).is_err() {
                    return;
                }
                std::thread::park_timeout(Duration::from_secs(1));
            }
        }
    });
    let idle: Vec<TcpStream> = (0..200).map(|_| connect(&world)).collect();
    let asked = Instant::now();
    assert_eq!(loopback(&world, "GET", "/ready", &[]).0, 200);
    assert!(asked.elapsed() < Duration::from_secs(1), "they keep nobody waiting: {:?}", asked.elapsed());
    // More than there is room for: the socket has room of its own, and loopback has it again when they fall.
    let more: Vec<TcpStream> = (0..100).map(|_| connect(&world)).collect();
    let asked = Instant::now();
    assert_eq!(socket(&world, "GET", "/ready", None).0, 200);
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    assert_eq!(loopback(&world, "GET", "/ready", &[]).0, 200);
    assert!(asked.elapsed() < HEAD * 3, "{:?}", asked.elapsed());
    assert!(closed(trickling), "a head has its time");
    assert!(began.elapsed() < HEAD * 4, "{:?}", began.elapsed());
    for (n, stream) in idle.into_iter().chain(more).enumerate() {
        assert!(closed(stream), "connection {n}");
    }
    trickle.join().unwrap();
    // One that was used falls too when nothing more comes.
    let mut used = connect(&world);
    used.write_all(b"GET /ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    let mut answer = String::new();
    used.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(up.stop().code, Some(0));
}

#[test]
fn the_events_of_a_task_go_on_and_a_body_that_never_comes_is_given_up() {
    let world = World::new();
    let up = world.up();
    let (_, job) = socket(&world, "POST", "/api/jobs", Some(&json!({ "prompt": "[[sleep: 600]]" })));
    assert_eq!(job["id"], 1);
    wait_until("it runs", LONG, || socket(&world, "GET", "/api/jobs/1", None).1["state"] == "running");
    let open = |head: &str| {
        let mut stream = UnixStream::connect(world.home().join("run/console.sock")).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let unfinished = open("POST /api/jobs HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{");
    let began = Instant::now();
    let mut events = BufReader::new(open("GET /api/jobs/1/events HTTP/1.1\r\nHost: a\r\n\r\n")).lines();
    let mut seen = |needle: &str| events.by_ref().map(|line| line.unwrap()).any(|line| line.starts_with(needle));
    assert!(seen("event: state"));
    while began.elapsed() < HEAD * 2 {
        assert!(seen(":"), "a heartbeat, for as long as nothing happens");
    }
    assert_eq!(socket(&world, "POST", "/api/jobs/1/cancel", None).0, 200);
    assert!(seen("event: end"), "it was not cut off");
    let mut answer = String::new();
    let mut lines = BufReader::new(unfinished);
    lines.read_line(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert_eq!(world.count("SELECT COUNT(*) FROM job"), 1);
    assert_eq!(up.stop().code, Some(0));
}
