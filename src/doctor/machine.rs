//! The machine around agentlab: disk, clock, who may read its files, its port, and what stands in the way of its sockets.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};

use agentlab_domain::{
    report::tasks,
    role::{Post, Role, posts},
    room::Verdict,
};
use agentlab_platform::{
    calendar, clock::now_ms, config::Config, disk, home::Home, lock, port, recovery, retention, room, skew,
};

use super::finding::Finding;

/// A clock that is further off is wrong, in milliseconds.
const OFF: i64 = 60_000;

pub(super) async fn findings(home: &Home, config: &Config) -> Vec<Finding> {
    let mut found = vec![disk_of(home, config), retention(home)];
    found.extend(clock(config).await);
    found.extend(rights(home));
    found.extend(console(home, config));
    found.extend(in_the_way(home, config));
    found.extend(in_progress(home));
    found
}

fn disk_of(home: &Home, config: &Config) -> Finding {
    let (room, files) = disk::percents_full(home.path());
    let most = config.alerts.disk_percent;
    let full = |what: &str, percent: u64| {
        Finding::problem(
            "disk",
            format!("the disk of {} is {percent} % full in {what}", home.path().display()),
            "make room: `du -sh` on runs/ and backups/ shows what is large; a full disk stops everything",
        )
    };
    if let Verdict::Low(low) = room::look(home, config.disk.floor_mb) {
        let found = format!(
            "new tasks are refused: {} are free on the disk of {}, and {} are kept for what was accepted",
            low.of.words(low.free),
            home.path().display(),
            low.of.words(low.floor)
        );
        return Finding::problem(
            "disk",
            found,
            "make room: `du -sh` on runs/ and backups/ shows what is large; what runs goes on",
        );
    }
    match (room, files) {
        (Some(room), _) if room >= most => full("room", room),
        (_, Some(files)) if files >= most => full("files (inodes)", files),
        (room, files) => {
            let said = |percent: Option<u64>| percent.map_or("?".to_owned(), |percent| percent.to_string());
            Finding::plain("disk", true, format!("{} % full, {} % of its files", said(room), said(files)))
        }
    }
}

fn retention(home: &Home) -> Finding {
    let said = match retention::last(home) {
        None => "nothing old was removed yet; it is, once an hour, while agentlab runs".to_owned(),
        Some(pass) => format!(
            "what is older than its age was removed last on {}: {}, {} directories of runs, {} other rows",
            calendar::clock_time(pass.at, now_ms()),
            tasks(pass.tasks.cast_signed()),
            pass.directories,
            pass.rows
        ),
    };
    Finding::plain("retention", true, said)
}

async fn clock(config: &Config) -> Option<Finding> {
    let remedy = "let the system keep it: `timedatectl set-ntp true`, or Date & Time in the settings of macOS";
    // Only where a bot asks Telegram anyway.
    let off = match config.telegram.token {
        Some(_) => skew::of_server(config.telegram.api_url.as_str()).await,
        None => None,
    };
    match (off, skew::is_kept().await) {
        (Some(off), _) if off.abs() > OFF => Some(Finding::problem(
            "clock",
            format!("this machine's clock is {} s off, by Telegram's", off.abs() / 1000),
            remedy,
        )),
        (Some(_), _) => Some(Finding::plain("clock", true, "agrees with Telegram's".to_owned())),
        (None, Some(false)) => Some(Finding::warning("clock", "nobody keeps this machine's clock right", remedy)),
        (None, Some(true)) => Some(Finding::plain("clock", true, "is kept by the system".to_owned())),
        (None, None) => None,
    }
}

/// Folders are put right whenever the home is opened; files hold what was written there by hand.
fn rights(home: &Home) -> Vec<Finding> {
    let open = |path: std::path::PathBuf| {
        let mode = std::fs::metadata(&path).ok()?.permissions().mode() & 0o077;
        (mode != 0).then(|| {
            Finding::warning(
                "rights",
                format!("{} can be read by others, and may hold secrets", path.display()),
                format!("chmod 600 {}", path.display()),
            )
        })
    };
    [home.config()].into_iter().filter_map(open).collect()
}

fn console(home: &Home, config: &Config) -> Option<Finding> {
    let post = Post { role: Role::Console, slot: 0 };
    if lock::is_held(&home.post_lock(post)).unwrap_or(true) || !port::is_taken(config.console.port) {
        return None;
    }
    let by = port::listener(config.console.port).unwrap_or_else(|| "another program".to_owned());
    Some(Finding::problem(
        "port",
        format!("{by} has port {} of 127.0.0.1, where the console is to listen", config.console.port),
        "end that program, or set console.port",
    ))
}

/// What is no socket where one is to be, and no file where a lock is to be.
fn in_the_way(home: &Home, config: &Config) -> Vec<Finding> {
    let every = posts(config.workers.count, true, true).into_iter().chain([Post { role: Role::Supervisor, slot: 0 }]);
    let mut found = Vec::new();
    for post in every {
        let socket = home.socket(&post.to_string());
        if std::fs::symlink_metadata(&socket).is_ok_and(|file| !file.file_type().is_socket()) {
            let remedy = format!(
                "move it away: `mv {} /tmp/`, then `agentlab restart {}`",
                socket.display(),
                post.role.as_str()
            );
            found.push(Finding::problem(
                "socket",
                format!("{} is no socket, and {post} needs one there", socket.display()),
                remedy,
            ));
        }
        let path = home.post_lock(post);
        if std::fs::symlink_metadata(&path).is_ok_and(|file| !file.is_file()) {
            let remedy = format!("move it away while nothing runs: `mv {} /tmp/`", path.display());
            found.push(Finding::problem(
                "lock",
                format!("{} is no file, so nobody can be {post}", path.display()),
                remedy,
            ));
        }
    }
    found
}

/// What changes all others at this moment, or was left by whoever did.
fn in_progress(home: &Home) -> Option<Finding> {
    if let Some(going_on) = recovery::in_progress(home) {
        return Some(Finding::warning(
            "recovery",
            going_on.words(),
            "wait for its end; update and rollback are refused until then",
        ));
    }
    None
}
