//! Pruning in rows: what may never go stays, no count goes back, and little is left of what went.

use agentlab_domain::{chat::Place, isolation::Isolation, job::State};

use super::*;
use crate::{
    config,
    db::{
        Terms,
        enqueue::{NewJob, Source},
        tally::names,
    },
    home::Home,
};

const DAY: i64 = 24 * 3_600_000;

async fn fresh() -> (tempfile::TempDir, Db) {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&Home::at(folder.path().join("h")).unwrap()).await.unwrap();
    (folder, db)
}

async fn sql(db: &Db, statement: &str) {
    let mut write = db.begin(Durability::Normal).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut *write).await.unwrap();
    write.commit().await.unwrap();
}

async fn number(db: &Db, query: &str) -> i64 {
    sqlx::query_scalar(sqlx::AssertSqlSafe(query.to_owned())).fetch_one(db.read()).await.unwrap()
}

/// So many tasks from terminals and one from a chat in ten, with a session, a run, its cost, its message; all ended long ago.
async fn ended_tasks(db: &Db, many: i64) {
    for n in 1..=many {
        let path = std::path::PathBuf::from("/nowhere/p");
        let place = config::Place { project: "p".into(), path, isolation: Isolation::None };
        let source = if n % 10 == 0 {
            Source::Telegram { bot_id: 1, update_id: n, user: 5, place: Place { chat: 5, topic: None }, message: n }
        } else {
            Source::Terminal { request_id: n.to_string() }
        };
        db.enqueue(&NewJob { source, place, prompt: "[[say: nothing]]".into(), resumes: None }).await.unwrap();
    }
    for statement in [
        "INSERT INTO session (id, lane, project, workspace, state, created_at, used_at)
         SELECT id || '-0123456789', lane, 'p', '/p' || number, 'current', 1, 1000 + number FROM job",
        "INSERT INTO run (id, job_id, attempt, token, state, session, workspace, exclusive, claimed_at, started_at, ended_at,
             outcome, cost_micro_usd, turns, input_tokens)
         SELECT 'run' || number, id, 1, 't', 'over', id || '-0123456789', '/p', 0, 1000, 1000, 1000 + number, 'succeeded', 100, 1, 7
         FROM job",
        "INSERT INTO spend (run_id, user_id, reserved_micro_usd, settled_micro_usd, reserved_at, settled_at)
         SELECT 'run' || number, user_id, 500, 100, 1000, 2000 FROM job",
        "INSERT INTO outbox (kind, job_id, chat, body, state, delivered_revision, created_at, delivered_at)
         SELECT 'status', id, 5, '{}', 'delivered', 1, 1000, 2000 FROM job WHERE channel = 'telegram'",
        "DELETE FROM job_lane",
        "UPDATE Jobs SET status = 'Done'",
    ] {
        sql(db, statement).await;
    }
    let (done, rest) = (State::Done.as_str(), "answer = 'nothing', accepted_at = 900, ended_at = 1000 + number");
    sql(db, &format!("UPDATE job SET state = '{done}', {rest}")).await;
}

impl Db {
    /// Every task ended long ago, after one run that is called by its number.
    pub(crate) async fn end_all_long_ago(&self) {
        let run = "INSERT INTO run (id, job_id, attempt, token, state, session, workspace, exclusive, claimed_at, ended_at, outcome)
                   SELECT 'run' || number, id, 1, 't', 'over', 's' || number, '/p', 0, 1000, 2000, 'succeeded' FROM job";
        sql(self, run).await;
        sql(self, &format!("UPDATE job SET state = '{}', ended_at = 3000", State::Done.as_str())).await;
    }

    /// How many rows a table has.
    pub(crate) async fn count_of(&self, table: &str) -> i64 {
        number(self, &format!("SELECT COUNT(*) FROM {table}")).await
    }
}

