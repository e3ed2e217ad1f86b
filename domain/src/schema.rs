//! Which database a release may open. Migrations only expand, so an older release usually works on a newer schema;
//! `schema_min_release` in the database names the oldest release that does.

/// A release number, `major.minor.patch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release(pub u64, pub u64, pub u64);

impl Release {
    /// Reads `1.2.3`; anything else is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('.').map(str::parse::<u64>);
        let release = Self(parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
        parts.next().is_none().then_some(release)
    }
}

/// Whether this release may open a database that names `minimum`. An unreadable minimum is from the future: no.
pub fn may_open(this: &str, minimum: Option<&str>) -> bool {
    match (Release::parse(this), minimum.map(Release::parse)) {
        (_, None) => true,
        (Some(this), Some(Some(minimum))) => this >= minimum,
        (None, Some(_)) | (Some(_), Some(None)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_as_numbers() {
        assert!(may_open("0.10.0", Some("0.9.9")));
        assert!(!may_open("0.9.9", Some("0.10.0")));
        assert!(may_open("0.1.0", Some("0.1.0")));
        assert!(may_open("0.1.0", None));
        assert!(!may_open("0.1.0", Some("zwei")));
    }
}
