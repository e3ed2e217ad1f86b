//! The second way in: with the bot off everything can be asked, seen and commanded by HTTP; and nobody gets in who should not.

use std::process::Command;

use serde_json::{Value, json};

use crate::world::{LONG, World, wait_until};

/// Asks by the Unix socket, as a person would, with curl; the code and the body.
pub(super) fn socket(world: &World, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "60", "-X", method, "-w", "\n%{http_code}"]);
    curl.arg("--unix-socket").arg(world.home().join("run/console.sock")).arg(format!("http://agentlab{path}"));
    if let Some(body) = body {
        curl.arg("-d").arg(body.to_string());
    }
    let output = curl.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, code) = text.rsplit_once('\n').unwrap();
    (code.parse().unwrap(), serde_json::from_str(body).unwrap_or(Value::Null))
}

/// Asks on loopback with these headers.
pub(super) fn loopback(world: &World, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = client.request(method, format!("http://127.0.0.1:{}{path}", world.port)).body("{}");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let answer = request.send().await.unwrap();
        let code = answer.status().as_u16();
        let cookie = answer.headers().get("set-cookie").map(|cookie| cookie.to_str().unwrap().to_owned());
        (code, cookie.unwrap_or(answer.text().await.unwrap()))
    })
}

fn ended(world: &World, id: i64) -> Value {
    let path = format!("/api/jobs/{id}");
    let mut job = Value::Null;
    wait_until("the task has ended", LONG, || {
        job = socket(world, "GET", &path, None).1;
        !job["ended_at"].is_null()
    });
    job
}

#[test]
fn a_task_is_asked_followed_cancelled_and_retried_by_curl_alone() {
    let world = World::new();
    let up = world.up();
    let ask = json!({ "prompt": "[[say: by curl]]", "request_id": "one" });
    let (code, accepted) = socket(&world, "POST", "/api/jobs", Some(&ask));
    assert_eq!((code, &accepted["state"]), (202, &json!("queued")), "{accepted}");
    let id = accepted["id"].as_i64().unwrap();
    // Whoever got no answer asks again, and it is the same task.
    assert_eq!(socket(&world, "POST", "/api/jobs", Some(&ask)).1["id"], accepted["id"]);
    let job = ended(&world, id);
    assert_eq!((&job["state"], &job["channel"]), (&json!("done"), &json!("page")), "{job}");
    assert!(job["answer"].as_str().unwrap().contains("by curl"), "{job}");

    let (_, long) = socket(&world, "POST", "/api/jobs", Some(&json!({ "prompt": "[[sleep: 600]]" })));
    let long = long["id"].as_i64().unwrap();
    wait_until("it runs", LONG, || socket(&world, "GET", &format!("/api/jobs/{long}"), None).1["state"] == "running");
    let (code, body) = socket(&world, "POST", &format!("/api/jobs/{long}/retry"), None);
    assert_eq!(code, 409, "{body}");
    let (code, body) = socket(&world, "POST", &format!("/api/jobs/{long}/cancel"), None);
    assert_eq!((code, &body["state"]), (200, &json!("stopping")));
    assert_eq!(ended(&world, long)["state"], "cancelled");
    assert_eq!(socket(&world, "POST", &format!("/api/jobs/{long}/cancel"), None).0, 409);

    let (code, again) = socket(&world, "POST", &format!("/api/jobs/{id}/retry"), None);
    assert_eq!((code, &again["retry_of"]), (202, &json!(id)), "{again}");
    assert_eq!(ended(&world, again["id"].as_i64().unwrap())["state"], "done");
    // The command line sees the same tasks.
    assert!(world.run(&["job", &id.to_string()]).stdout.contains("(page): done"));
    assert_eq!(socket(&world, "GET", "/api/status", None).0, 200);
    assert_eq!(up.stop().code, Some(0));
}