async fn prune_all(db: &Db, before: i64) -> u64 {
    let (mut after, mut gone) = (Cursor::default(), 0);
    loop {
        let found = db.tasks_to_prune(before, after, 100).await.unwrap();
        let Some(last) = found.last() else { break };
        after = last.cursor();
        let ids: Vec<&str> = found.iter().map(|task| task.id.as_str()).collect();
        gone += db.prune_tasks(&ids).await.unwrap().rows;
    }
    for kind in Kind::ALL {
        while db.prune(kind, before, 100).await.unwrap().rows > 0 {}
    }
    gone
}

/// What is counted, as far as it is not nothing.
async fn counted(db: &Db) -> Vec<String> {
    let tallies = db.tallies().await.unwrap();
    let all = [
        names::TASKS_ACCEPTED,
        names::TASKS_ENDED,
        names::ANSWERS,
        names::RUNS,
        names::RUN_TIMES,
        names::CALLS,
        names::TURNS,
        names::TOKENS,
        names::SPENT,
        names::UPDATES,
        names::DELIVERED,
        names::GIVEN_UP,
        names::RETRIES,
    ];
    let of = |name| tallies.of(name).filter(|(_, value)| *value != 0).map(move |row| format!("{name} {row:?}"));
    all.into_iter().flat_map(of).collect()
}

async fn owed(db: &Db) -> Vec<(String, Option<i64>)> {
    sqlx::query_as("SELECT owed, task FROM v_owed ORDER BY 1, 2").fetch_all(db.read()).await.unwrap()
}

#[tokio::test]
async fn what_has_not_ended_is_owed_or_still_lives_stays_with_all_its_rows() {
    let (_folder, db) = fresh().await;
    ended_tasks(&db, 80).await;
    for statement in [
        // Its answer has not arrived; one was given up; one is being sent; one never got a message; one of which a run lives.
        "UPDATE outbox SET state = 'pending' WHERE job_id = (SELECT id FROM job WHERE number = 10)",
        "UPDATE outbox SET state = 'given_up' WHERE job_id = (SELECT id FROM job WHERE number = 20)",
        "UPDATE outbox SET state = 'sending', owed = 0 WHERE job_id = (SELECT id FROM job WHERE number = 30)",
        "DELETE FROM outbox WHERE job_id = (SELECT id FROM job WHERE number = 40)",
        "INSERT INTO run (id, job_id, attempt, token, state, session, workspace, exclusive, claimed_at)
         SELECT 'alive', id, 2, 't', 'running', 's', '/q', 0, 1 FROM job WHERE number = 5",
        "UPDATE job SET ended_at = 5000 WHERE number = 6",
        "INSERT INTO outbox (kind, chat, body, state, created_at) VALUES ('reply', 1, '{}', 'pending', 1)",
        "INSERT INTO outbox (kind, chat, body, state, delivered_revision, created_at, delivered_at)
         VALUES ('reply', 1, '{}', 'delivered', 1, 1, 2)",
    ] {
        sql(&db, statement).await;
    }
    let live = NewJob {
        source: Source::Terminal { request_id: "live".into() },
        place: config::Place { project: "p".into(), path: "/nowhere/p".into(), isolation: Isolation::None },
        prompt: "x".into(),
        resumes: None,
    };
    db.enqueue(&live).await.unwrap();
    sql(&db, "UPDATE job SET session = (SELECT id || '-0123456789' FROM job WHERE number = 7) WHERE number = 81").await;
    let before = owed(&db).await;
    assert_eq!(prune_all(&db, 4000).await, 80 - 6);
    let kept: Vec<i64> =
        sqlx::query_scalar("SELECT number FROM job ORDER BY number").fetch_all(db.read()).await.unwrap();
    assert_eq!(kept, [5, 6, 10, 20, 30, 40, 81]);
    assert_eq!(owed(&db).await, before, "what is owed is owed as before");
    assert_eq!(
        number(&db, "SELECT COUNT(*) FROM outbox WHERE job_id IS NULL").await,
        1,
        "the one that has not arrived"
    );
    assert_eq!(number(&db, "SELECT COUNT(*) FROM run").await, 7, "with their runs");
    assert_eq!(number(&db, "SELECT COUNT(*) FROM Jobs").await, 7, "and their rows in the queue");
    // Of conversations: those of kept runs, the one that is asked for, and what a chat goes on with.
    let of_terminals = number(&db, "SELECT COUNT(*) FROM session WHERE lane GLOB 'own:*'").await;
    assert_eq!((of_terminals, number(&db, "SELECT COUNT(*) FROM session WHERE lane = 'chat:5'").await), (3, 8));
    assert_eq!(number(&db, "SELECT COUNT(*) FROM pragma_foreign_key_check").await, 0);
    assert_eq!(prune_all(&db, 4000).await, 0, "a second pass finds nothing");
    assert!(db.missing(9).await.unwrap().contains("task 9 ended on 1970-01-01 (done)"));
    assert_eq!(db.missing(99).await.unwrap(), "there is no task 99");
    assert_eq!(number(&db, "SELECT COUNT(*) FROM job_past").await, 74);
}

