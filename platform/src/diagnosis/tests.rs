use std::os::unix::fs::PermissionsExt;

use secrecy::SecretString;

use super::*;

const SECRET: &str = "123456:AAbbCCddEEff";

fn home() -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("h")).unwrap();
    (folder, home)
}

fn secrets() -> Redaction {
    Redaction::of_logs(&[SecretString::from(SECRET.to_owned())])
}

#[tokio::test]
async fn it_holds_what_is_known_and_no_secret_and_is_for_its_owner_alone() {
    let (_folder, home) = home();
    let log = |name: &str, lines: std::ops::Range<u32>| {
        let text: Vec<String> = lines.map(|number| format!("{{\"line\":{number},\"of\":\"{name}\"}}")).collect();
        fs::write(home.logs().join(name), text.join("\n")).unwrap();
    };
    log("bot.2026-11-21.jsonl", 0..3);
    log("bot.2026-11-22.jsonl", 100..150);
    log("worker-1.2026-11-20.jsonl", 200..202);
    fs::write(home.logs().join("bot.err"), format!("first\nGET bot{SECRET}/getMe failed\n")).unwrap();
    fs::write(home.post_lock(Post::parse("bot").unwrap()), "").unwrap();
    let release = home.path().join("releases/abc123");
    fs::create_dir_all(&release).unwrap();
    fs::write(release.join("release.json"), format!("{{\"version\": \"0.1.0\", \"source\": \"{SECRET}\"}}")).unwrap();
    std::os::unix::fs::symlink("abc123", home.path().join("releases/current")).unwrap();
    let db = Db::open(&home).await.unwrap();
    let more = [("from outside".to_owned(), format!("its token is {SECRET}"))];
    let path = write(&home, &secrets(), (Some(&db), None), ("bot does not start", &more)).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(path).unwrap();
    for expected in [
        "== matter\nbot does not start\n",
        "== from outside\nits token is [secret]\n",
        "MiB free",
        "\nschema 2026",
        "\nagent not asked\n",
        "== releases\ncurrent: abc123\nabc123/release.json: {\"version\": \"0.1.0\", \"source\": \"[secret]\"}\n",
        "== alerts that fire\n",
        "== who keeps the database locked\nnobody\n",
        "bot: nobody is there; it said last: nothing that can be read",
        "\"queued\": 0",
        "== last words: bot.err\nGET bot[secret]/getMe failed\n",
        "== log: bot.2026-11-22.jsonl\n{\"line\":130,",
        "== log: worker-1.2026-11-20.jsonl\n{\"line\":200,",
    ] {
        assert!(text.contains(expected), "{expected:?} in {text}");
    }
    assert!(!text.contains("\"line\":129") && !text.contains("2026-11-21") && !text.contains("AAbbCC"), "{text}");
}

#[tokio::test]
async fn a_secret_at_the_cut_of_a_line_or_of_a_long_log_is_no_more_to_be_read() {
    let (_folder, home) = home();
    let line = format!("{}{SECRET} and more", "x".repeat(WIDTH - 10));
    fs::write(home.logs().join("bot.err"), &line).unwrap();
    let tail = usize::try_from(TAIL).unwrap();
    // The part that is read begins within the secret.
    let long = format!("{SECRET}\n{}\n", "y".repeat(tail - 11));
    fs::write(home.logs().join("bot.2026-11-22.jsonl"), &long).unwrap();
    let path = write(&home, &secrets(), (None, None), ("matter", &[])).await.unwrap();
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(&"x".repeat(WIDTH - 10)) && text.contains(&"y".repeat(WIDTH)));
    assert!(!text.contains("1234") && !text.contains("EEff") && !text.contains("AAbb"));
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_not_waited_for() {
    let (_folder, home) = home();
    let db = Db::open(&home).await.unwrap();
    // Nobody gets a connection while these are out.
    let _all = (db.read().acquire().await.unwrap(), db.read().acquire().await.unwrap());
    let began = clock::instant();
    let path = write(&home, &secrets(), (Some(&db), None), ("matter", &[])).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains("== rows\nthe database did not answer within 2 s\n"), "{text}");
}

#[tokio::test]
async fn the_newest_ten_are_kept_and_nothing_else_is_removed() {
    let (_folder, home) = home();
    let logs = home.logs();
    for number in 10..25 {
        fs::write(logs.join(format!("diagnosis-2026-01-{number}T00-00-00Z.txt")), "").unwrap();
    }
    for other in ["diagnosis-notes.md", "my-diagnosis-1.txt"] {
        fs::write(logs.join(other), "").unwrap();
    }
    let first = write(&home, &secrets(), (None, None), ("one", &[])).await.unwrap();
    let second = write(&home, &secrets(), (None, None), ("two", &[])).await.unwrap();
    assert_ne!(first, second);
    let mut left = names(&logs);
    left.sort_unstable();
    assert_eq!(left.len(), KEPT + 2, "{left:?}");
    assert!(first.exists() && second.exists() && left.contains(&"diagnosis-2026-01-24T00-00-00Z.txt".to_owned()));
    assert!(left.contains(&"diagnosis-notes.md".to_owned()) && left.contains(&"my-diagnosis-1.txt".to_owned()));
}
