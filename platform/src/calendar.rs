//! Days and months as people count them, in the machine's own time zone: what "today's budget" means. Everything else in
//! agentlab counts milliseconds.

use agentlab_domain::pause::{self, Refused, Until};
use jiff::{
    Timestamp, ToSpan, Zoned,
    civil::{self, Weekday},
    tz::TimeZone,
};

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

/// A week that is over, from Monday on; Unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Week {
    pub from: i64,
    pub until: i64,
    /// `2026-11-16`, a Monday.
    pub first_day: String,
    /// `2026-11-22`, a Sunday.
    pub last_day: String,
}

/// The hour of Monday at which a week's summary is due.
const DUE_HOUR: i8 = 9;

/// The week whose summary was due last: the Monday after it has come to nine o'clock. `None` at the end of time.
pub fn week_due(now: i64) -> Option<Week> {
    week_of(now, TimeZone::system()).ok()
}

fn week_of(now: i64, zone: TimeZone) -> Result<Week, jiff::Error> {
    let now = Timestamp::from_millisecond(now)?.to_zoned(zone);
    let since_monday = i64::from(now.weekday().since(Weekday::Monday));
    let monday = now.checked_sub(since_monday.days())?.start_of_day()?;
    let early = since_monday == 0 && now.hour() < DUE_HOUR;
    let until = if early { monday.checked_sub(7.days())?.start_of_day()? } else { monday };
    let from = until.checked_sub(7.days())?.start_of_day()?;
    let day = |moment: &Zoned| moment.strftime("%Y-%m-%d").to_string();
    Ok(Week {
        from: from.timestamp().as_millisecond(),
        until: until.timestamp().as_millisecond(),
        first_day: day(&from),
        last_day: day(&until.checked_sub(1.day())?),
    })
}

/// The moment that a person means, in the machine's time zone: `18:00`, `2h`, `2026-11-23T08:00`.
pub fn until(text: &str, now: i64) -> Result<i64, Refused> {
    moment(pause::parse(text).ok_or(Refused::Unreadable)?, now)
}

/// The same of a time that was read.
pub fn moment(until: Until, now: i64) -> Result<i64, Refused> {
    pause::check(meant(until, now, TimeZone::system()), now)
}

/// A time that the clocks leave out is the next one that they show; of one that they show twice the first is meant.
fn meant(until: Until, now: i64, zone: TimeZone) -> Option<i64> {
    let on = match until {
        Until::In(ms) => return now.checked_add(ms),
        Until::At { hour, minute } => {
            let today = Timestamp::from_millisecond(now).ok()?.to_zoned(zone.clone()).date();
            today.to_datetime(civil::Time::new(hour, minute, 0, 0).ok()?)
        }
        Until::On { year, month, day, hour, minute } => {
            civil::DateTime::new(year, month, day, hour, minute, 0, 0).ok()?
        }
    };
    Some(on.to_zoned(zone).ok()?.timestamp().as_millisecond())
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

/// The time that the name of a file has.
pub fn from_file_time(name: &str) -> Option<i64> {
    let (day, time) = name.split_once('T')?;
    let moment: Timestamp = format!("{day}T{}", time.replace('-', ":")).parse().ok()?;
    Some(moment.as_millisecond())
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
    fn a_weeks_summary_is_due_from_monday_nine_on_until_the_next() {
        let week = |text: &str, zone: &str| {
            let now = text.parse::<Timestamp>().unwrap().as_millisecond();
            week_of(now, TimeZone::posix(zone).unwrap()).unwrap()
        };
        for (now, first, last) in [
            ("2026-11-23T09:00:00Z", "2026-11-16", "2026-11-22"),
            ("2026-11-29T23:59:59Z", "2026-11-16", "2026-11-22"),
            ("2026-11-30T08:59:59Z", "2026-11-16", "2026-11-22"),
            ("2026-11-30T09:00:00Z", "2026-11-23", "2026-11-29"),
        ] {
            let week = week(now, "UTC0");
            assert_eq!((week.first_day.as_str(), week.last_day.as_str()), (first, last), "{now}");
            assert_eq!(week.until - week.from, 7 * 24 * 3_600_000);
        }
        assert_eq!(week("2026-11-23T08:00:00Z", "CET-1").first_day, "2026-11-16", "nine o'clock there");
        // The week in which the clocks went forward is an hour shorter.
        let spring = week("2026-03-30T12:00:00Z", "CET-1CEST,M3.5.0,M10.5.0/3");
        assert_eq!(spring.until - spring.from, (7 * 24 - 1) * 3_600_000);
    }

    #[test]
    fn a_time_of_day_is_todays_where_the_machine_is_and_one_that_is_left_out_is_the_next() {
        let moment = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
        let meant = |text: &str, now: &str, zone: &str| {
            meant(pause::parse(text).unwrap(), moment(now), TimeZone::posix(zone).unwrap())
        };
        let late = "2026-11-22T23:30:00Z";
        assert_eq!(meant("18:00", late, "CET-1"), Some(moment("2026-11-23T17:00:00Z")), "tomorrow has begun there");
        assert_eq!(meant("18:00", late, "UTC0"), Some(moment("2026-11-22T18:00:00Z")));
        assert_eq!(meant("1h30m", late, "CET-1"), Some(moment("2026-11-23T01:00:00Z")));
        let summer = "CET-1CEST,M3.5.0,M10.5.0/3";
        assert_eq!(meant("2026-03-29T02:30", late, summer), Some(moment("2026-03-29T01:30:00Z")), "it is 3:30 then");
        assert_eq!(meant("2026-10-25T02:30", late, summer), Some(moment("2026-10-25T00:30:00Z")), "the first of two");
        assert_eq!(meant("2026-02-30T02:30", late, summer), None);
        assert_eq!(until("2h", 0), Ok(7_200_000));
        assert_eq!(until("2020-01-01T00:00", moment(late)), Err(Refused::Past));
        assert_eq!(until("soon", 0), Err(Refused::Unreadable));
        assert_eq!(until("5d", i64::MAX), Err(Refused::Unreadable));
    }

    #[test]
    fn a_clock_that_is_nonsense_still_has_a_day() {
        let period = period(i64::MAX);
        assert!(period.day_from < period.day_until);
    }
}
