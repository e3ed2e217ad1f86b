//! Digests of texts, to tell whether two are the same without keeping either.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hash, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hash, "{byte:02x}");
        hash
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_digest_of_nothing_is_the_known_one() {
        assert!(super::sha256("").starts_with("e3b0c44298fc1c149afbf4c8996fb924"));
        assert_eq!(super::sha256("a").len(), 64);
    }
}
