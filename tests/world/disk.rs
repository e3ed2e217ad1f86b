//! A disk that fails when a story says so, or kills who changes it: `tests/stand-ins/faults/disk.c`, compiled here and preloaded
//! into chosen processes of a world. A *change* is one call that changes a file below the world's home; changes are counted over
//! all of the chosen.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt,
    path::PathBuf,
    process::Command,
    sync::OnceLock,
};

use nix::errno::Errno;

use super::World;

/// The bytes of `struct control`, and where its parts begin.
const SIZE: u64 = 9 * 8 + 256;
const COUNT: u64 = 0;
const FROM: u64 = 8;
const TO: u64 = 16;
const NUMBER: u64 = 24;
const TORN: u64 = 32;
const KILLS: u64 = 40;
const STEPS: u64 = 48;
const FAILED: u64 = 56;
const CALL: u64 = 64;
const PATH: u64 = 72;
/// By their numbers in `enum call`.
const CALLS: [&str; 10] = ["", "open", "write", "sync", "cut", "take", "rename", "link", "mkdir", "unlink"];

/// How a change fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// EIO: the device says no.
    Broken,
    /// ENOSPC: no room.
    Full,
    /// Half of a write is done, and then there is no room.
    Torn,
}

impl Fault {
    pub(crate) const ALL: [Self; 3] = [Self::Broken, Self::Full, Self::Torn];

    fn number(self) -> i32 {
        match self {
            Self::Broken => Errno::EIO as i32,
            Self::Full | Self::Torn => Errno::ENOSPC as i32,
        }
    }
}

/// When somebody is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kill {
    /// Before a *step*: a change that is not one more write to the file that was written to just before.
    BeforeStep,
    /// Before any change.
    Before,
    /// Before any change, or half-way through it where it writes.
    HalfWay,
}

impl Kill {
    pub(crate) const ALL: [Self; 3] = [Self::BeforeStep, Self::Before, Self::HalfWay];
}

/// The disk of a world's home, as some of its processes see it.
pub(crate) struct Disk {
    control: File,
}

impl Disk {
    /// Stands between the home of this world and the processes of these roles, which are started after it. `None`, with words,
    /// where there is no C compiler.
    pub(crate) fn under(world: &mut World, roles: &str) -> Option<Self> {
        let library = library()?;
        let path = world.path("disk");
        let control = OpenOptions::new().read(true).write(true).create_new(true).open(&path).unwrap();
        control.set_len(SIZE).unwrap();
        let preload = if cfg!(target_os = "macos") { "DYLD_INSERT_LIBRARIES" } else { "LD_PRELOAD" };
        let text = |path: PathBuf| path.into_os_string().into_string().unwrap();
        world.env.extend([
            (preload.into(), text(library.clone())),
            ("TEST_DISK_BELOW".into(), text(world.home())),
            ("TEST_DISK_ROLES".into(), roles.into()),
            ("TEST_DISK_CONTROL".into(), text(path)),
        ]);
        Some(Self { control })
    }

    /// From now on the `first` to the `last` change fail, counted from 1.
    pub(crate) fn fails(&self, first: u64, last: u64, fault: Fault) {
        self.set(FROM, 0);
        self.set(KILLS, 0);
        self.set(STEPS, 0);
        self.set(FAILED, 0);
        self.set(COUNT, 0);
        self.set(CALL, 0);
        self.set(NUMBER, u64::from(fault.number().unsigned_abs()));
        self.set(TORN, u64::from(fault == Fault::Torn));
        // What is torn goes on with the next call, which has no room either.
        self.set(TO, last.saturating_add(u64::from(fault == Fault::Torn)));
        self.set(FROM, first);
    }

    /// Who makes the `n`th change of this kind from now on, counted from 1, is killed at it.
    pub(crate) fn kills(&self, n: u64, kill: Kill) {
        self.fails(n, n, if kill == Kill::HalfWay { Fault::Torn } else { Fault::Broken });
        self.set(STEPS, u64::from(kill == Kill::BeforeStep));
        self.set(KILLS, 1);
    }

    /// It is well again.
    pub(crate) fn mend(&self) {
        self.set(FROM, 0);
    }

    /// How many changes there were, those among them that did not fail too.
    pub(crate) fn met_in_all(&self) -> u64 {
        self.get(COUNT)
    }

    /// How many of them failed.
    pub(crate) fn failed(&self) -> u64 {
        self.get(FAILED)
    }

    /// What failed first: `write run/bot-0.pulse`.
    pub(crate) fn met(&self) -> String {
        let mut path = [0; 256];
        self.control.read_exact_at(&mut path, PATH).unwrap();
        let end = path.iter().position(|byte| *byte == 0).unwrap_or(path.len());
        let path = String::from_utf8_lossy(&path[..end]).into_owned();
        let name = path.split_once("/h/").map_or(path.as_str(), |(_, name)| name);
        format!("{} {name}", CALLS[usize::try_from(self.get(CALL)).unwrap()])
    }

    fn set(&self, at: u64, value: u64) {
        self.control.write_all_at(&value.to_ne_bytes(), at).unwrap();
    }

    fn get(&self, at: u64) -> u64 {
        let mut bytes = [0; 8];
        self.control.read_exact_at(&mut bytes, at).unwrap();
        u64::from_ne_bytes(bytes)
    }
}

/// The library, compiled once.
fn library() -> Option<&'static PathBuf> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let library = LIBRARY.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let (new, path) = (folder.join(format!("disk-{}.new", std::process::id())), folder.join("disk.so"));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stand-ins/faults/disk.c");
        let compiled =
            Command::new("cc").args(["-O1", "-shared", "-fPIC", "-o"]).arg(&new).args([source, "-ldl"]).output();
        let compiled = compiled.ok()?;
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        std::fs::rename(&new, &path).unwrap();
        Some(path)
    });
    if library.is_none() {
        let words = "a disk that fails needs a C compiler, `cc`";
        assert!(std::env::var_os("AGENTLAB_REQUIRE_REAL").is_none(), "{words}");
        eprintln!("skipped: {words}");
    }
    library.as_ref()
}
