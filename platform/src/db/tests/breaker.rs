//! The breakers in rows: who may begin, who is told, and that nothing is counted twice.

use agentlab_domain::{
    circuit::{Caller, Calls, Circuit, Service, State, TIMES},
    isolation::Isolation,
    outcome::Outcome,
    progress::Progress,
    retry::{Next, ParkedFor, decide},
};

use super::{
    delivery::{asks, incoming},
    finish, fresh, from_chat, place, worker,
};
use crate::{
    clock,
    db::{Db, Durability, circuit::Heard, claim::Claim},
};

fn calls(answered: u32, failed: u32) -> Calls {
    Calls { answered, failed }
}

/// What the worker that follows a run tells, now; true when the circuit changed.
async fn tell(db: &Db, claim: &Claim, calls: Calls) -> bool {
    let told = (calls, clock::now_ms());
    db.progress(claim, &Progress::default(), None, told).await.unwrap().circuit_changed
}

async fn circuit(db: &Db) -> Circuit {
    db.circuit(Service::Claude).await.unwrap()
}

async fn run(db: &Db, sql: &'static str) {
    let mut write = db.begin(Durability::Full).await.unwrap();
    sqlx::query(sql).execute(&mut *write).await.unwrap();
    write.commit().await.unwrap();
}

/// The pause is over.
async fn later(db: &Db) {
    run(db, "UPDATE circuit SET until = 1").await;
}

async fn count(db: &Db, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(db.read()).await.unwrap()
}

/// Jobs of `chats`, each in a directory of its own, and a claim of the first.
async fn busy(chats: &[i64]) -> (tempfile::TempDir, Db, Claim) {
    let (folder, db) = fresh().await;
    worker(&db, "w").await;
    for (n, chat) in (1..).zip(chats) {
        db.enqueue(&from_chat(n, *chat, place(&format!("p{n}"), Isolation::None))).await.unwrap();
    }
    let claim = db.claim("w").await.unwrap().unwrap();
    (folder, db, claim)
}

#[tokio::test]
async fn while_it_is_open_nothing_new_begins_what_lives_is_adopted_and_one_probe_tries() {
    let (_folder, db, claim) = busy(&[1, 2, 3, 4, 5]).await;
    assert!(!tell(&db, &claim, calls(0, 4)).await);
    assert!(tell(&db, &claim, calls(0, 5)).await, "the fifth opens it");
    assert_eq!(circuit(&db).await.state, State::Open);
    assert_eq!(db.claim("w").await.unwrap(), None);
    assert_eq!(count(&db, "SELECT COUNT(*) FROM run").await, 1);
    assert_eq!(db.next_probe_at().await.unwrap(), Some(circuit(&db).await.until));
    // Rule R7: its worker dies, and the run goes on with another.
    db.release("w", &claim.job_id).await.unwrap();
    let adopted = db.claim("w").await.unwrap().unwrap();
    assert_eq!((adopted.run_id.as_str(), adopted.fresh), (claim.run_id.as_str(), false));
    later(&db).await;
    let home = db.home().clone();
    let racing = (0..4).map(|_| {
        let home = home.clone();
        // A database of its own, as another process has.
        async move { Db::open(&home).await.unwrap().claim("w").await.unwrap() }
    });
    let probes: Vec<Claim> = futures::future::join_all(racing).await.into_iter().flatten().collect();
    assert_eq!(probes.len(), 1, "one tries, the others wait for its verdict");
    assert_eq!(circuit(&db).await.state, State::Probing);
    // Who is no probe decides nothing, however it goes on.
    assert!(!tell(&db, &adopted, calls(9, 9)).await);
    assert_eq!(db.claim("w").await.unwrap(), None);
    assert!(tell(&db, &probes[0], calls(1, 0)).await);
    assert_eq!(circuit(&db).await.state, State::Closed);
    assert!(db.claim("w").await.unwrap().is_some_and(|claim| claim.fresh));
}

