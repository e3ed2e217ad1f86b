use std::os::unix::{fs::symlink, net::UnixDatagram};

use agentlab_domain::role::Role;

use super::*;
use crate::{identity::Identity, ping::Ear, pulse::Pulse};

const WORKER: Post = Post { role: Role::Worker, slot: 1 };

fn home() -> (tempfile::TempDir, Home) {
    // Short: sockets live in it.
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let home = Home::at(folder.path().join("h")).unwrap();
    (folder, home)
}

fn socket(home: &Home) -> PathBuf {
    home.socket("worker-1")
}

/// Where a thing was moved to.
fn aside(home: &Home, name: &str) -> PathBuf {
    let entries = fs::read_dir(home.run()).unwrap().map(|entry| entry.unwrap().path());
    let is_it = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(&format!("{name}.aside-"));
    entries.into_iter().find(is_it).unwrap()
}

#[test]
fn where_all_is_well_nothing_changes_however_often_it_is_asked() {
    let (_folder, home) = home();
    fs::write(spawn::error_path(&home, WORKER), "").unwrap();
    for _ in 0..3 {
        assert_eq!(reset(&home, WORKER).unwrap(), Vec::<String>::new());
    }
}

#[test]
fn a_stale_socket_is_removed_once_and_one_that_somebody_listens_at_is_left() {
    let (_folder, home) = home();
    drop(UnixDatagram::bind(socket(&home)).unwrap());
    let living = Lock::take(&home.post_lock(WORKER), Mode::Exclusive).unwrap();
    assert!(living.is_some() && reset(&home, WORKER).unwrap().is_empty() && socket(&home).exists());
    drop(living);
    let changed = reset(&home, WORKER).unwrap();
    assert!(changed.len() == 1 && changed[0].starts_with("removed the socket"), "{changed:?}");
    assert!(!socket(&home).exists() && reset(&home, WORKER).unwrap().is_empty());
}

#[tokio::test]
async fn what_keeps_a_process_from_listening_is_moved_aside_with_all_that_is_in_it() {
    let put: [fn(&Path); 3] = [
        |path| {
            fs::create_dir(path).unwrap();
            fs::write(path.join("letter"), "precious").unwrap();
        },
        |path| fs::write(path, "precious").unwrap(),
        |path| symlink("/etc/hostname", path).unwrap(),
    ];
    for put in put {
        let (_folder, home) = home();
        put(&socket(&home));
        let before = fs::symlink_metadata(socket(&home)).unwrap().ino();
        assert!(Ear::open(&socket(&home)).is_err(), "it is in the way, and is not deleted");
        let changed = reset(&home, WORKER).unwrap();
        assert!(changed.len() == 1 && changed[0].contains("is no socket; it is now"), "{changed:?}");
        assert_eq!(fs::symlink_metadata(aside(&home, "worker-1.sock")).unwrap().ino(), before);
        Ear::open(&socket(&home)).unwrap();
    }
    let (_folder, home) = home();
    fs::create_dir(socket(&home)).unwrap();
    fs::write(socket(&home).join("letter"), "precious").unwrap();
    reset(&home, WORKER).unwrap();
    assert_eq!(fs::read_to_string(aside(&home, "worker-1.sock").join("letter")).unwrap(), "precious");
}

#[tokio::test]
async fn a_pulse_that_cannot_be_read_or_written_is_moved_aside_and_a_good_one_is_left() {
    let begin = |home: &Home| {
        Pulse::begin(&home.pulse(WORKER), ("worker-1.A", &Identity::own().unwrap()), "c", &std::sync::Arc::default())
    };
    let (_folder, home) = home();
    fs::create_dir(home.pulse(WORKER)).unwrap();
    assert!(begin(&home).is_err());
    let changed = reset(&home, WORKER).unwrap();
    assert!(changed.len() == 1 && changed[0].contains("worker-1.pulse is no file of its own"), "{changed:?}");
    drop(begin(&home).unwrap());
    assert!(reset(&home, WORKER).unwrap().is_empty() && pulse::read(&home, WORKER).is_some());
    fs::write(home.pulse(WORKER), "{ half a bea").unwrap();
    assert_eq!(reset(&home, WORKER).unwrap().len(), 1);
    mkfifo(&home);
    assert!(pulse::read(&home, WORKER).is_none() && begin(&home).is_err(), "nobody waits for who never comes");
    assert_eq!(reset(&home, WORKER).unwrap().len(), 1);
    // A second name of somebody's file: a beat would be written over it.
    let precious = home.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    fs::hard_link(&precious, home.pulse(WORKER)).unwrap();
    assert_eq!(reset(&home, WORKER).unwrap().len(), 1);
    drop(begin(&home).unwrap());
    assert_eq!(fs::read_to_string(precious).unwrap(), "precious");
}

fn mkfifo(home: &Home) {
    nix::unistd::mkfifo(&home.pulse(WORKER), nix::sys::stat::Mode::S_IRWXU).unwrap();
}

#[test]
fn what_stands_where_a_process_is_to_print_is_moved_aside() {
    let (_folder, home) = home();
    let errors = spawn::error_path(&home, WORKER);
    fs::create_dir(&errors).unwrap();
    assert_eq!(reset(&home, WORKER).unwrap().len(), 1);
    fs::write(&errors, "its last words").unwrap();
    assert!(reset(&home, WORKER).unwrap().is_empty() && errors.exists());
}

#[test]
fn modes_that_keep_us_out_are_repaired_and_nothing_else_is_touched() {
    let (_folder, home) = home();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let lock = home.post_lock(WORKER);
    drop(Lock::take(&lock, Mode::Exclusive).unwrap());
    let stranger = home.run().join("notes.txt");
    fs::write(&stranger, "").unwrap();
    set(&stranger, 0o400);
    set(&lock, 0o400);
    set(&home.run(), 0o500);
    let inode = fs::metadata(&lock).unwrap().ino();
    let changed = reset(&home, WORKER).unwrap();
    assert_eq!(changed.len(), 2, "{changed:?}");
    assert_eq!((mode(&home.run()), mode(&lock), mode(&stranger)), (0o700, 0o600, 0o400));
    assert_eq!(fs::metadata(&lock).unwrap().ino(), inode, "l1: the same file");
    assert!(reset(&home, WORKER).unwrap().is_empty());
}

#[test]
fn l1_a_lock_that_is_no_file_is_left_for_a_person() {
    let (_folder, home) = home();
    fs::create_dir(home.post_lock(WORKER)).unwrap();
    fs::create_dir(socket(&home)).unwrap();
    let words = reset(&home, WORKER).unwrap_err().to_string();
    assert!(words.contains("is no file, and the lock of worker-1 belongs there"), "{words}");
    assert!(home.post_lock(WORKER).is_dir() && socket(&home).is_dir(), "nothing was touched without proof");
}
