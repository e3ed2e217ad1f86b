//! The text of the hooks, for `/bin/sh`. What comes from outside (paths, commands) is *quoted*: whatever bytes it holds, the
//! shell takes it for one word that means nothing to it.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

use super::Repository;

const CHAIN: &str = include_str!("chain.sh");
const OTHER: &str = include_str!("other.sh");
const CHECKS: &str = include_str!("checks.sh");

/// A hook that runs the repository's own one. `ours` is the folder of the hooks.
pub(super) fn chain(ours: &Path) -> Vec<u8> {
    [filled(CHAIN, &[("@OURS@", ours.as_os_str())]), OTHER.into()].concat()
}

/// The hook that runs the repository's own one, then the checks.
pub(super) fn checks(ours: &Path, repository: &Repository, checks: &[String]) -> Vec<u8> {
    let mut script = filled(CHAIN, &[("@OURS@", ours.as_os_str())]);
    let places = [("@REPOSITORY@", repository.git.as_os_str()), ("@FOLDER@", repository.folder.as_os_str())];
    script.extend(filled(CHECKS, &places));
    for check in checks {
        script.extend([b"check ", quoted(check.as_ref()).as_slice(), b"\n"].concat());
    }
    script
}

/// The text with each place filled by a quoted value. Values are put in last and never looked at again.
fn filled(text: &str, places: &[(&str, &OsStr)]) -> Vec<u8> {
    let mut rest = text;
    let mut script = Vec::new();
    let next = |rest: &str| places.iter().filter_map(|(place, value)| Some((rest.find(place)?, *place, *value))).min();
    while let Some((at, place, value)) = next(rest) {
        let (before, after) = rest.split_at(at);
        script.extend(before.bytes());
        script.extend(quoted(value));
        rest = after.strip_prefix(place).unwrap_or_default();
    }
    script.extend(rest.bytes());
    script
}

/// One word of the shell.
fn quoted(word: &OsStr) -> Vec<u8> {
    let mut quoted = vec![b'\''];
    for byte in word.as_bytes() {
        match byte {
            b'\'' => quoted.extend(b"'\\''"),
            byte => quoted.push(*byte),
        }
    }
    quoted.push(b'\'');
    quoted
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn whatever_is_quoted_is_one_word_to_the_shell() {
        for word in ["plain", "", "it's", "''", "$HOME `id` $(id)", "a\nb", "\\", "-n", "@OURS@", "\u{e4}\"*?"] {
            let script = [b"printf %s ".to_vec(), quoted(OsStr::new(word)), b"; printf '|%s' $#".to_vec()].concat();
            let output = Command::new("/bin/sh").arg("-c").arg(OsStr::from_bytes(&script)).output().unwrap();
            assert_eq!(output.stdout, [word.as_bytes(), b"|0"].concat(), "{word:?}");
        }
        let bytes = b"not \xff unicode";
        assert_eq!(quoted(OsStr::from_bytes(bytes)), [b"'".as_slice(), bytes, b"'"].concat());
    }

    #[test]
    fn a_value_that_looks_like_a_place_stays_a_value() {
        let places = [("@A@", OsStr::new("@B@")), ("@B@", OsStr::new("b"))];
        assert_eq!(filled("x=@A@ y=@B@ z=@A@.", &places), b"x='@B@' y='b' z='@B@'.");
    }
}