#[tokio::test]
async fn a_probe_that_fails_is_the_same_outage_and_one_that_ends_without_a_call_lets_the_next_one_try() {
    let (_folder, db, claim) = busy(&[1, 2, 3, 4]).await;
    tell(&db, &claim, calls(0, 5)).await;
    let since = circuit(&db).await.since;
    later(&db).await;
    let silent = db.claim("w").await.unwrap().unwrap();
    finish(&db, &silent, Outcome::NotStarted("no directory".into()), Next::Failed).await;
    let probe = db.claim("w").await.unwrap().unwrap();
    assert_ne!(probe.run_id, silent.run_id);
    assert!(tell(&db, &probe, calls(0, 1)).await);
    let open = circuit(&db).await;
    assert_eq!((open.state, open.since), (State::Open, since));
    assert!((open.until - clock::now_ms()).abs_diff(TIMES.pause) < 5_000, "for another pause");
    assert_eq!(db.claim("w").await.unwrap(), None);
    // The CLI goes on trying by itself; its late answer is the verdict too.
    assert!(!tell(&db, &probe, calls(0, 3)).await);
    assert_eq!(circuit(&db).await.until, open.until, "nothing is put off by it");
    assert!(tell(&db, &probe, calls(1, 3)).await);
    assert_eq!(circuit(&db).await.state, State::Closed);
    assert_eq!(count(&db, "SELECT COUNT(*) FROM said").await, 0, "nothing is left to remember");
}

#[tokio::test]
async fn a_chat_hears_once_an_outage_whenever_its_task_came() {
    let (_folder, db, claim) = busy(&[1, 2, 2, 3]).await;
    let notices = "SELECT COUNT(*) FROM outbox WHERE kind = 'notice'";
    tell(&db, &claim, calls(0, 5)).await;
    let chats: Vec<i64> = sqlx::query_scalar("SELECT chat FROM outbox WHERE kind = 'notice' ORDER BY chat")
        .fetch_all(db.read())
        .await
        .unwrap();
    assert_eq!(chats, [2, 3], "those whose tasks wait; chat 1 has a run that lives");
    // Its run ends by the outage: now it waits too.
    let unavailable = Outcome::Unavailable("API Error: 529".into());
    finish(&db, &claim, unavailable, Next::Park { at: 1, cause: ParkedFor::Unavailable }).await;
    assert_eq!(count(&db, notices).await, 3);
    for _ in 0..2 {
        later(&db).await;
        let probe = db.claim("w").await.unwrap().unwrap();
        tell(&db, &probe, calls(0, 2)).await;
        finish(&db, &probe, Outcome::Unavailable(String::new()), Next::Park { at: 1, cause: ParkedFor::Unavailable })
            .await;
    }
    assert_eq!(count(&db, notices).await, 3, "a probe that fails is no news");
    later(&db).await;
    let probe = db.claim("w").await.unwrap().unwrap();
    tell(&db, &probe, calls(1, 0)).await;
    // Another outage is; calls of the millisecond in which it closed belong to the one before.
    let closed_at = clock::now_ms();
    while clock::now_ms() == closed_at {
        std::thread::yield_now();
    }
    tell(&db, &probe, calls(1, 9)).await;
    assert_eq!(circuit(&db).await.state, State::Open);
    assert!(count(&db, notices).await > 3);
}

#[tokio::test]
async fn whoever_comes_long_after_the_last_failure_is_told_nothing_but_tries() {
    let (_folder, db, claim) = busy(&[1]).await;
    tell(&db, &claim, calls(0, 5)).await;
    finish(&db, &claim, Outcome::Succeeded, Next::Done).await;
    later(&db).await;
    assert!(!db.status().await.unwrap().circuits[0].holds);
    let job = asks(5, "good morning");
    db.take_in(&incoming(1, &job)).await.unwrap();
    let probe = db.claim("w").await.unwrap().unwrap();
    assert!(db.status().await.unwrap().circuits[0].holds, "now one tries");
    assert_eq!(count(&db, "SELECT COUNT(*) FROM said").await, 0);
    // Another one comes while it tries, and waits.
    db.take_in(&incoming(2, &asks(6, "me too"))).await.unwrap();
    assert_eq!(count(&db, "SELECT COUNT(*) FROM outbox WHERE kind = 'notice' AND chat = 6").await, 1);
    tell(&db, &probe, calls(1, 0)).await;
    assert_eq!(count(&db, "SELECT COUNT(*) FROM outbox WHERE kind = 'notice'").await, 1);
}

