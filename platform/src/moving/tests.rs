//! Exports of which a byte is another, and such as an editor or another system wrote anew.

use super::*;
use crate::{
    config::{Config, Place},
    db::{
        Db,
        enqueue::{NewJob, Source},
    },
    home::Home,
};

async fn home(folder: &tempfile::TempDir, name: &str) -> Db {
    Db::open(&Home::at(folder.path().join(name)).unwrap()).await.unwrap()
}

/// An export of two tasks, and an empty home.
async fn exported() -> (tempfile::TempDir, Vec<u8>, Db) {
    let folder = tempfile::tempdir().unwrap();
    let from = home(&folder, "from").await;
    for n in 1..=2 {
        let isolation = agentlab_domain::isolation::Isolation::None;
        let place = Place { project: "p".into(), path: "/nowhere".into(), isolation };
        let source = Source::Terminal { request_id: n.to_string() };
        from.enqueue(&NewJob { source, place, prompt: format!("task {n}: ü"), resumes: None }).await.unwrap();
    }
    let mut text = Vec::new();
    export(&from, &Config::default(), &mut text).await.unwrap();
    let to = home(&folder, "to").await;
    (folder, text, to)
}

#[tokio::test]
async fn whichever_byte_is_another_it_is_told_as_an_export_that_is_not_whole() {
    let (_folder, text, to) = exported().await;
    // What the database itself would refuse, before anybody has read the digest.
    let words = String::from_utf8(text.clone()).unwrap();
    let job = words.find("\"state\":\"queued\"").unwrap() + "\"state\":\"q".len();
    let mut tried = 0;
    for at in (0..text.len()).step_by(7).chain([job]) {
        let mut other = text.clone();
        other[at] ^= 0x02;
        let refused = import(&to, &mut other.as_slice()).await.unwrap_err();
        assert!(matches!(refused, MovingError::NotWhole(_)), "byte {at}: {refused}");
        assert_eq!(to.count_of("job").await, 0, "byte {at}");
        tried += 1;
    }
    assert!(tried > 200, "{tried}");
    import(&to, &mut text.as_slice()).await.unwrap();
}

#[tokio::test]
async fn what_an_editor_or_another_system_does_to_a_text_is_taken_in_and_nothing_else() {
    let (folder, text, _) = exported().await;
    let text = String::from_utf8(text).unwrap();
    let crlf = text.replace('\n', "\r\n");
    for (n, (what, other, is_taken_in)) in [
        ("a mark", format!("\u{feff}{text}"), true),
        ("CRLF", crlf.clone(), true),
        ("both", format!("\u{feff}{crlf}"), true),
        ("blank lines", format!("{text}\n \r\n\n"), true),
        ("no last line end", text.trim_end().to_owned(), true),
        ("a blank line within", text.replacen('\n', "\n\n", 1), false),
        ("another line after blank ones", format!("{text}\n\n{{}}\n"), false),
        ("two marks", format!("\u{feff}\u{feff}{text}"), false),
    ]
    .into_iter()
    .enumerate()
    {
        let to = home(&folder, &n.to_string()).await;
        let imported = import(&to, &mut other.as_bytes()).await;
        assert_eq!(imported.is_ok(), is_taken_in, "{what}: {imported:?}");
        assert_eq!(to.count_of("job").await, if is_taken_in { 2 } else { 0 }, "{what}");
    }
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let refused = import(&home(&folder, "wide").await, &mut wide.as_slice()).await.unwrap_err().to_string();
    assert!(refused.contains("UTF-8") || refused.contains("no line of an export"), "{refused}");
}
