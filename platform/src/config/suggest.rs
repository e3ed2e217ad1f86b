//! The nearest known word to one that was misspelt.

/// The candidate most like `word`, if any is near enough to be what was meant.
pub(super) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let known = ["token", "token_file", "api_url", "allowed_users"];
        assert_eq!(nearest("tokn", known.into_iter()).as_deref(), Some("token"));
        assert_eq!(nearest("alowed_user", known.into_iter()).as_deref(), Some("allowed_users"));
        assert_eq!(nearest("zzz", known.into_iter()), None);
    }
}