#[tokio::test]
async fn no_count_and_no_budget_changes_when_tasks_go() {
    let (_folder, db) = fresh().await;
    ended_tasks(&db, 30).await;
    let now = clock::now_ms();
    // They ran today: their cost counts for today and this month.
    sql(&db, &format!("UPDATE spend SET reserved_at = {now}")).await;
    let (spending, days) = (db.spending().await.unwrap(), db.days().await.unwrap());
    let counted = self::counted(&db).await;
    assert!(counted.len() > 10, "{counted:?}");
    let by_day =
        "SELECT group_concat(day_utc || ':' || COALESCE(user_id, '-') || ':' || runs || ':' || usd) FROM v_spend";
    let before: String = sqlx::query_scalar(by_day).fetch_one(db.read()).await.unwrap();
    assert!(spending.today_usd > 0.0 && spending.by_user.len() == 2);
    assert_eq!(prune_all(&db, now).await, 30);
    assert_eq!(self::counted(&db).await, counted);
    assert_eq!(db.spending().await.unwrap(), spending);
    assert_eq!(db.days().await.unwrap(), days);
    assert_eq!(sqlx::query_scalar::<_, String>(by_day).fetch_one(db.read()).await.unwrap(), before);
}

#[tokio::test]
async fn the_audit_log_lets_go_of_nothing_that_is_younger_than_thirty_days_whoever_asks() {
    let (_folder, db) = fresh().await;
    let now = clock::now_ms();
    for age in [400, 40, 20, 0] {
        sql(&db, &format!("INSERT INTO audit (at, action, actor) VALUES ({}, 'pause', 'x')", now - age * DAY)).await;
    }
    let mut write = db.begin(Durability::Normal).await.unwrap();
    assert!(sqlx::query("DELETE FROM audit WHERE id = 1").execute(&mut *write).await.is_err(), "not without its age");
    write.rollback().await.unwrap();
    assert_eq!(db.prune(Kind::Audit, now - 365 * DAY, 100).await.unwrap().rows, 1);
    let mut write = db.begin(Durability::Normal).await.unwrap();
    assert!(sqlx::query("DELETE FROM audit WHERE id = 2").execute(&mut *write).await.is_err(), "it is kept for a year");
    write.rollback().await.unwrap();
    assert!(db.prune(Kind::Audit, now, 100).await.is_err(), "not even by the pruner");
    assert_eq!(number(&db, "SELECT COUNT(*) FROM audit").await, 3);
}

