//! Where a newer release comes from: an executable that a person names, or a checkout that is built here.

use std::{
    io::{BufRead, BufReader, IsTerminal},
    path::{Path, PathBuf},
    time::Duration,
};

use agentlab_domain::exit_code;
use agentlab_platform::{
    home::Home,
    life::Refusal,
    releases::{
        self,
        checkout::{self, Source},
    },
};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{failure::Failure, print};

/// What is to be taken.
pub struct Origin {
    pub executable: PathBuf,
    /// The checkout, where it was built here.
    pub source: Option<Source>,
}

impl Origin {
    /// What a person names for the same once more: the checkout where there is one, so that it is known where it comes from.
    pub fn named(&self) -> &Path {
        self.source.as_ref().map_or(&self.executable, |source| &source.folder)
    }
}

/// Finds it; builds it where it is a checkout.
pub async fn find(home: &Home, path: Option<&Path>) -> Result<Origin, Failure> {
    if let Some(path) = path {
        let path =
            std::fs::canonicalize(path).map_err(|error| Failure::words(format!("{}: {error}", path.display())))?;
        return if path.is_dir() { build(home, &path).await } else { Ok(Origin { executable: path, source: None }) };
    }
    let source = releases::current(home).and_then(|current| current.source).filter(|source| source.is_dir());
    let Some(source) = source else { return Err(nowhere()) };
    print::note(&checkout::pull(&source).await.map_err(Failure::words)?);
    build(home, &source).await
}

fn nowhere() -> Failure {
    let message = "it is not known where the present release comes from: give an executable or a checkout of the source, such \
                   as `agentlab update ./agentlab`";
    Refusal { code: exit_code::USAGE, message: message.into() }.into()
}

async fn build(home: &Home, folder: &Path) -> Result<Origin, Failure> {
    if !folder.join("Cargo.toml").is_file() {
        return Err(Failure::words(format!("{} is no checkout: it has no Cargo.toml", folder.display())));
    }
    let log = home.logs().join("update.log");
    let before = Source::of(folder).await;
    print::note(&format!("building in {}; what cargo says is in {}", folder.display(), log.display()));
    let started = checkout::build(folder, &log);
    let (mut cargo, executable) =
        started.map_err(|error| Failure::words(format!("cargo cannot be started: {error}")))?;
    let shown = shown();
    let status = loop {
        tokio::select! {
            status = cargo.wait() => break status?,
            () = tokio::time::sleep(Duration::from_millis(200)) => {
                if let (Some(bar), Some(line)) = (&shown, last_line(&log)) {
                    bar.set_message(line);
                }
            }
        }
    };
    if let Some(bar) = shown {
        bar.finish_and_clear();
    }
    if !status.success() {
        let last = last_line(&log).unwrap_or_default();
        return Err(Failure::words(format!("nothing was changed: the build failed ({last}); see {}", log.display())));
    }
    // Changed while it was built: nobody can say which commit that is.
    let after = Source::of(folder).await;
    let source = Source { commit: after.commit.clone().filter(|_| before == after), folder: after.folder };
    Ok(Origin { executable, source: Some(source) })
}

fn shown() -> Option<ProgressBar> {
    if !std::io::stderr().is_terminal() {
        return None;
    }
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(120));
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
        bar.set_style(style);
    }
    Some(bar)
}

fn last_line(log: &Path) -> Option<String> {
    let lines = BufReader::new(std::fs::File::open(log).ok()?).lines().map_while(Result::ok);
    lines.filter(|line| !line.trim().is_empty()).last().map(|line| line.trim().to_owned())
}
