//! What is described is served, and what is served is as described: every answer is held against the schema of its route, and a
//! program that makes up requests (schemathesis) finds no answer that is an error of ours.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::console::{loopback, socket};
use crate::world::{LONG, World, wait_until};

/// Nothing that the schemas do not name. One that is made of several is closed as a whole, and its parts are left open.
fn strict(schemas: &mut Value) {
    let schemas = schemas.as_object_mut().unwrap();
    let parts = |schema: &Value| schema["allOf"].as_array().cloned().unwrap_or_default();
    let names = |part: &Value| part["$ref"].as_str().and_then(|name| name.rsplit('/').next()).map(str::to_owned);
    let open: BTreeSet<String> = schemas.values().flat_map(parts).filter_map(|part| names(&part)).collect();
    for (name, schema) in schemas.iter_mut() {
        if schema.get("allOf").is_some() {
            schema["unevaluatedProperties"] = json!(false);
        } else if schema.get("properties").is_some() && !open.contains(name) {
            schema["additionalProperties"] = json!(false);
        }
    }
}

/// The description, and which of its operations were tried.
struct Described {
    api: Value,
    tried: BTreeSet<(String, String)>,
}

impl Described {
    fn of(world: &World) -> Self {
        let (code, mut api) = socket(world, "GET", "/api/openapi.json", None);
        assert_eq!(code, 200, "{api}");
        strict(&mut api["components"]["schemas"]);
        Self { api, tried: BTreeSet::new() }
    }

    /// Every operation that is described.
    fn operations(&self) -> BTreeSet<(String, String)> {
        let paths = self.api["paths"].as_object().unwrap();
        let of = |(path, item): (&String, &Value)| {
            let path = path.clone();
            item.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())).collect::<Vec<_>>()
        };
        paths.iter().flat_map(of).collect()
    }

    /// The body that a route's schema gives as an example, closed, and that schema.
    fn example(&self, path: &str) -> (Value, Value) {
        let body = &self.api["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"];
        let schema = self.api.pointer(body["$ref"].as_str().unwrap().trim_start_matches('#')).unwrap();
        let given = schema["properties"].as_object().unwrap().iter();
        let example = given.filter_map(|(name, of)| Some((name.clone(), of.get("example")?.clone()))).collect();
        (Value::Object(example), schema.clone())
    }

    /// Asks, and holds the answer against what is described; returns it.
    fn ask(&mut self, world: &World, method: &str, path: &str, filled: &str, body: Option<&Value>) -> (u16, Value) {
        let (code, answer) = socket(world, &method.to_uppercase(), filled, body);
        let described = &self.api["paths"][path][method]["responses"][code.to_string()];
        assert!(!described.is_null(), "{method} {path} answers {code}, which is not described: {answer}");
        let schema = &described["content"]["application/json"]["schema"];
        if !schema.is_null() {
            let mut schema = schema.clone();
            schema["components"] = self.api["components"].clone();
            let validator = jsonschema::validator_for(&schema).unwrap();
            let wrong: Vec<String> =
                validator.iter_errors(&answer).map(|error| format!("{error} at {}", error.instance_path())).collect();
            assert!(wrong.is_empty(), "{method} {path} {code}: {wrong:?}: {answer}");
        }
        self.tried.insert((method.into(), path.into()));
        (code, answer)
    }
}

