//! Moving to another machine: whether what was exported can be taken in here. What an *export* is stands in `platform/src/moving`.

use crate::schema;

/// The form of an export that this release writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// Why an export is not taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it is written in form {found}, and this release reads up to {FORMAT}: update agentlab here first")]
    Form { found: u32 },
    #[error(
        "it was exported by agentlab {release}, and needs agentlab {needed} or newer; this is {own}: update agentlab here first"
    )]
    Newer { release: String, needed: String, own: String },
}

/// Whether this release takes in an export. Releases only add to the schema, so what a newer one knows beyond this one may be left
/// out as long as its database would be opened here; `needed` is what that database names.
pub fn may_import(form: u32, release: &str, needed: &str, own: &str) -> Result<(), Refusal> {
    if form > FORMAT {
        return Err(Refusal::Form { found: form });
    }
    if schema::may_open(own, Some(needed)) {
        Ok(())
    } else {
        Err(Refusal::Newer { release: release.to_owned(), needed: needed.to_owned(), own: own.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_and_later_releases_are_taken_in_while_their_database_could_be_opened() {
        assert_eq!(may_import(1, "0.1.0", "0.1.0", "0.1.0"), Ok(()));
        assert_eq!(may_import(0, "0.1.0", "0.1.0", "0.9.0"), Ok(()));
        assert_eq!(may_import(1, "0.9.0", "0.1.0", "0.2.0"), Ok(()), "it only knows more");
        let newer = may_import(1, "0.9.0", "0.8.0", "0.2.0").unwrap_err();
        let words = newer.to_string();
        assert!(
            ["0.9.0", "0.8.0 or newer", "this is 0.2.0", "update"].iter().all(|part| words.contains(part)),
            "{words}"
        );
        assert!(may_import(1, "?", "?", "0.2.0").is_err(), "what cannot be read is from the future");
    }

    #[test]
    fn a_later_form_is_refused_whatever_it_needs() {
        assert_eq!(may_import(2, "0.1.0", "0.1.0", "0.1.0"), Err(Refusal::Form { found: 2 }));
    }
}
