//! The stand-in against the real Claude Code CLI, and its directives by themselves.
//!
//! Without the CLI the tests that need it say why they pass by; with `AGENTLAB_REQUIRE_REAL=1` they fail instead.

#![allow(clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::directive::{newest, reply_to};
use super::*;

const PATIENCE: Duration = Duration::from_mins(1);

/// A CLI, a home and a repository for it.
struct Cli {
    program: PathBuf,
    dir: tempfile::TempDir,
}

struct Ended {
    code: Option<i32>,
    events: Vec<Value>,
}

impl Ended {
    fn result(&self) -> &Value {
        let result = self.events.iter().rfind(|event| event["type"] == "result");
        result.unwrap_or_else(|| panic!("no result among {:#?}", self.events))
    }
}

impl Cli {
    fn find() -> Option<Self> {
        match find_claude() {
            Ok(program) => {
                let dir = tempfile::tempdir().expect("a temporary directory");
                for name in ["home", "repo"] {
                    std::fs::create_dir(dir.path().join(name)).expect("a directory");
                }
                Some(Self { program, dir })
            }
            Err(why) => {
                assert!(std::env::var("AGENTLAB_REQUIRE_REAL").as_deref() != Ok("1"), "{why}");
                eprintln!("skipped: {why}");
                None
            }
        }
    }

