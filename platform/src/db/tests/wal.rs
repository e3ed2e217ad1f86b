//! The WAL's size while others read and write.

use agentlab_domain::{
    ladder::Rung,
    role::{Post, Role},
};

use super::*;

const WORKER: Post = Post { role: Role::Worker, slot: 1 };
const MIB: u64 = 1024 * 1024;

async fn write_20_mib(db: &Db) {
    for _ in 0..40 {
        db.recovered(WORKER, Rung::Restart, true, &"x".repeat(512 * 1024)).await.unwrap();
    }
}

#[tokio::test]
async fn it_stays_small_under_writes_and_what_a_long_reader_made_of_it_is_cut_when_he_is_gone() {
    let (_folder, db) = fresh().await;
    write_20_mib(&db).await;
    assert!(db.wal_bytes() <= 8 * MIB, "it begins anew: {}", db.wal_bytes());
    let reader = Db::open(db.home()).await.unwrap();
    let mut snapshot = reader.read().begin().await.unwrap();
    sqlx::query("SELECT COUNT(*) FROM job").fetch_one(&mut *snapshot).await.unwrap();
    write_20_mib(&db).await;
    assert!(db.wal_bytes() > 16 * MIB, "a reader of an older state keeps all of it: {}", db.wal_bytes());
    snapshot.rollback().await.unwrap();
    assert!(db.checkpoint().await.unwrap() > 0);
    assert_eq!(db.wal_bytes(), 0);
}

#[tokio::test]
async fn one_that_begins_anew_grows_no_further() {
    let (_folder, db) = fresh().await;
    // Others look meanwhile, and keep nothing.
    let other = Db::open(db.home()).await.unwrap();
    let mut sizes = Vec::new();
    for n in 0..10 {
        super::super::checkpoint::begin_anew(&db.full).await.unwrap();
        db.recovered(WORKER, Rung::Restart, true, &format!("{n}")).await.unwrap();
        sqlx::query("SELECT COUNT(*) FROM job").fetch_one(other.read()).await.unwrap();
        sizes.push(db.wal_bytes());
    }
    assert_eq!(sizes.first(), sizes.last(), "{sizes:?}");
}
