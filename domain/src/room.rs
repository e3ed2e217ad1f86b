//! Room: whether the disk still takes new work. The *floor* is the room that is kept for what was accepted already: below it nothing new
//! is taken, while tasks that run, answers and orders to stop go on. A disk has room for so many bytes and, on most file systems, for so
//! many files (inodes): both have a floor. That a disk is nearly full in percent is an alert, and not this.

/// Bytes of a MiB.
pub const MIB: u64 = 1024 * 1024;
/// Without a configured floor: so much, or one part in so many of the disk where that is less.
const MOST: u64 = 500 * MIB;
const PART: u64 = 50;

/// The floor of files: a run makes about twenty, so those that were accepted end, with backups and logs beside them.
const MOST_FILES: u64 = 1_000;

/// How much room there is on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes that we may still use.
    pub free: u64,
    /// All that we could use, were it empty.
    pub all: u64,
    /// The same of files; `None` where the file system makes as many as there is room for.
    pub files: Option<Files>,
}

/// For how many files there is room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Files {
    pub free: u64,
    pub all: u64,
}

/// Whether new work is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Enough,
    /// Below a floor, or not yet far enough above it again.
    Low(Low),
}

/// What there is too little of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Low {
    pub of: What,
    pub free: u64,
    pub floor: u64,
}

/// What a disk has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Bytes,
    Files,
}

/// The floor in bytes; `configured` is in MiB.
pub fn floor(configured: Option<u64>, all: u64) -> u64 {
    configured.map_or_else(|| MOST.min(all / PART), |mib| mib.saturating_mul(MIB))
}

/// Decides. Where it `was_low`, there must be a fifth more than the floor, so that it does not come and go with every file. Room that
/// cannot be told refuses nothing.
pub fn decide(room: Option<Room>, configured: Option<u64>, was_low: bool) -> Verdict {
    let Some(Room { free, all, files }) = room else { return Verdict::Enough };
    let low = |of, free, floor| {
        let enough = if was_low { enough_again(floor) } else { floor };
        (free < enough).then_some(Low { of, free, floor })
    };
    let files = files.and_then(|files| low(What::Files, files.free, floor_of_files(configured, files.all)));
    low(What::Bytes, free, floor(configured, all)).or(files).map_or(Verdict::Enough, Verdict::Low)
}

/// The floor of files: fixed, and with a configured floor of nothing there is none.
fn floor_of_files(configured: Option<u64>, all: u64) -> u64 {
    if configured == Some(0) { 0 } else { MOST_FILES.min(all / PART) }
}

/// From so much on new work is taken again.
pub const fn enough_again(floor: u64) -> u64 {
    floor.saturating_add(floor / 5)
}

/// Bytes that a WAL may always take: a few transactions.
const WAL_LEAST: u64 = 64 * 1024;
/// Bytes after which it is given back to the disk, however much room there is: somebody read for long while others wrote.
const WAL_MOST: u64 = 16 * MIB;

/// Whether a WAL is so large beside the room that is left, more than a quarter of it, that it is begun anew as soon as that can be:
/// what it holds is written into the database, and the next transaction takes the place of the first. Left alone it would fill the
/// disk.
pub fn wal_presses(wal: u64, free: Option<u64>) -> bool {
    free.is_some_and(|free| wal > (free / 4).max(WAL_LEAST))
}

/// Whether it is to be given back to the disk. A small one stays: it is where transactions find room on a disk that has none.
pub fn wal_is_cut(wal: u64, free: Option<u64>) -> bool {
    wal > WAL_MOST || wal > 4 * WAL_LEAST && wal_presses(wal, free)
}

/// What the person is told whose request was not taken.
pub fn refusal(low: Low) -> String {
    format!(
        "The disk of the machine that I run on is nearly full: {} are free, and new tasks are taken from {} on. This one was not \
         taken. Tasks that run go on, and answers arrive. Make room there (`{}` shows the disks), then give it again.",
        low.of.words(low.free),
        low.of.words(enough_again(low.floor)),
        low.of.shown_by()
    )
}

/// What the owner is told when it begins.
pub fn low(low: Low) -> String {
    format!(
        "The disk of the machine that I run on is nearly full: {} are free. New tasks are refused until {} are; what runs goes on. I \
         remove what ended more than {} days ago and put old logs into archives. Please make room (`{}` shows the disks).",
        low.of.words(low.free),
        low.of.words(enough_again(low.floor)),
        crate::retention::PRESSED_DAYS,
        low.of.shown_by()
    )
}

/// What those are told when new work is taken again.
pub const AGAIN: &str = "There is room on the disk again: new tasks are taken.";

impl What {
    /// So much of it, for people.
    pub fn words(self, much: u64) -> String {
        match self {
            Self::Bytes => bytes(much),
            Self::Files => format!("{much} files (inodes)"),
        }
    }

    const fn shown_by(self) -> &'static str {
        match self {
            Self::Bytes => "df -h",
            Self::Files => "df -i",
        }
    }
}

