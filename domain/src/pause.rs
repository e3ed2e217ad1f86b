//! Pausing: no new run begins, until a time or until somebody resumes. A *pause* keeps back what has not begun; what runs goes on
//! to its end, and tasks are accepted all the same.
//!
//! This reads the time that a person writes. What it means on the machine's calendar is said by the platform.

/// A time as a person writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// `2h`, `1h30m`: so many milliseconds from now.
    In(i64),
    /// `18:00`: today.
    At { hour: i8, minute: i8 },
    /// `2026-11-23T08:00`.
    On { year: i16, month: i8, day: i8, hour: i8, minute: i8 },
}

/// What is expected of it.
pub const EXPECTED: &str =
    "write a time of today (18:00), a while (2h, 45m, 1h30m) or a day and a time (2026-11-23T08:00)";

/// The longest pause: a slip of the pen must not stop everything for a century.
pub const LONGEST_MS: i64 = 366 * 24 * 3_600_000;

/// Why nothing is paused until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("this time cannot be read: {EXPECTED}")]
    Unreadable,
    #[error("this time is past: for another day {EXPECTED}")]
    Past,
    #[error("this time is more than a year away: leave it out, and nothing begins until somebody resumes")]
    Far,
}

/// Reads a time; `None` where it is none.
pub fn parse(text: &str) -> Option<Until> {
    let text = text.trim();
    if let Some((date, time)) = text.split_once(['T', ' ']) {
        let mut parts = date.split('-');
        let (year, month, day) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
        let (hour, minute) = time_of_day(time)?;
        if parts.next().is_some() {
            return None;
        }
        let [month, day] = [month, day].map(i8::try_from);
        return Some(Until::On { year, month: month.ok()?, day: day.ok()?, hour, minute });
    }
    if text.contains(':') {
        let (hour, minute) = time_of_day(text)?;
        return Some(Until::At { hour, minute });
    }
    while_of(text).map(Until::In)
}

/// Whether everything may be paused until this moment (Unix milliseconds); `None` is a moment that the calendar does not have.
pub fn check(until: Option<i64>, now: i64) -> Result<i64, Refused> {
    let until = until.ok_or(Refused::Unreadable)?;
    match until.saturating_sub(now) {
        ..=0 => Err(Refused::Past),
        1..=LONGEST_MS => Ok(until),
        _ => Err(Refused::Far),
    }
}

/// What people read of a pause; the times are written out already.
pub fn words(since: &str, until: Option<&str>, by: &str) -> String {
    let until = until.map_or_else(|| "until somebody resumes".to_owned(), |until| format!("until {until}"));
    format!("Paused {until} (by {by} at {since}): nothing new begins, what runs goes on.")
}

/// What is said of a task that is accepted meanwhile.
pub fn kept(until: Option<&str>) -> String {
    match until {
        Some(until) => format!("paused until {until}; it is kept"),
        None => "paused until somebody resumes; it is kept".to_owned(),
    }
}

fn time_of_day(text: &str) -> Option<(i8, i8)> {
    let (hour, minute) = text.split_once(':')?;
    let hour = if hour.len() == 1 { digits(hour, 1) } else { digits(hour, 2) }?;
    let minute = digits(minute, 2)?;
    let fits = hour < 24 && minute < 60;
    fits.then(|| Some((i8::try_from(hour).ok()?, i8::try_from(minute).ok()?)))?
}

/// A number of exactly so many digits.
fn digits(text: &str, many: usize) -> Option<i16> {
    let all = text.len() == many && text.bytes().all(|byte| byte.is_ascii_digit());
    if all { text.parse().ok() } else { None }
}

/// `1h30m` in milliseconds; each unit once, the larger ones first.
fn while_of(text: &str) -> Option<i64> {
    let mut units = [('d', 86_400_000_i64), ('h', 3_600_000), ('m', 60_000), ('s', 1_000)].into_iter();
    let (mut rest, mut sum) = (text, 0_i64);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let unit = rest[end..].chars().next()?;
        let number: i64 = rest[..end].parse().ok()?;
        let (_, ms) = units.find(|(name, _)| *name == unit)?;
        sum = sum.checked_add(number.checked_mul(ms)?)?;
        rest = &rest[end + unit.len_utf8()..];
    }
    (sum > 0).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let on = Until::On { year: 2026, month: 11, day: 23, hour: 8, minute: 0 };
        let table = [
            ("18:00", Until::At { hour: 18, minute: 0 }),
            (" 8:05 ", Until::At { hour: 8, minute: 5 }),
            ("2h", Until::In(7_200_000)),
            ("1h30m", Until::In(5_400_000)),
            ("1d2h3m4s", Until::In(93_784_000)),
            ("90s", Until::In(90_000)),
            ("2026-11-23T08:00", on),
            ("2026-11-23 8:00", on),
        ];
        for (text, until) in table {
            assert_eq!(parse(text), Some(until), "{text:?}");
        }
        let none = [
            "",
            " ",
            "now",
            "tomorrow",
            "2",
            "h",
            "0h",
            "-2h",
            "2h2h",
            "30m1h",
            "2 h",
            "24:00",
            "18:60",
            "18:0",
            "18",
            ":",
            "+8:00",
            "2026-11-23",
            "2026-11-23T",
            "26-11-23T08:00",
            "2026-1-23T08:00",
            "2026-11-23T08:00Z",
            "2026-11-23-1T08:00",
            "99999999999999999999h",
            "9223372036854775807h",
            "２h",
            "2ü",
        ];
        for text in none {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_past_or_a_year_away_is_refused() {
        assert_eq!(check(None, 5), Err(Refused::Unreadable));
        assert_eq!(check(Some(5), 5), Err(Refused::Past));
        assert_eq!(check(Some(i64::MIN), 5), Err(Refused::Past));
        assert_eq!(check(Some(6), 5), Ok(6));
        assert_eq!(check(Some(5 + LONGEST_MS), 5), Ok(5 + LONGEST_MS));
        assert_eq!(check(Some(6 + LONGEST_MS), 5), Err(Refused::Far));
        assert_eq!(check(Some(i64::MAX), -5), Err(Refused::Far));
    }

    #[test]
    fn it_is_said_until_when_and_by_whom() {
        assert_eq!(
            words("14:00 CET", Some("18:00 CET"), "user 5"),
            "Paused until 18:00 CET (by user 5 at 14:00 CET): nothing new begins, what runs goes on."
        );
        assert!(words("14:00 CET", None, "the page").starts_with("Paused until somebody resumes (by the page"));
        assert_eq!(kept(Some("18:00 CET")), "paused until 18:00 CET; it is kept");
        assert_eq!(kept(None), "paused until somebody resumes; it is kept");
    }
}
