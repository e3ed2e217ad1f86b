//! What the rules of alerts count as waiting for a worker.

use super::*;

async fn depth(db: &Db) -> u64 {
    db.alert_facts().await.unwrap().depth
}

#[tokio::test]
async fn tasks_wait_for_a_worker_only_if_a_free_one_could_take_them() {
    let (_folder, db) = fresh().await;
    worker(&db, "w").await;
    for n in 0..22 {
        db.enqueue(&from_chat(n, 1, place("one", Isolation::None))).await.unwrap();
    }
    assert_eq!(depth(&db).await, 1, "of one chat one after the other");
    let claim = db.claim("w").await.unwrap().unwrap();
    assert_eq!(depth(&db).await, 0, "21 wait for the first, and for no worker");
    for n in 22..27 {
        db.enqueue(&from_chat(n, n, place(&format!("p{n}"), Isolation::None))).await.unwrap();
    }
    assert_eq!(depth(&db).await, 5, "each of another chat");
    assert_eq!(finish(&db, &claim, Outcome::Succeeded, Next::Done).await, Finished::Settled);
    assert_eq!(depth(&db).await, 6, "the next one of the first chat");
}

#[tokio::test]
async fn a_directory_in_use_and_a_time_are_waited_for_by_themselves() {
    let (_folder, db) = fresh().await;
    worker(&db, "w").await;
    for chat in [1, 2] {
        db.enqueue(&from_chat(chat, chat, place("one", Isolation::Exclusive))).await.unwrap();
    }
    db.claim("w").await.unwrap().unwrap();
    assert_eq!(depth(&db).await, 0, "its directory is in use");
    db.enqueue(&from_chat(3, 3, place("three", Isolation::None))).await.unwrap();
    assert_eq!(depth(&db).await, 1);
    let mut write = db.begin(Durability::Normal).await.unwrap();
    sqlx::query("UPDATE job SET run_at = ?1 WHERE chat = 3")
        .bind(crate::clock::now_ms() + 30_000)
        .execute(&mut *write)
        .await
        .unwrap();
    write.commit().await.unwrap();
    assert_eq!(depth(&db).await, 0, "it is put off");
}