/// A size for people.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..MIB => format!("{} KiB", bytes / 1024),
        MIB..0x0002_8000_0000 => format!("{} MiB", bytes / MIB),
        _ => format!("{} GiB", bytes / MIB / 1024),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1024 * MIB;

    const fn room(free: u64) -> Room {
        Room { free, all: 100 * GIB, files: None }
    }

    #[test]
    fn without_a_floor_it_is_the_fiftieth_part_and_half_a_gibibyte_at_most() {
        assert_eq!(floor(None, 300 * 1024), 6 * 1024);
        assert_eq!(floor(None, 10 * GIB), 10 * GIB / 50);
        assert_eq!(floor(None, 4000 * GIB), 500 * MIB);
        assert_eq!(floor(Some(3), 4000 * GIB), 3 * MIB);
        assert_eq!(floor(Some(0), 4000 * GIB), 0, "a floor of nothing refuses nothing");
        assert_eq!(floor(Some(u64::MAX), GIB), u64::MAX);
    }

    #[test]
    fn work_is_refused_below_the_floor_and_taken_again_a_fifth_above_it() {
        let low = |free| Verdict::Low(Low { of: What::Bytes, free, floor: 100 * MIB });
        let at = |free, was_low| decide(Some(room(free)), Some(100), was_low);
        for (free, was_low, verdict) in [
            (100 * MIB, false, Verdict::Enough),
            (100 * MIB - 1, false, low(100 * MIB - 1)),
            (0, false, low(0)),
            (0, true, low(0)),
            (100 * MIB, true, low(100 * MIB)),
            (120 * MIB - 1, true, low(120 * MIB - 1)),
            (120 * MIB, true, Verdict::Enough),
        ] {
            assert_eq!(at(free, was_low), verdict, "{free} {was_low}");
        }
        assert_eq!(decide(None, Some(100), false), Verdict::Enough);
        assert_eq!(decide(None, Some(100), true), Verdict::Enough, "cannot tell refuses nobody");
        assert_eq!(decide(Some(room(0)), Some(0), true), Verdict::Enough);
    }

    #[test]
    fn files_that_run_out_refuse_work_too_where_they_are_counted() {
        let low = |free, floor| Verdict::Low(Low { of: What::Files, free, floor });
        let at = |free, all, configured, was_low| {
            let room = Room { files: Some(Files { free, all }), ..room(50 * GIB) };
            decide(Some(room), configured, was_low)
        };
        for (free, all, was_low, verdict) in [
            (1_000, 1_000_000, false, Verdict::Enough),
            (999, 1_000_000, false, low(999, 1_000)),
            (0, 1_000_000, false, low(0, 1_000)),
            (1_199, 1_000_000, true, low(1_199, 1_000)),
            (1_200, 1_000_000, true, Verdict::Enough),
            // A small one, such as a tmpfs.
            (20, 1_000, false, Verdict::Enough),
            (19, 1_000, false, low(19, 20)),
        ] {
            assert_eq!(at(free, all, None, was_low), verdict, "{free} of {all} {was_low}");
            assert_eq!(at(free, all, Some(100), was_low), verdict, "{free} of {all} {was_low}");
            assert_eq!(at(free, all, Some(0), was_low), Verdict::Enough, "a floor of nothing refuses nothing");
        }
        assert_eq!(decide(Some(room(50 * GIB)), None, true), Verdict::Enough, "where nobody counts them");
        // Where both run out it is told of the room.
        let both = Room { files: Some(Files { free: 0, all: 9_000 }), ..room(0) };
        assert!(matches!(decide(Some(both), None, false), Verdict::Low(Low { of: What::Bytes, .. })));
    }

    #[test]
    fn a_wal_takes_no_more_than_is_left_and_a_small_one_stays() {
        for (wal, free, presses, cut) in [
            (0, Some(0), false, false),
            (WAL_LEAST, Some(0), false, false),
            (WAL_LEAST + 1, Some(0), true, false),
            (WAL_LEAST + 1, Some(4 * WAL_LEAST + 4), false, false),
            (4 * WAL_LEAST, Some(0), true, false),
            (4 * WAL_LEAST + 1, Some(0), true, true),
            (4 * MIB, Some(16 * MIB), false, false),
            (4 * MIB, Some(16 * MIB - 4), true, true),
            (WAL_MOST, Some(GIB), false, false),
            (WAL_MOST + 1, Some(GIB), false, true),
            (WAL_MOST, None, false, false),
            (WAL_MOST + 1, None, false, true),
        ] {
            assert_eq!((wal_presses(wal, free), wal_is_cut(wal, free)), (presses, cut), "{wal} {free:?}");
        }
    }

    #[test]
    fn words_name_what_is_free_and_what_is_needed() {
        let files = Low { of: What::Files, free: 7, floor: 1_000 };
        for words in [refusal(files), low(files)] {
            assert!(
                ["7 files (inodes) are free", "1200 files", "df -i"].iter().all(|part| words.contains(part)),
                "{words}"
            );
        }
        let words = refusal(Low { of: What::Bytes, free: 40 * MIB, floor: 100 * MIB });
        assert!(
            words.contains("40 MiB are free") && words.contains("from 120 MiB on") && words.contains("df -h"),
            "{words}"
        );
        assert_eq!([0, 2048, 20 * MIB, 20 * GIB].map(bytes), ["0 B", "2 KiB", "20 MiB", "20 GiB"]);
    }
}