#[tokio::test]
async fn alerts_and_hours_of_uptime_go_some_at_a_time_and_never_with_what_is_written() {
    let (_folder, db) = fresh().await;
    let many = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 25)";
    for statement in [
        "INSERT INTO alert (key, rule, severity, subject, words, began) SELECT 'k' || x, 'bot_down', 'info', '', '', x FROM n",
        "INSERT INTO alert_delivery (alert_id, channel, at, what) SELECT id, 'email', 1, 'began' FROM alert",
        "INSERT INTO uptime (hour, first_at, last_at, watched_ms, served_ms) SELECT x * 3600000, 1, 1, 100, 50 FROM n",
    ] {
        sql(&db, &if statement.contains("FROM n") { format!("{many} {statement}") } else { statement.to_owned() })
            .await;
    }
    let before = db.tallies().await.unwrap();
    db.watched(agentlab_domain::uptime::Passed { watched_ms: 0, served_ms: 0 }).await.unwrap();
    db.note_alerts(&std::collections::BTreeMap::new()).await.unwrap();
    assert_eq!(
        (db.count_of("alert").await, db.count_of("uptime").await),
        (25, 26),
        "nobody who writes is kept waiting"
    );
    let old = clock::now_ms() - 50 * DAY;
    for (kind, table, left) in [(Kind::Alerts, "alert", 0), (Kind::Hours, "uptime", 1)] {
        for gone in [10, 10, 5, 0] {
            assert_eq!(db.prune(kind, old, 10).await.unwrap().rows, gone, "{table}");
        }
        assert_eq!(db.count_of(table).await, left, "{table}");
    }
    assert_eq!(db.count_of("alert_delivery").await, 0);
    let after = db.tallies().await.unwrap();
    for name in [names::ALERTS, names::SERVED, names::WATCHED] {
        assert!(before.sum(name) > 0 && before.sum(name) == after.sum(name), "{name}");
    }
}

/// A figure, printed: bytes of the database for each task whose age is over.
#[tokio::test]
async fn an_ended_task_leaves_less_than_250_bytes() {
    const MANY: i64 = 3_000;
    let (_folder, db) = fresh().await;
    sql(&db, "PRAGMA user_version = 0").await;
    let empty = size(&db).await;
    ended_tasks(&db, MANY).await;
    let full = size(&db).await;
    assert_eq!(prune_all(&db, 1_000_000).await, u64::try_from(MANY).unwrap());
    // By themselves, some pages at a time: nothing is made anew.
    let pruner = db.for_pruning();
    while pruner.give_back(500).await.unwrap().rows > 0 {}
    let left = size(&db).await - (4096 * 1024).min(number(&db, "PRAGMA freelist_count").await * 4096);
    let each = |bytes: i64| (bytes - empty) / MANY;
    println!("bytes a task: {} before, {} when its age is over", each(full), each(left));
    assert!(each(left) < 250, "{left} - {empty}");
    assert!(each(size(&db).await) <= 4096 * 1025 / MANY + 250, "the file itself is smaller");
}

async fn size(db: &Db) -> i64 {
    number(db, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").await
}

#[tokio::test]
async fn a_database_of_an_earlier_release_is_made_anew_once_in_quiet_and_then_gives_room_back() {
    let (folder, db) = fresh().await;
    assert_eq!(number(&db, "SELECT auto_vacuum FROM pragma_auto_vacuum").await, 2, "a new one does at once");
    ended_tasks(&db, 5).await;
    let old = folder.path().join("old.db");
    let path = old.display();
    // As an earlier release would have made it.
    let mut connection = db.read().acquire().await.unwrap();
    sqlx::query("PRAGMA auto_vacuum = NONE").execute(&mut *connection).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("VACUUM INTO '{path}'"))).execute(&mut *connection).await.unwrap();
    drop(connection);
    let home = Home::at(folder.path().join("other")).unwrap();
    std::fs::copy(&old, home.database()).unwrap();
    let db = Db::open(&home).await.unwrap().under(Terms::default());
    assert_eq!(number(&db, "SELECT auto_vacuum FROM pragma_auto_vacuum").await, 0);
    sql(
        &db,
        "CREATE TABLE filler AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3000)
              SELECT hex(zeroblob(2000)) AS text FROM n",
    )
    .await;
    sql(&db, "DROP TABLE filler").await;
    let pruner = db.for_pruning();
    assert!(!pruner.make_anew(clock::now_ms()).await.unwrap(), "a task ended lately");
    assert!(pruner.make_anew(1000).await.unwrap());
    assert!(!pruner.make_anew(1000).await.unwrap(), "once");
    assert_eq!(number(&db, "SELECT auto_vacuum FROM pragma_auto_vacuum").await, 2);
    let copy = folder.path().join("copy.db");
    db.copy_to(&copy).await.unwrap();
    assert_eq!(number(&db, "SELECT COUNT(*) FROM job").await, 5);
}
