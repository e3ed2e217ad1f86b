//! Room: whether the disk still takes new work. The *floor* is the room that is kept for what was accepted already: below it nothing new
//! is taken, while tasks that run, answers and orders to stop go on. That a disk is nearly full in percent is an alert, and not this.

/// Bytes of a MiB.
pub const MIB: u64 = 1024 * 1024;
/// Without a configured floor: so much, or one part in so many of the disk where that is less.
const MOST: u64 = 500 * MIB;
const PART: u64 = 50;

/// How much room there is on a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// What we may still use.
    pub free: u64,
    /// All that we could use, were it empty.
    pub all: u64,
}

/// Whether new work is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Enough,
    /// Below the floor, or not yet far enough above it again.
    Low {
        free: u64,
        floor: u64,
    },
}

/// The floor in bytes; `configured` is in MiB.
pub fn floor(configured: Option<u64>, all: u64) -> u64 {
    configured.map_or_else(|| MOST.min(all / PART), |mib| mib.saturating_mul(MIB))
}

/// Decides. Where it `was_low`, there must be a fifth more than the floor, so that it does not come and go with every file. Room that
/// cannot be told refuses nothing.
pub fn decide(room: Option<Room>, configured: Option<u64>, was_low: bool) -> Verdict {
    let Some(Room { free, all }) = room else { return Verdict::Enough };
    let floor = floor(configured, all);
    let enough = if was_low { enough_again(floor) } else { floor };
    if free < enough { Verdict::Low { free, floor } } else { Verdict::Enough }
}

/// From so many bytes on new work is taken again.
pub const fn enough_again(floor: u64) -> u64 {
    floor.saturating_add(floor / 5)
}

/// What the person is told whose request was not taken.
pub fn refusal(free: u64, floor: u64) -> String {
    format!(
        "The disk of the machine that I run on is nearly full: {} are free, and new tasks are taken from {} on. This one was not \
         taken. Tasks that run go on, and answers arrive. Make room there (`df -h` shows the disks), then give it again.",
        bytes(free),
        bytes(enough_again(floor))
    )
}

/// What the owner is told when it begins.
pub fn low(free: u64, floor: u64) -> String {
    format!(
        "The disk of the machine that I run on is nearly full: {} are free. New tasks are refused until {} are; what runs goes on. I \
         remove what ended more than {} days ago and put old logs into archives. Please make room (`df -h` shows the disks).",
        bytes(free),
        bytes(enough_again(floor)),
        crate::retention::PRESSED_DAYS
    )
}

/// What those are told when new work is taken again.
pub const AGAIN: &str = "There is room on the disk again: new tasks are taken.";

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
        Room { free, all: 100 * GIB }
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
        let low = |free| Verdict::Low { free, floor: 100 * MIB };
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
    fn words_name_what_is_free_and_what_is_needed() {
        let words = refusal(40 * MIB, 100 * MIB);
        assert!(
            words.contains("40 MiB are free") && words.contains("from 120 MiB on") && words.contains("df -h"),
            "{words}"
        );
        assert_eq!([0, 2048, 20 * MIB, 20 * GIB].map(bytes), ["0 B", "2 KiB", "20 MiB", "20 GiB"]);
    }
}