#[test]
fn every_route_answers_as_it_is_described_and_nothing_else_is_described() {
    let world = World::new();
    let up = world.up();
    let mut api = Described::of(&world);
    let mut ask = |method: &str, path: &str, filled: &str, body: Option<&Value>, code: u16| {
        let (got, answer) = api.ask(&world, method, path, filled, body);
        assert_eq!(got, code, "{method} {filled}: {answer}");
        answer
    };
    ask("get", "/health", "/health", None, 200);
    ask("get", "/ready", "/ready", None, 200);
    ask("get", "/metrics", "/metrics", None, 200);
    ask("get", "/login", "/login?link=none", None, 403);
    ask("post", "/logout", "/logout", None, 204);
    ask("get", "/api/openapi.json", "/api/openapi.json", None, 200);
    ask("post", "/api/jobs", "/api/jobs", Some(&json!({ "prompt": "[[tool: Read a]] [[say: one]]" })), 202);
    ask("post", "/api/jobs", "/api/jobs", Some(&json!({ "prompt": "" })), 422);
    ask("post", "/api/jobs", "/api/jobs", Some(&json!({ "prompt": "x", "session": "none" })), 404);
    ask("get", "/api/jobs/{id}/events", "/api/jobs/1/events", None, 200);
    ask("get", "/api/jobs/{id}/events", "/api/jobs/9/events", None, 404);
    let job = ask("get", "/api/jobs/{id}", "/api/jobs/1", None, 200);
    assert_eq!(job["state"], "done", "its events came to their end: {job}");
    ask("get", "/api/jobs/{id}", "/api/jobs/9", None, 404);
    ask("post", "/api/jobs/{id}/cancel", "/api/jobs/1/cancel", None, 409);
    ask("post", "/api/jobs/{id}/cancel", "/api/jobs/9/cancel", None, 404);
    let paused = ask("post", "/api/pause", "/api/pause", Some(&json!({ "until": "2h" })), 200);
    assert!(paused["until"].as_i64() > paused["since"].as_i64());
    ask("post", "/api/pause", "/api/pause", Some(&json!({ "until": "yesterday" })), 422);
    ask("get", "/health", "/health", None, 200);
    ask("get", "/api/status", "/api/status", None, 200);
    ask("post", "/api/jobs/{id}/retry", "/api/jobs/1/retry", None, 202);
    ask("post", "/api/jobs/{id}/retry", "/api/jobs/2/retry", None, 409);
    ask("get", "/api/jobs", "/api/jobs?limit=1&live=true&state=queued&q=one", None, 200);
    ask("get", "/api/jobs", "/api/jobs?state=asleep", None, 422);
    ask("post", "/api/jobs/{id}/cancel", "/api/jobs/2/cancel", None, 200);
    ask("post", "/api/resume", "/api/resume", None, 200);
    ask("post", "/api/restart", "/api/restart?role=bot", None, 409);
    ask("post", "/api/restart", "/api/restart?role=king", None, 422);
    ask("post", "/api/restart", "/api/restart?role=worker", None, 202);
    for path in ["/api/jobs", "/api/pause"] {
        let (example, schema) = api.example(path);
        let validator = jsonschema::validator_for(&schema).unwrap();
        assert!(validator.is_valid(&example), "{path}: {example}");
        let (code, answer) = api.ask(&world, "post", path, path, Some(&example));
        assert!(code < 300, "{path} does not take its own example {example}: {answer}");
        for other in [json!(null), json!(["x", null, null, null]), json!({ "nothing": "x" })] {
            assert!(!validator.is_valid(&other), "{path}: {other} is described");
            let (code, answer) = api.ask(&world, "post", path, path, Some(&other));
            assert_eq!(code, 422, "{path} {other}: {answer}");
            assert!(!answer.to_string().contains("struct"), "{path} {other}: {answer}");
        }
    }
    let (code, again) = api.ask(&world, "post", "/api/jobs/{id}/retry", "/api/jobs/1/retry", None);
    assert_eq!(code, 202);
    assert!(again["paused"].as_str().is_some_and(|words| words.ends_with("it is kept")), "{again}");
    assert_eq!(api.ask(&world, "post", "/api/resume", "/api/resume", None).1["resumed"], true);
    let actors = "SELECT COUNT(*) FROM audit WHERE actor = 'the socket'";
    assert!(world.count(actors) >= 5, "pauses, resumes, retries, a cancellation and a restart");
    assert_eq!(world.count("SELECT COUNT(*) FROM audit WHERE actor = 'the page'"), 0);
    assert_eq!(api.operations(), api.tried, "left: described, right: tried here");
    // No method that is not described is answered.
    for (path, item) in api.api["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "patch", "delete"].iter().filter(|method| item.get(**method).is_none()) {
            let (code, body) = socket(&world, &method.to_uppercase(), &path.replace("{id}", "1"), None);
            assert_eq!(code, 405, "{method} {path}");
            assert!(body["error"].as_str().is_some_and(|words| words.contains("Allow")), "{method} {path}: {body}");
        }
    }
    assert_eq!(up.stop().code, Some(0));
}

