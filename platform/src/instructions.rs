//! Instructions: what every agent is told beside its task. They stand in `orchestrator.md` in the home;
//! `orchestrator.NAME.md` beside it takes its place for the project NAME. *In force* means the one of the two that a run
//! begun now would get.
//!
//! A file that cannot be read is an error and never "no instructions".

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{digest, home::Home};

/// Bytes of instructions at most: all of them go with every request of every run.
const LARGEST: u64 = 256 * 1024;

/// Instructions in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instructions {
    pub path: PathBuf,
    pub text: String,
    /// SHA-256 of the text, in hexadecimal.
    pub hash: String,
}

impl Instructions {
    /// The name of the file.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The beginning of the hash, for people.
    pub fn short_hash(&self) -> &str {
        self.hash.get(..12).unwrap_or(&self.hash)
    }
}

/// The instructions in force for this project; `None` where there are none. An empty file is none.
pub fn in_force(home: &Home, project: &str) -> io::Result<Option<Instructions>> {
    let own = (!project.contains('/')).then(|| home.path().join(format!("orchestrator.{project}.md")));
    for path in own.into_iter().chain([home.instructions()]) {
        match read(&path) {
            Ok(None) => {}
            Ok(Some(text)) if text.trim().is_empty() => return Ok(None),
            Ok(Some(text)) => {
                let hash = digest::sha256(&text);
                return Ok(Some(Instructions { path, text, hash }));
            }
            Err(error) => {
                return Err(io::Error::new(error.kind(), format!("{} cannot be read: {error}", path.display())));
            }
        }
    }
    Ok(None)
}

/// The text of a file that is there. What is no ordinary file is never opened: a pipe would be waited for without end.
fn read(path: &Path) -> io::Result<Option<String>> {
    let there = match fs::symlink_metadata(path) {
        Ok(_) => fs::metadata(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !there.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    if there.len() > LARGEST {
        return Err(io::Error::other(format!("it is larger than {} KiB", LARGEST / 1024)));
    }
    fs::read_to_string(path).map(Some)
}

/// Which instructions are in force for this project, in one line.
pub fn words(home: &Home, project: &str) -> String {
    match in_force(home, project) {
        Ok(Some(found)) => format!("Instructions: {} ({})", found.name(), found.short_hash()),
        Ok(None) => "Instructions: none (no orchestrator.md)".into(),
        Err(error) => format!("Instructions: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projects_own_file_takes_the_place_of_the_general_one() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("h")).unwrap();
        assert_eq!(in_force(&home, "p").unwrap(), None);
        fs::write(home.instructions(), "be kind").unwrap();
        fs::write(home.path().join("orchestrator.p.md"), "be terse").unwrap();
        let own = in_force(&home, "p").unwrap().unwrap();
        assert_eq!((own.text.as_str(), own.name().as_str()), ("be terse", "orchestrator.p.md"));
        assert_eq!(own.short_hash().len(), 12);
        assert_eq!(in_force(&home, "q").unwrap().unwrap().text, "be kind");
        assert_eq!(in_force(&home, "../q").unwrap().unwrap().text, "be kind", "no way out of the home");
        fs::write(home.path().join("orchestrator.p.md"), "\n").unwrap();
        assert_eq!(in_force(&home, "p").unwrap(), None, "empty on purpose");
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("h")).unwrap();
        fs::create_dir(home.instructions()).unwrap();
        let refused = || in_force(&home, "p").unwrap_err().to_string();
        assert!(refused().contains("orchestrator.md cannot be read: it is no file"), "{}", refused());
        fs::remove_dir(home.instructions()).unwrap();
        std::os::unix::fs::symlink("/nowhere/orchestrator.md", home.instructions()).unwrap();
        assert!(refused().contains("cannot be read"), "a link that leads nowhere is not none");
        fs::remove_file(home.instructions()).unwrap();
        nix::unistd::mkfifo(&home.instructions(), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(refused().contains("it is no file"), "and a pipe is not waited for");
        fs::remove_file(home.instructions()).unwrap();
        fs::write(home.instructions(), vec![b'x'; 300 * 1024]).unwrap();
        assert!(refused().contains("larger than 256 KiB"));
    }
}
