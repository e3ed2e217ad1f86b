//! Days and months as people count them, in the machine's own time zone: what "today's budget" means. Everything else in
//! agentlab counts milliseconds.

use jiff::{Timestamp, ToSpan, Zoned, tz::TimeZone};

/// The day and the month in which a moment lies; Unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    pub day_from: i64,
    pub day_until: i64,
    pub month_from: i64,
    pub month_until: i64,
    /// `2026-11-22`.
    pub day: String,
    /// `2026-11`.
    pub month: String,
}

/// The period of `now` (Unix milliseconds).
pub fn period(now: i64) -> Period {
    of(now, TimeZone::system()).unwrap_or_else(|_| fallback(now))
}

/// `14:05`, or `2026-11-23 14:05` where that is not today; with the name of the zone.
pub fn clock_time(at: i64, now: i64) -> String {
    let zoned = |ms| Timestamp::from_millisecond(ms).map(|moment| moment.to_zoned(TimeZone::system()));
    let (Ok(at), Ok(now)) = (zoned(at), zoned(now)) else { return "an unknown time".into() };
    let form = if at.date() == now.date() { "%H:%M %Z" } else { "%Y-%m-%d %H:%M %Z" };
    at.strftime(form).to_string()
}

/// `2026-11-22T04-05-06Z`: for the name of a file.
pub fn file_time(at: i64) -> String {
    let moment = Timestamp::from_millisecond(at);
    moment.map_or_else(|_| at.to_string(), |moment| moment.strftime("%Y-%m-%dT%H-%M-%SZ").to_string())
}

/// `2026-11-22T04:05:06Z`: for programs, and for people elsewhere.
pub fn utc(at: i64) -> String {
    let moment = Timestamp::from_millisecond(at);
    moment.map_or_else(|_| at.to_string(), |moment| moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// `11-22 05:05:06`, in the machine's zone, of a time as logs have it.
pub fn local(utc: &str) -> Option<String> {
    let moment: Timestamp = utc.parse().ok()?;
    Some(moment.to_zoned(TimeZone::system()).strftime("%m-%d %H:%M:%S").to_string())
}

fn of(now: i64, zone: TimeZone) -> Result<Period, jiff::Error> {
    let now = Timestamp::from_millisecond(now)?.to_zoned(zone);
    let day = now.start_of_day()?;
    let month = now.first_of_month()?.start_of_day()?;
    let ms = |moment: &Zoned| moment.timestamp().as_millisecond();
    Ok(Period {
        day_from: ms(&day),
        day_until: ms(&day.checked_add(1.day())?.start_of_day()?),
        month_from: ms(&month),
        month_until: ms(&month.checked_add(1.month())?.start_of_day()?),
        day: now.strftime("%Y-%m-%d").to_string(),
        month: now.strftime("%Y-%m").to_string(),
    })
}

/// A clock at the end of time has no calendar: a day and thirty from now.
fn fallback(now: i64) -> Period {
    const DAY: i64 = 24 * 3_600_000;
    Period {
        day_from: now.saturating_sub(DAY),
        day_until: now.saturating_add(DAY),
        month_from: now.saturating_sub(30 * DAY),
        month_until: now.saturating_add(30 * DAY),
        day: "today".into(),
        month: "this month".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, zone: &str) -> (i64, Period) {
        let now = text.parse::<Timestamp>().unwrap().as_millisecond();
        (now, of(now, TimeZone::posix(zone).unwrap()).unwrap())
    }

    #[test]
    fn a_day_ends_at_the_machines_midnight_and_may_be_short() {
        let (now, period) = at("2026-11-22T23:30:00Z", "CET-1");
        assert_eq!((period.day.as_str(), period.month.as_str()), ("2026-11-23", "2026-11"));
        assert!(period.day_from <= now && now < period.day_until);
        assert_eq!(period.day_until - period.day_from, 24 * 3_600_000);
        let (_, spring) = at("2026-03-29T12:00:00Z", "CET-1CEST,M3.5.0,M10.5.0/3");
        assert_eq!(spring.day_until - spring.day_from, 23 * 3_600_000);
    }

    #[test]
    fn a_month_ends_with_its_last_day() {
        let (_, december) = at("2026-12-31T23:59:59Z", "UTC0");
        assert_eq!(december.month_until, december.day_until);
        assert_eq!(december.month_until - december.month_from, 31 * 24 * 3_600_000);
    }

    #[test]
    fn a_clock_that_is_nonsense_still_has_a_day() {
        let period = period(i64::MAX);
        assert!(period.day_from < period.day_until);
    }
}