/// The program, where it was installed; without it the story is skipped, which is said, or fails.
fn schemathesis() -> Option<PathBuf> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/schemathesis/bin/schemathesis");
    let named = std::env::var_os("AGENTLAB_TEST_SCHEMATHESIS").map(PathBuf::from);
    let found = named.into_iter().chain([installed]).find(|path| path.exists());
    if found.is_none() {
        let words = "schemathesis is not there (.ci/run installs it): no made-up request is tried";
        assert!(std::env::var_os("AGENTLAB_REQUIRE_REAL").is_none(), "{words}");
        eprintln!("skipped: {words}");
    }
    found
}

#[test]
fn made_up_requests_meet_no_error_of_ours_and_no_answer_that_is_not_described() {
    let Some(program) = schemathesis() else { return };
    let world = World::new();
    let up = world.up();
    for n in 1..=3 {
        let ask = json!({ "prompt": format!("[[say: answer {n}]]") });
        assert_eq!(socket(&world, "POST", "/api/jobs", Some(&ask)).0, 202);
    }
    wait_until("they are done", LONG, || world.count("SELECT COUNT(*) FROM job WHERE state = 'done'") == 3);
    let link = world.run(&["page"]).stdout;
    let own = format!("http://127.0.0.1:{}", world.port);
    let (code, cookie) = loopback(&world, "GET", link.trim().strip_prefix(&own).unwrap(), &[]);
    assert_eq!(code, 303);
    let cookie = cookie.split(';').next().unwrap();
    let log = world.path("schemathesis.txt");
    let out = std::fs::File::create(&log).unwrap();
    let mut child = Command::new(program)
        .args(["run", &format!("{own}/api/openapi.json")])
        .args(["-H", &format!("Cookie: {cookie}"), "-H", &format!("Origin: {own}")])
        // The first two would end what is tested or its login; events go on until their task ends.
        .args([
            "--exclude-path",
            "/api/restart",
            "--exclude-path",
            "/logout",
            "--exclude-path",
            "/api/jobs/{id}/events",
        ])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "-n",
            "25",
            "--seed",
            "1",
            "--request-timeout",
            "10",
            "--no-color",
        ])
        // Not `negative_data_rejection`: it counts a request without a login as wrong, and sends the login all the same.
        .args([
            "-c",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance",
        ])
        .args(["-c", "response_schema_conformance,unsupported_method,ignored_auth"])
        .current_dir(world.path("user"))
        .env("HOME", world.path("user"))
        .env("NO_PROXY", "127.0.0.1")
        .stdout(out.try_clone().unwrap())
        .stderr(out)
        .spawn()
        .unwrap();
    let (began, most) = (Instant::now(), Duration::from_mins(3));
    let ended = loop {
        if let Some(ended) = child.try_wait().unwrap() {
            break Some(ended);
        }
        if began.elapsed() > most {
            let _ = child.kill();
            let _ = child.wait();
            break None;
        }
        std::thread::park_timeout(Duration::from_millis(100));
    };
    let told = std::fs::read_to_string(&log).unwrap();
    assert!(ended.is_some_and(|ended| ended.success()), "{ended:?}: {told}");
    assert!(told.contains("Tested: 1"), "eleven or more operations were tried: {told}");
    assert_eq!(socket(&world, "GET", "/health", None).0, 200);
    assert_eq!(up.stop().code, Some(0));
}