    fn repo(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    fn start(&self, api: &MessagesApi, prompt: &str, session: [&str; 2], more_env: &[(&str, &str)]) -> Child {
        let input = self.dir.path().join("prompt");
        std::fs::write(&input, prompt).expect("the prompt");
        let file = |path: &Path| std::fs::File::options().create(true).append(true).open(path).expect("a file");
        Command::new(&self.program)
            .args(["-p", "--output-format", "stream-json", "--verbose", "--permission-mode", "acceptEdits"])
            .args(session)
            .envs(api.child_env(&self.dir.path().join("home")))
            .envs(more_env.iter().copied())
            .current_dir(self.repo())
            .stdin(std::fs::File::open(&input).expect("the prompt"))
            .stdout(file(&self.dir.path().join("out")))
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the CLI")
    }

    fn run(&self, api: &MessagesApi, prompt: &str, session: [&str; 2], more_env: &[(&str, &str)]) -> Ended {
        let _ = std::fs::remove_file(self.dir.path().join("out"));
        let child = self.start(api, prompt, session, more_env);
        let code = ended(child);
        let out = std::fs::read_to_string(self.dir.path().join("out")).expect("the output");
        Ended { code, events: out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect() }
    }

    fn ask(&self, api: &MessagesApi, prompt: &str) -> Ended {
        let once = [("CLAUDE_CODE_MAX_RETRIES", "1"), ("API_TIMEOUT_MS", "2000")];
        self.run(api, prompt, ["--session-id", &uuid::Uuid::new_v4().to_string()], &once)
    }
}

/// The exit code; a CLI that does not end in time is killed and fails the test.
fn ended(mut child: Child) -> Option<i32> {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().expect("the CLI's state") {
            return status.code();
        }
        if Instant::now() > until {
            child.kill().expect("the CLI killed");
            panic!("the CLI did not end in {PATIENCE:?}");
        }
        // std can only ask a child whether it has ended.
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn real_cli_writes_a_file_and_goes_on_after_a_failed_turn() {
    let Some(cli) = Cli::find() else { return };
    let api = MessagesApi::start();
    let session = uuid::Uuid::new_v4().to_string();
    let made = cli.repo().join("made.txt");
    let write = json!({"file_path": made, "content": "nested [[brackets]]\n"});
    let prompt = format!("please [[tool: Write {write}]] and then [[say: all done]]");
    let first = cli.run(&api, &prompt, ["--session-id", &session], &[]);
    assert_eq!((first.code, first.result()["result"].as_str()), (Some(0), Some("all done")));
    assert_eq!(std::fs::read_to_string(made).expect("the file"), "nested [[brackets]]\n");
    assert!(api.requests().iter().any(|asked| asked.verb == "HEAD"));
    assert!(api.requests().iter().all(|asked| asked.path == "/" || asked.has_tools && asked.streamed));

    let failed = cli.run(&api, "[[error: 400]]", ["--resume", &session], &[]);
    assert_eq!((failed.code, failed.result()["is_error"].as_bool()), (Some(1), Some(true)));
    let third = cli.run(&api, "no order", ["--resume", &session], &[]);
    assert_eq!((third.code, third.result()["result"].as_str()), (Some(0), Some("ok: no order")));
}

#[test]
fn real_cli_reports_errors_and_a_hang() {
    let Some(cli) = Cli::find() else { return };
    let api = MessagesApi::start();
    for status in [401, 429, 529] {
        let ended = cli.ask(&api, &format!("[[error: {status}]]"));
        let result = ended.result();
        assert_eq!((ended.code, result["api_error_status"].as_u64()), (Some(1), Some(status)), "{result}");
        let retried = |event: &&Value| event["subtype"] == "api_retry" && event["error_status"] == status;
        assert_eq!(ended.events.iter().filter(retried).count(), 1);
    }
    let hung = cli.ask(&api, "[[hang]]");
    assert_eq!((hung.code, hung.result()["is_error"].as_bool()), (Some(1), Some(true)));
}

#[test]
fn real_cli_stays_in_a_stall_and_takes_the_script_first() {
    let Some(cli) = Cli::find() else { return };
    let api = MessagesApi::start();
    api.script(vec![
        Reply::Text("from the script".to_owned()),
        Reply::TextSlow { text: "word by word".to_owned(), pause: Duration::from_millis(10) },
    ]);
    assert_eq!(cli.ask(&api, "[[say: from the prompt]]").result()["result"], "from the script");
    assert_eq!(cli.ask(&api, "[[say: from the prompt]]").result()["result"], "word by word");
    assert!(api.unused_script().is_empty());

    let session = uuid::Uuid::new_v4().to_string();
    let mut stalled = cli.start(&api, "wait here [[stall]]", ["--session-id", &session], &[]);
    api.wait_for(PATIENCE, "the request that stalls", |asked| {
        asked.iter().any(|it| it.last_user_text.starts_with("wait here")).then_some(())
    });
    assert!(stalled.try_wait().expect("the CLI's state").is_none());
    stalled.kill().expect("the CLI killed");
    stalled.wait().expect("the CLI gone");
    let out = std::fs::read_to_string(cli.dir.path().join("out")).expect("the output");
    let ends = |line: &str| line.contains(&session) && line.contains("\"type\":\"result\"");
    assert!(!out.lines().any(ends), "{out}");
}

#[test]
fn real_cli_sees_a_cut_stream() {
    let Some(cli) = Cli::find() else { return };
    let api = MessagesApi::start();
    let cut = cli.ask(&api, "[[cut]]");
    assert_eq!((cut.code, cut.result()["is_error"].as_bool()), (Some(1), Some(true)));
    // One break is not noticed: the CLI asks again at once, without a stream.
    api.script(vec![Reply::Cut]);
    assert_eq!(cli.ask(&api, "[[say: after all]]").result()["result"], "after all");
    assert_eq!(api.requests().last().map(|asked| asked.streamed), Some(false));
}

#[tokio::test]
async fn streams_begin_and_break_off() {
    let api = MessagesApi::start();
    let ask = async |directive: &str, stream: bool| {
        let body = json!({
            "model": "m", "max_tokens": 9, "stream": stream, "tools": [{"name": "Bash"}],
            "messages": [{"role": "user", "content": directive}],
        });
        reqwest::Client::new().post(api.url() + "/v1/messages?beta=true").json(&body).send().await
    };
    let mut stalled = ask("[[stall]]", true).await.expect("headers");
    let begun = stalled.chunk().await.expect("a piece").expect("not the end");
    assert!(begun.starts_with(b"event: message_start\ndata: {"));
    assert!(ask("[[cut]]", true).await.expect("headers").text().await.is_err());
    assert!(ask("[[cut]]", false).await.is_err());
    let limited = ask("[[error: 429 7]]", true).await.expect("an answer");
    assert_eq!(limited.headers()["retry-after"], "7");
    let error: Value = limited.json().await.expect("JSON");
    assert_eq!(error["error"]["type"], "rate_limit_error");
    let whole: Value = ask("[[say: hi]]", false).await.expect("an answer").json().await.expect("JSON");
    assert_eq!((&whole["content"][0]["text"], &whole["stop_reason"]), (&json!("hi"), &json!("end_turn")));
}

#[test]
fn directives_are_counted_from_the_newest_human_text() {
    let text = |role: &str, text: &str| json!({"role": role, "content": [{"type": "text", "text": text}]});
    let result =
        json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x", "content": "[[hang]]"}]});
    let prompt = "a [[tool: Bash {\"command\": \"[[ -e x ]]\"}]] [[nonsense]] [[error: 429 30]] [[say: end]]";
    let mut talk = vec![text("user", "[[say: old]]"), text("assistant", "old"), text("user", prompt)];
    let next = |talk: &[Value]| reply_to(&newest(talk));
    let bash = Reply::Tool { name: "Bash".to_owned(), input: json!({"command": "[[ -e x ]]"}) };
    assert_eq!(next(&talk), bash);
    talk.extend([text("assistant", "ran"), result, text("user", "<system-reminder>[[stall]]</system-reminder>")]);
    assert!(matches!(next(&talk), Reply::Error { status: 429, retry_after: Some(30), .. }));
    talk.extend([text("assistant", "went on")]);
    assert_eq!(next(&talk), Reply::Text("end".to_owned()));
    talk.extend([text("assistant", "end")]);
    assert_eq!(next(&talk), Reply::Text("ok: done".to_owned()));
}
