//! What is held: the end of a run in its file, the database by whoever uses it, a run by its shim. Each is looked at from
//! outside, as another process would find it.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    sync::{Arc, Mutex},
};

use agentlab_domain::outcome::{End, Exit};
use agentlab_platform::{
    db::{Db, DbError},
    home::Home,
    lock::{self, Lock, Mode},
    run_dir::RunDir,
};
use agentlab_stand_ins::BotApi;

use crate::world::{LONG, Look, World, wait_until};

#[test]
fn r9_the_end_is_in_its_place_only_when_it_is_whole_and_in_space_taken_before() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunDir::at(folder.path().join("r"));
    run.create().unwrap();
    fs::write(run.events(), "{}\n").unwrap();
    run.reserve_exit().unwrap();
    let new = run.path().join("exit.new");
    let reserved = fs::metadata(&new).unwrap();
    assert!(reserved.blocks() * 512 >= reserved.len() && reserved.len() == 4096, "the space is really there");
    // What another process would find between any two steps.
    let found = Arc::new(Mutex::new(Vec::new()));
    for point in ["exit-synced", "exit-written", "exit-renamed"] {
        let (found, run, new) = (Arc::clone(&found), run.clone(), new.clone());
        fail::cfg_callback(point, move || {
            let end = run.exit().unwrap();
            let whole = fs::read(&new).ok().map(|bytes| serde_json::from_slice::<Exit>(&bytes).is_ok());
            found.lock().unwrap().push((point, end, whole));
        })
        .unwrap();
    }
    let exit = Exit { end: End::Exited, code: Some(0), signal: None, out_of_memory: false };
    run.write_exit(&exit).unwrap();
    ["exit-synced", "exit-written", "exit-renamed"].into_iter().for_each(fail::remove);
    let expected = [
        ("exit-synced", None, Some(false)),
        ("exit-written", None, Some(true)),
        ("exit-renamed", Some(exit.clone()), None),
    ];
    assert_eq!(*found.lock().unwrap(), expected);
    let end = fs::metadata(run.path().join("exit.json")).unwrap();
    assert_eq!((end.ino(), end.len()), (reserved.ino(), reserved.len()), "no new space was needed");
    assert_eq!(run.exit().unwrap(), Some(exit));
}

#[test]
fn l3_the_database_is_held_by_whoever_opened_it_and_refused_to_whoever_comes_while_it_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("h")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let aside = Lock::try_take(&home.lock("db"), Mode::Exclusive).unwrap().unwrap();
    let refused = runtime.block_on(Db::open(&home)).unwrap_err();
    assert!(matches!(refused, DbError::SetAside), "{refused}");
    assert!(!home.database().exists(), "it was not even touched");
    drop(aside);
    let [first, second] = [0, 1].map(|_| runtime.block_on(Db::open(&home)).unwrap());
    let copy = first.clone();
    drop(first);
    drop(second);
    assert!(lock::is_held(&home.lock("db")).unwrap(), "as long as any copy of any of them");
    drop(copy);
    assert!(!lock::is_held(&home.lock("db")).unwrap());
}

/// The locks that this process holds on this file, as the kernel tells.
#[cfg(target_os = "linux")]
fn flocks(pid: i32, path: &std::path::Path) -> Vec<String> {
    let held = |entry: fs::DirEntry| {
        let is_it = fs::read_link(entry.path()).is_ok_and(|target| target == path);
        let info = format!("/proc/{pid}/fdinfo/{}", entry.file_name().to_string_lossy());
        let info = is_it.then(|| fs::read_to_string(info).ok()).flatten()?;
        Some(info.lines().filter(|line| line.contains("FLOCK")).map(str::to_owned).collect::<Vec<_>>())
    };
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().filter_map(Result::ok);
    entries.filter_map(held).flatten().collect()
}

#[cfg(target_os = "linux")]
#[test]
fn l3_every_process_that_lives_long_holds_the_database_shared_and_its_post_alone_and_a_run_holds_neither() {
    let api = BotApi::start();
    let world = World::with_bot(&api);
    let _up = world.up();
    api.user_says(crate::world::ANN, crate::world::ANN, "[[hang]]");
    let look = Look::into(&world);
    wait_until("it runs", LONG, || look.held().len() == 1);
    let home = Home::at(world.home()).unwrap();
    let posts: Vec<(String, i64, i32)> = look.rows("SELECT role, slot, pid FROM process");
    assert_eq!(posts.len(), 6, "{posts:?}");
    for (role, slot, pid) in posts {
        let post = if slot == 0 { role } else { format!("{role}-{slot}") };
        let [database, own] = ["db", &post].map(|name| flocks(pid, &home.lock(name)).join(" "));
        assert!(database.contains("READ"), "{post}: {database:?}");
        assert!(own.contains("WRITE"), "{post}: {own:?}");
    }
    // Neither shim nor agent got a descriptor that was not meant for it (rule R2).
    let run = look.held().remove(0).run;
    let directory = home.runs().join(&run);
    let mut of_run = Vec::new();
    wait_until("shim and agent are there", LONG, || {
        of_run = agentlab_platform::identity::marked(&format!("AGENTLAB_RUN={run}")).unwrap();
        of_run.len() == 2 && !flocks(of_run[1].pid, &directory.join("child.lock")).is_empty()
    });
    for process in of_run {
        let entries = fs::read_dir(format!("/proc/{}/fd", process.pid)).unwrap().filter_map(Result::ok);
        let open: Vec<_> = entries.filter_map(|entry| fs::read_link(entry.path()).ok()).collect();
        let locks = open.iter().filter(|path| path.extension().is_some_and(|end| end == "lock"));
        assert!(locks.clone().all(|path| path.starts_with(&directory)), "{open:?}");
        assert_eq!(locks.count(), 1, "the shim its run.lock, the agent its child.lock: {open:?}");
        assert!(open.iter().all(|path| !path.to_string_lossy().contains("agentlab.db")), "{open:?}");
    }
}

/// What a shim may weigh: there is one for every run, for as long as the run lasts.
#[cfg(target_os = "linux")]
#[test]
fn a_shim_is_small() {
    // Half of it is the program's own tables, which the loader fills in anew for each process; a release has fewer.
    const MOST_KIB: u64 = 6 * 1024;
    let world = World::new();
    let mut ask = world.start(&["ask", "[[tool: Bash waits]] [[hang]]"]);
    ask.wait_for_line("Bash: waits", LONG);
    let run = Look::into(&world).held().remove(0).run;
    let processes = agentlab_platform::identity::marked(&format!("AGENTLAB_RUN={run}")).unwrap();
    let is_shim =
        |pid: i32| fs::read(format!("/proc/{pid}/cmdline")).unwrap().split(|b| *b == 0).nth(1) == Some(b"shim");
    let shim = processes.iter().find(|process| is_shim(process.pid)).unwrap();
    let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", shim.pid)).unwrap();
    let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap();
    let pss: u64 = pss.trim().trim_end_matches(" kB").trim().parse().unwrap();
    eprintln!("a shim's proportional memory: {pss} KiB");
    assert!(pss < MOST_KIB, "{rollup}");
    ask.signal(nix::sys::signal::Signal::SIGINT);
    ask.end(LONG);
}
