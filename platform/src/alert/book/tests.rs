use super::*;

fn book() -> (tempfile::TempDir, Book) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("h")).unwrap();
    (folder, Book::of(&home))
}

fn alert(key: &str, occasion: Occasion) -> Alert {
    Alert { occasion, ..Alert::once(key.into(), format!("about {key}")) }
}

#[test]
fn an_episode_begins_once_ends_once_and_the_next_one_is_another() {
    let (_folder, book) = book();
    let lasts = alert("a", Occasion::Lasts);
    book.begin(&lasts);
    let first = book.read()["a"].clone();
    book.begin(&lasts);
    assert_eq!((book.read()["a"].began, first.over), (first.began, None));
    book.told(&lasts, "telegram");
    assert!(book.given("a", "telegram").unwrap().open);
    book.over("a");
    book.told(&alert("a", Occasion::Over), "telegram");
    assert!(book.read()["a"].over.is_some() && !book.given("a", "telegram").unwrap().open);
    book.begin(&lasts);
    let second = book.read()["a"].clone();
    assert!(second.began > first.began && second.over.is_none());
    assert!(!book.given("a", "telegram").unwrap().open, "what was given counts for its cooldown");
    // Another process knows the same.
    let other = Book { own: Arc::default(), ..book.clone() };
    assert_eq!(other.read(), book.read());
}

#[test]
fn the_oldest_are_forgotten_and_a_damaged_file_is_begun_anew() {
    let (_folder, book) = book();
    std::fs::write(&book.path, "{\"a\": 1, \"b").unwrap();
    assert!(book.read().is_empty());
    book.begin(&alert("fires", Occasion::Lasts));
    let entry = Entry { over: Some(5), ..book.read()["fires"].clone() };
    book.change(|entries| {
        entries.extend((1..=300).map(|n| (format!("key-{n:03}"), Entry { began: n, ..entry.clone() })));
    });
    let kept = read(&book.path);
    assert!(kept.len() == REMEMBERED && kept.contains_key("fires"));
    assert!(kept.contains_key("key-300") && !kept.contains_key("key-100"));
}

#[test]
fn on_a_disk_that_takes_nothing_a_process_still_knows_what_it_gave() {
    let (_folder, book) = book();
    std::fs::create_dir(&book.path).unwrap();
    let once = alert("a", Occasion::Once);
    book.begin(&once);
    book.told(&once, "email");
    assert!(book.given("a", "email").is_some_and(|given| !given.open));
    assert!(book.given("a", "sms").is_none() && book.given("b", "email").is_none());
}

#[test]
fn what_two_processes_noted_is_joined() {
    let (_folder, book) = book();
    let once = alert("a", Occasion::Once);
    book.begin(&once);
    let (one, other) = (Book { own: Arc::default(), ..book.clone() }, Book { own: Arc::default(), ..book.clone() });
    one.told(&once, "email");
    other.told(&once, "sms");
    one.failed("a", "webhook", "500");
    let known = book.read();
    assert_eq!(known["a"].told.keys().collect::<Vec<_>>(), ["email", "sms"]);
    assert_eq!(known["a"].failed["webhook"], "500");
}

#[test]
fn after_a_reboot_the_cooldown_counts_from_the_boot() {
    let told = Told { at: 0, boot: "another".into(), ms: i64::MAX, open: true };
    assert_eq!(told.age().as_secs(), u64::try_from(clock::boot_ms() / 1000).unwrap());
}

#[test]
fn it_began_when_it_was_seen_first_its_words_grow_with_it_and_the_next_one_begins_after_its_end() {
    let (_folder, book) = book();
    let lasts = Alert { held: Duration::from_mins(5), ..alert("a", Occasion::Lasts) };
    book.begin(&lasts);
    let first = book.read()["a"].clone();
    assert_eq!(first.lasts().as_deref(), Some("5 min"));
    book.begin(&Alert { words: "for ten minutes".into(), ..lasts.clone() });
    let worse = book.read()["a"].clone();
    assert_eq!((worse.words.as_str(), worse.began), ("for ten minutes", first.began));
    book.over("a");
    let over = book.read()["a"].clone();
    assert_eq!(over.lasts(), None);
    book.begin(&lasts);
    assert!(book.read()["a"].began > over.over.unwrap());
    book.begin(&alert("once", Occasion::Event));
    let happened = book.read()["once"].clone();
    assert_eq!(happened.over, Some(happened.began));
}

#[test]
fn only_its_owner_reads_it() {
    let (_folder, book) = book();
    std::fs::write(book.path.with_extension("new"), "left behind").unwrap();
    book.begin(&alert("a", Occasion::Once));
    assert_eq!(std::fs::metadata(&book.path).unwrap().permissions().mode() & 0o777, 0o600);
}