#[test]
fn lists_come_in_pages_and_can_be_searched() {
    let world = World::new();
    let up = world.up();
    for n in 1..=5 {
        let ask =
            json!({ "prompt": format!("[[say: answer {n}]] Mend the {}", if n == 3 { "Fence" } else { "roof" }) });
        let id = socket(&world, "POST", "/api/jobs", Some(&ask)).1["id"].as_i64().unwrap();
        ended(&world, id);
    }
    let ids = |page: &Value| page["jobs"].as_array().unwrap().iter().map(|job| job["id"].clone()).collect::<Vec<_>>();
    let (_, first) = socket(&world, "GET", "/api/jobs?limit=2", None);
    assert_eq!((ids(&first), &first["next"]), (vec![json!(5), json!(4)], &json!(4)));
    let (_, last) = socket(&world, "GET", "/api/jobs?limit=3&before=4", None);
    assert_eq!((ids(&last), &last["next"]), (vec![json!(3), json!(2), json!(1)], &Value::Null));
    assert_eq!(ids(&socket(&world, "GET", "/api/jobs?q=fence", None).1), [json!(3)]);
    assert_eq!(ids(&socket(&world, "GET", "/api/jobs?q=answer%205", None).1), [json!(5)]);
    assert!(ids(&socket(&world, "GET", "/api/jobs?live=true", None).1).is_empty());
    assert_eq!(up.stop().code, Some(0));
}

#[test]
fn what_cannot_be_understood_is_said_and_changes_nothing() {
    let world = World::new();
    let up = world.up();
    let bad =
        [json!({}), json!({ "prompt": " " }), json!({ "prompt": 1 }), json!({ "prompt": "x", "colour": 1 }), json!([])];
    let more = [json!({ "prompt": "x", "project": "none" }), json!({ "prompt": "x", "project": "p", "session": "s" })];
    for body in bad.iter().chain(&more) {
        let (code, answer) = socket(&world, "POST", "/api/jobs", Some(body));
        assert!(code == 422 && answer["error"].is_string(), "{body}: {code} {answer}");
    }
    let session = json!({ "prompt": "x", "session": "nobody" });
    assert_eq!(socket(&world, "POST", "/api/jobs", Some(&session)).0, 404);
    for (method, path, expected) in [
        ("GET", "/api/jobs/999", 404),
        ("GET", "/api/jobs/first", 404),
        ("POST", "/api/jobs/999/cancel", 404),
        ("POST", "/api/jobs/999/retry", 404),
        ("GET", "/api/jobs?limit=many", 422),
        ("GET", "/api/jobs?colour=red", 422),
        ("POST", "/api/restart?role=king", 422),
        ("POST", "/api/restart?role=bot", 409),
        ("DELETE", "/api/jobs/1", 405),
        ("GET", "/nothing", 404),
    ] {
        assert_eq!(socket(&world, method, path, None).0, expected, "{method} {path}");
    }
    assert_eq!(world.count("SELECT COUNT(*) FROM job"), 0);
    assert_eq!(world.count("SELECT COUNT(*) FROM intervention"), 0);
    assert_eq!(up.stop().code, Some(0));
}