#[tokio::test]
async fn a_run_that_is_read_again_from_its_first_byte_counts_nothing_twice() {
    let (_folder, db, claim) = busy(&[1]).await;
    tell(&db, &claim, calls(2, 2)).await;
    // Another worker reads the file from its beginning, and finds one more.
    for _ in 0..3 {
        tell(&db, &claim, calls(0, 0)).await;
        tell(&db, &claim, calls(1, 1)).await;
        tell(&db, &claim, calls(2, 3)).await;
    }
    let sums: (i64, i64) =
        sqlx::query_as("SELECT SUM(answered), SUM(failed) FROM call").fetch_one(db.read()).await.unwrap();
    assert_eq!(sums, (2, 3));
    assert_eq!(count(&db, "SELECT calls_answered * 10 + calls_failed FROM run").await, 23);
    assert_eq!(circuit(&db).await.state, State::Open, "three of five");
}

#[tokio::test]
async fn calls_that_are_long_past_open_nothing_and_are_forgotten() {
    let (_folder, db, claim) = busy(&[1]).await;
    let at = clock::now_ms() - TIMES.window;
    db.progress(&claim, &Progress::default(), None, (calls(0, 9), at)).await.unwrap();
    assert_eq!(circuit(&db).await.state, State::Closed, "a worker reads late what failed long ago");
    run(&db, "UPDATE call SET at = at - 600000").await;
    tell(&db, &claim, calls(1, 9)).await;
    assert_eq!(count(&db, "SELECT COUNT(*) FROM call").await, 1);
    // The clock was set back: what lies in the future neither counts nor stays.
    run(&db, "UPDATE call SET at = at + 99000000, failed = 50").await;
    tell(&db, &claim, calls(1, 10)).await;
    assert_eq!(circuit(&db).await.state, State::Closed);
    assert_eq!(count(&db, "SELECT COUNT(*) FROM call").await, 1);
}

#[tokio::test]
async fn an_outage_excuses_a_run_but_not_for_ever() {
    let (_folder, db, claim) = busy(&[1]).await;
    let unavailable = Outcome::Unavailable(String::new());
    assert!(!db.history(&claim).await.unwrap().outage);
    tell(&db, &claim, calls(0, 5)).await;
    let history = db.history(&claim).await.unwrap();
    assert!(matches!(decide(&unavailable, history, 1, 7, 0.5), Next::Park { at: 7, cause: ParkedFor::Unavailable }));
    run(&db, "UPDATE job SET accepted_at = accepted_at - 86400001").await;
    let history = db.history(&claim).await.unwrap();
    assert_eq!(decide(&unavailable, history, 1, 7, 0.5), Next::Failed);
}

#[tokio::test]
async fn status_names_what_is_out_of_order() {
    let (_folder, db, claim) = busy(&[1]).await;
    assert!(db.status().await.unwrap().circuits.is_empty());
    tell(&db, &claim, calls(0, 5)).await;
    for _ in 0..5 {
        db.heard(Service::Telegram, Heard { calls: Calls::FAILED, caller: Caller::Other }).await.unwrap();
    }
    let circuits = db.status().await.unwrap().circuits;
    let words: Vec<&str> = circuits.iter().map(|circuit| circuit.words.split(" for ").next().unwrap()).collect();
    assert_eq!(words, ["Claude API temporarily unavailable", "Telegram temporarily unavailable"]);
    assert_eq!(db.probe_telegram().await.unwrap().state, State::Probing);
    let closed = db.heard(Service::Telegram, Heard { calls: Calls::ANSWERED, caller: Caller::Probe }).await.unwrap();
    assert_eq!(closed.state, State::Closed);
    assert_eq!(db.status().await.unwrap().circuits.len(), 1);
}
