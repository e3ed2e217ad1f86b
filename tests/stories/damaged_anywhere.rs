//! One byte of any page changed, and the file or its WAL cut at any page: what a start makes of it. Each ends in "sound", in
//! "restored", in "put back" or in a refusal, and every accepted task is there afterwards. A sample of the places; all of them under
//! `just anywhere`.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use agentlab_domain::isolation::Isolation;
use agentlab_platform::{
    backup,
    config::{Backup as Terms, Place},
    db::{
        Db,
        enqueue::{NewJob, Source},
    },
    home::Home,
    restore::{self, Depth},
};

use crate::world::few_or_many;

const PAGE: u64 = 4096;
const TASKS: i64 = 40;

/// A home with a backup half-way: as it stands while its last transactions are in the WAL alone, and when none is.
async fn at_work(folder: &Path) -> [PathBuf; 2] {
    let home = Home::at(folder.join("w")).unwrap();
    let db = restore::open(&home, Depth::Whole).await.unwrap();
    for number in 1..=TASKS {
        let prompt = format!("task {number} {}", "words ".repeat(usize::try_from(number).unwrap() * 12));
        let place = Place { project: "p".into(), path: home.workspace(), isolation: Isolation::Exclusive };
        let source = Source::Terminal { request_id: format!("request-{number}") };
        db.enqueue(&NewJob { source, place, prompt, resumes: None }).await.unwrap();
        if number % 3 == 0 {
            db.cancel(number, "the test").await.unwrap();
        }
        if number == TASKS / 2 {
            backup::take(&db, &Terms::default(), agentlab_domain::backup::Reason::ByHand).await.unwrap();
        }
    }
    let (with_wal, without) = (folder.join("a"), folder.join("b"));
    copy_folder(home.path(), &with_wal);
    db.checkpoint().await.unwrap();
    copy_folder(home.path(), &without);
    db.let_go().await;
    [with_wal, without]
}

pub(super) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy_folder(&entry.path(), &target);
        } else if kind.is_file() && !entry.file_name().to_string_lossy().ends_with("-shm") {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// What was done to which file.
#[derive(Debug, Clone, Copy)]
enum Wrong {
    Flipped { file: &'static str, at: u64 },
    Cut { file: &'static str, at: u64 },
}

impl Wrong {
    fn do_to(self, home: &Path) {
        let open = |file: &str| fs::File::options().read(true).write(true).open(home.join(file)).unwrap();
        match self {
            Self::Flipped { file, at } => {
                let file = open(file);
                let mut byte = [0];
                file.read_exact_at(&mut byte, at).unwrap();
                file.write_all_at(&[byte[0] ^ 0x40], at).unwrap();
            }
            Self::Cut { file, at } => open(file).set_len(at).unwrap(),
        }
    }
}

/// Every place, or each `step`th of them.
fn places(home: &Path, step: usize) -> Vec<Wrong> {
    let mut all = Vec::new();
    for file in ["agentlab.db", "agentlab.db-wal"] {
        let length = fs::metadata(home.join(file)).map_or(0, |found| found.len());
        for page in 0..length / PAGE {
            // Another byte in each page; the first bytes of the file are the likeliest to matter.
            let at = page * PAGE + (page * 977 + if page == 0 { 18 } else { 3 }) % PAGE;
            all.extend([Wrong::Flipped { file, at }, Wrong::Cut { file, at: page * PAGE }]);
        }
    }
    all.into_iter().step_by(step).collect()
}

/// How a start over it ended.
async fn start(home: &Home) -> &'static str {
    let db = match restore::open(home, Depth::Whole).await {
        Ok(db) => db,
        Err(error) => {
            eprintln!("refused: {error}");
            return "refused";
        }
    };
    assert_whole(&db).await;
    db.let_go().await;
    match restore::last(home) {
        None => "sound",
        Some(report) if report.why.is_some() => "restored",
        Some(_) => "put back",
    }
}

async fn assert_whole(db: &Db) {
    let jobs = db.jobs(false, 1000).await.unwrap();
    assert_eq!(jobs.len(), usize::try_from(TASKS).unwrap(), "every accepted task is there");
    for job in jobs {
        let cancelled = job.id % 3 == 0;
        assert_eq!(job.state == "cancelled", cancelled, "task {} is {}", job.id, job.state);
    }
}

#[tokio::test]
async fn whatever_byte_is_changed_or_wherever_it_is_cut_every_accepted_task_is_there_afterwards() {
    let folder = tempfile::Builder::new().prefix("al").tempdir_in("/tmp").unwrap();
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    let [with_wal, without] = at_work(folder.path()).await;
    let wrongs = [(&with_wal, few_or_many(31, 1)), (&without, few_or_many(3, 1))];
    let wrongs = wrongs
        .into_iter()
        .flat_map(|(original, step)| places(original, step).into_iter().map(move |wrong| (original, wrong)));
    for (original, wrong) in wrongs {
        let home = Home::at(folder.path().join("h")).unwrap();
        copy_folder(original, home.path());
        wrong.do_to(home.path());
        let ended = start(&home).await;
        *ends.entry(ended).or_default() += 1;
        assert_ne!(ended, "refused", "{wrong:?}: there is a backup and a journal");
        // The next start finds nothing more to do.
        let report = restore::last(&home);
        start(&home).await;
        assert_eq!(restore::last(&home), report, "{wrong:?}");
        fs::remove_dir_all(home.path()).unwrap();
    }
    eprintln!("ends: {ends:?}");
    assert!(ends.contains_key("restored") && ends.contains_key("put back"), "{ends:?}");
}
