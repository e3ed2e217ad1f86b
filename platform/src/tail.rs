//! The tail of a file that others write: its lines, each once, as soon as it is whole.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

/// Bytes that are read at once, so that a large file is not held whole.
const PIECE: u64 = 1024 * 1024;
/// A line longer than this is given in parts.
const LONGEST_LINE: usize = 16 * 1024 * 1024;

/// Where one reader of a file is.
#[derive(Debug, Clone)]
pub struct Tail {
    path: PathBuf,
    /// Bytes that were read.
    offset: u64,
    partial: Vec<u8>,
}

impl Tail {
    /// From the beginning of the file, which may not be there yet.
    pub const fn of(path: PathBuf) -> Self {
        Self::from(path, 0)
    }

    /// From this byte on, where a line begins.
    pub const fn from(path: PathBuf, offset: u64) -> Self {
        Self { path, offset, partial: Vec::new() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the next line begins.
    pub fn at(&self) -> u64 {
        self.offset - self.partial.len() as u64
    }

    /// All lines that are new and whole. A file that cannot be read now has none.
    pub fn lines(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let (more, all) = self.some();
            lines.extend(more);
            if all {
                return lines;
            }
        }
    }

    /// Some of them, in order; and whether these are all that are there now.
    pub fn some(&mut self) -> (Vec<String>, bool) {
        let before = self.partial.len();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.offset))?;
            file.take(PIECE).read_to_end(&mut self.partial)
        });
        let Ok(read) = read else {
            self.partial.truncate(before);
            return (Vec::new(), true);
        };
        self.offset += read as u64;
        let end = self.partial.iter().rposition(|byte| *byte == b'\n').map(|end| end + 1);
        let end = end.or_else(|| (self.partial.len() > LONGEST_LINE).then_some(self.partial.len()));
        let Some(end) = end else { return (Vec::new(), read == 0) };
        let rest = self.partial.split_off(end);
        let whole = std::mem::replace(&mut self.partial, rest);
        (String::from_utf8_lossy(&whole).lines().map(str::to_owned).collect(), read == 0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn each_line_comes_once_and_whole_however_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut tail = Tail::of(path.clone());
        assert!(tail.lines().is_empty(), "not there yet");
        let mut file = File::create(&path).unwrap();
        let euro = "€".as_bytes();
        file.write_all(b"one\ntw").unwrap();
        assert_eq!((tail.lines(), tail.at()), (vec!["one".into()], 4));
        file.write_all(b"o ").unwrap();
        file.write_all(&euro[..1]).unwrap();
        assert!(tail.lines().is_empty());
        file.write_all(&euro[1..]).unwrap();
        file.write_all(b"\n").unwrap();
        assert_eq!(tail.lines(), ["two €"]);
        let large = "x".repeat(3 * 1024 * 1024);
        writeln!(file, "{large}\nend").unwrap();
        assert_eq!(tail.lines(), [large.as_str(), "end"]);
        assert_eq!(Tail::from(path, 4).lines().first().unwrap(), "two €");
    }
}