#[test]
fn on_loopback_reading_takes_a_login_and_changing_takes_the_page_itself() {
    let world = World::new();
    assert_eq!(world.run(&["page"]).code, Some(69), "nobody serves it yet");
    let up = world.up();
    for open in ["/health", "/ready"] {
        assert_eq!(loopback(&world, "GET", open, &[]).0, 200, "{open}");
    }
    for closed in ["/api/status", "/api/jobs", "/api/jobs/1", "/"] {
        assert_eq!(loopback(&world, "GET", closed, &[]).0, 401, "{closed}");
    }
    let link = world.run(&["page"]);
    assert_eq!(link.code, Some(0), "{link:?}");
    let path = link.stdout.trim().strip_prefix(&format!("http://127.0.0.1:{}", world.port)).unwrap().to_owned();
    assert_eq!(loopback(&world, "GET", "/login?link=wrong", &[]).0, 403);
    assert_eq!(loopback(&world, "HEAD", &path, &[]).0, 403, "who looks does not use it up");
    let (code, cookie) = loopback(&world, "GET", &path, &[]);
    assert!(code == 303 && cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{code} {cookie}");
    assert_eq!(loopback(&world, "GET", &path, &[]).0, 403, "good once");
    let cookie = cookie.split(';').next().unwrap();
    let with = |more: &[(&'static str, &str)], method: &str, path: &str| {
        let headers: Vec<(&str, &str)> = [("cookie", cookie)].into_iter().chain(more.iter().copied()).collect();
        loopback(&world, method, path, &headers).0
    };
    assert_eq!(with(&[], "GET", "/api/jobs"), 200);
    assert_eq!(with(&[("host", "evil.example")], "GET", "/api/jobs"), 403, "a name that somebody points here");
    let own = format!("http://127.0.0.1:{}", world.port);
    for origin in ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1", "http://localhost"] {
        assert_eq!(with(&[("origin", origin)], "POST", "/api/restart"), 403, "{origin}");
    }
    assert_eq!(with(&[], "POST", "/api/restart"), 403, "no origin at all");
    assert_eq!(loopback(&world, "POST", "/api/restart", &[("origin", &own)]).0, 401, "an origin is no login");
    assert_eq!(world.count("SELECT COUNT(*) FROM intervention"), 0);
    assert_eq!(with(&[("origin", &own)], "POST", "/api/jobs/1/cancel"), 404, "it got through");
    assert_eq!(with(&[("origin", &own)], "POST", "/logout"), 204);
    assert_eq!(with(&[], "GET", "/api/jobs"), 401);
    assert_eq!(up.stop().code, Some(0));
}

#[test]
fn everything_is_restarted_by_the_socket_and_the_socket_is_there_again() {
    let world = World::new();
    let up = world.up();
    let before = world.pid("console", 0);
    let (code, body) = socket(&world, "POST", "/api/restart", None);
    assert_eq!((code, &body["state"]), (202, &json!("asked")));
    wait_until("it is finished", LONG, || {
        world.count("SELECT COUNT(*) FROM intervention WHERE state = 'finished'") == 1
    });
    assert_ne!(world.pid("console", 0), before);
    assert_eq!(socket(&world, "GET", "/health", None).0, 200);
    assert_eq!(up.stop().code, Some(0));
}

#[test]
fn a_task_is_followed_by_events_and_whoever_was_cut_off_goes_on() {
    let world = World::new();
    let up = world.up();
    let ask =
        json!({ "prompt": "[[tool: Read src/main.rs]] [[sleep: 1]] [[tool: Edit src/lib.rs]] [[say: both done]]" });
    let id = socket(&world, "POST", "/api/jobs", Some(&ask)).1["id"].as_i64().unwrap();
    let follow = |last: Option<&str>| {
        let mut curl = Command::new("curl");
        curl.args(["-sSN", "--max-time", "60", "--unix-socket"]).arg(world.home().join("run/console.sock"));
        curl.args(last.map(|id| format!("-HLast-Event-ID: {id}")));
        let output = curl.arg(format!("http://agentlab/api/jobs/{id}/events")).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let told = follow(None);
    let at = |needle: &str| told.find(needle).unwrap_or_else(|| panic!("{needle}: {told}"));
    assert!(at("src/main.rs") < at("src/lib.rs") && at("src/lib.rs") < at("event: end"), "{told}");
    assert!(told.contains("\"state\":\"done\""), "{told}");
    let last = told.lines().rev().find_map(|line| line.strip_prefix("id: ")).unwrap();
    let rest = follow(Some(last));
    assert!(rest.contains("event: end") && !rest.contains("event: activity"), "{rest}");
    assert_eq!(socket(&world, "GET", "/api/jobs/99/events", None).0, 404);
    assert_eq!(up.stop().code, Some(0));
}
