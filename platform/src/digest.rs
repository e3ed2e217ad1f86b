//! Digests of texts and files, to tell whether two are the same without keeping either.

use std::{
    fmt::Write,
    fs::File,
    io::{self, Read},
    path::Path,
};

use sha2::{Digest, Sha256};

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(text: &str) -> String {
    in_words(&Sha256::digest(text.as_bytes()))
}

/// SHA-256 of a file's bytes.
pub(crate) fn sha256_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(in_words(&digest.finalize())),
            read => digest.update(buffer.get(..read).unwrap_or_default()),
        }
    }
}

/// A digest in hexadecimal.
pub(crate) fn in_words(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut hash, byte| {
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
