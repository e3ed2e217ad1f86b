//! Ages as people write them: `90s`, `10m`, `2h`, `3d`. An *age* says how long ago, not when.

use std::time::Duration;

/// What was written is no age.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write a number and s, m, h or d, such as 10m")]
pub struct NoAge;

/// Reads an age.
pub fn parse(words: &str) -> Result<Duration, NoAge> {
    let words = words.trim();
    let at = words.len().checked_sub(1).filter(|at| words.is_char_boundary(*at)).ok_or(NoAge)?;
    let (number, unit) = words.split_at(at);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(NoAge),
    };
    let number: u32 = number.parse().map_err(|_| NoAge)?;
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit_and_nothing_else() {
        let read: Vec<u64> = ["90s", "10m", "2h", " 3d "].iter().map(|words| parse(words).unwrap().as_secs()).collect();
        assert_eq!(read, [90, 600, 7_200, 259_200]);
        for bad in ["", "m", "10", "10 m", "-1m", "1.5h", "1w", "10µ", "99999999999d"] {
            assert_eq!(parse(bad), Err(NoAge), "{bad}");
        }
    }
}
