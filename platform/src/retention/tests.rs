//! A pass over files and rows: a backup does not suffer, and what is held stays.

use agentlab_domain::{isolation::Isolation, retention::Ages};

use super::*;
use crate::{
    config::{self, Backup},
    db::enqueue::{NewJob, Source},
    run_dir::RunDir,
};

async fn home_with(tasks: i64) -> (tempfile::TempDir, Db) {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&Home::at(folder.path().join("h")).unwrap()).await.unwrap();
    for n in 1..=tasks {
        let place = config::Place { project: "p".into(), path: "/nowhere".into(), isolation: Isolation::None };
        let source = Source::Terminal { request_id: n.to_string() };
        db.enqueue(&NewJob { source, place, prompt: "x".into(), resumes: None }).await.unwrap();
        let run = RunDir::of(db.home(), &format!("run{n}"));
        run.create().unwrap();
        std::fs::write(run.events(), "{}\n").unwrap();
    }
    db.end_all_long_ago().await;
    (folder, db)
}

fn directories(db: &Db) -> usize {
    std::fs::read_dir(db.home().runs()).unwrap().count()
}

#[tokio::test]
async fn directories_go_at_their_age_and_tasks_with_all_that_is_left_at_theirs() {
    let (_folder, db) = home_with(5).await;
    std::fs::create_dir(db.home().runs().join(".new-run9-cut-off")).unwrap();
    std::fs::create_dir(db.home().runs().join("nobody-knows-it")).unwrap();
    let before = retention::before(Ages::default(), Pressure::Enough, clock::now_ms());
    let young = Before { jobs: 1, ..before };
    let passed = pass(&db, young, Pressure::Enough).await.unwrap();
    assert_eq!((passed.directories, passed.tasks), (5, 0));
    assert_eq!((directories(&db), db.count_of("job").await), (1, 5), "what no row knows is left alone");
    let passed = pass(&db, before, Pressure::Enough).await.unwrap();
    assert_eq!((passed.directories, passed.tasks), (0, 5));
    assert_eq!((db.count_of("job").await, db.count_of("run").await, db.count_of("job_past").await), (0, 0, 5));
    assert_eq!(last(db.home()), Some(passed));
}

#[tokio::test]
async fn a_run_that_somebody_holds_stays_and_its_task_with_it() {
    let (_folder, db) = home_with(3).await;
    let held = Lock::try_take(&RunDir::of(db.home(), "run2").run_lock(), Mode::Exclusive).unwrap().unwrap();
    let before = retention::before(Ages::default(), Pressure::Pressed, clock::now_ms());
    assert_eq!(pass(&db, before, Pressure::Pressed).await.unwrap().tasks, 2);
    assert!(RunDir::of(db.home(), "run2").events().exists());
    drop(held);
    assert_eq!(pass(&db, before, Pressure::Pressed).await.unwrap().tasks, 1);
    assert_eq!(directories(&db), 0);
}

#[tokio::test]
async fn backups_that_are_made_while_tasks_go_are_sound() {
    let (_folder, db) = home_with(400).await;
    let before = retention::before(Ages::default(), Pressure::Enough, clock::now_ms());
    let (other, terms) = (Db::open(db.home()).await.unwrap(), Backup::default());
    let backups = async {
        for _ in 0..3 {
            crate::backup::take(&other, &terms, agentlab_domain::backup::Reason::Hourly).await.unwrap();
        }
    };
    let (passed, ()) = tokio::join!(pass(&db, before, Pressure::Enough), backups);
    assert_eq!(passed.unwrap().tasks, 400);
    assert_eq!(crate::backup::all(db.home()).len(), 3);
}
