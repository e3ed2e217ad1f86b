//! What the rows say of living runs, and that asking for them costs nothing while none lives.

use agentlab_domain::run;

use super::{super::orphans::LIVE, *};

#[tokio::test]
async fn the_rows_say_who_holds_a_living_run_and_who_wants_it_stopped() {
    let (_folder, db) = fresh().await;
    assert_eq!(db.followed_and_orphaned().await.unwrap(), []);
    db.enqueue(&from_chat(1, 1, place("p", Isolation::None))).await.unwrap();
    worker(&db, "worker-1.X").await;
    let claim = db.claim("worker-1.X").await.unwrap().unwrap();
    let live = db.followed_and_orphaned().await.unwrap().remove(0);
    assert_eq!((&live.id, live.task, live.state), (&claim.run_id, 1, run::State::Claimed));
    assert_eq!((live.leased_by.as_deref(), live.unwanted_by, live.held), (Some("worker-1.X"), None, false));
    assert!(db.release("worker-1.X", &claim.job_id).await.unwrap());
    db.cancel(1, "Ann").await.unwrap();
    let live = db.followed_and_orphaned().await.unwrap().remove(0);
    assert_eq!((live.leased_by, live.unwanted_by.as_deref()), (None, Some("Ann")));
    let known = db.known_run(&claim.run_id).await.unwrap().unwrap();
    assert!(known.task == 1 && !known.over);
    assert_eq!(db.known_run("another-home's").await.unwrap(), None);
    assert_eq!(db.newest_over(50).await.unwrap(), [], "it lives");
    let claim = db.claim("worker-1.X").await.unwrap().unwrap();
    let stopped = Outcome::Stopped { by: "Ann".into() };
    assert_eq!(finish(&db, &claim, stopped, Next::Cancelled).await, Finished::Settled);
    assert_eq!(db.followed_and_orphaned().await.unwrap(), []);
    let known = db.known_run(&claim.run_id).await.unwrap().unwrap();
    assert!(known.over);
    assert_eq!(db.newest_over(50).await.unwrap(), [known]);
}

#[tokio::test]
async fn a_run_that_is_held_says_so_but_not_for_ever() {
    let (_folder, db) = fresh().await;
    db.enqueue(&from_chat(1, 1, place("p", Isolation::None))).await.unwrap();
    worker(&db, "worker-1.X").await;
    let claim = db.claim("worker-1.X").await.unwrap().unwrap();
    let now = crate::clock::now_ms();
    for (until, held) in [(now + 60_000, true), (now - 1, false), (now + 10 * 3_600_000, false)] {
        sqlx::query("UPDATE run SET hold_until = ?2 WHERE id = ?1")
            .bind(&claim.run_id)
            .bind(until)
            .execute(db.read())
            .await
            .unwrap();
        assert_eq!(db.followed_and_orphaned().await.unwrap()[0].held, held, "{until}");
    }
}

#[tokio::test]
async fn only_the_live_runs_are_read_however_many_are_over() {
    let (_folder, db) = fresh().await;
    let plan: Vec<(i64, i64, i64, String)> =
        sqlx::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {LIVE}"))).fetch_all(db.read()).await.unwrap();
    let first = &plan[0].3;
    assert!(first.contains("run USING INDEX run_live_"), "{plan:?}");
}
