//! How another process tells a moment to the one that measures. A *report* is one datagram with the nanoseconds of a
//! moment: nobody polls for it, so waiting for it does not disturb what is measured.

use std::{
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;

/// The variable that tells a process where to report.
pub(crate) const VARIABLE: &str = "FIGURES_REPORT";
/// How long a report may take on any machine.
const LONG: Duration = Duration::from_secs(30);

/// Where reports arrive.
pub(crate) struct Reports(UnixDatagram);

impl Reports {
    pub(crate) fn at(path: &Path) -> anyhow::Result<Self> {
        let socket = UnixDatagram::bind(path)?;
        socket.set_read_timeout(Some(LONG))?;
        Ok(Self(socket))
    }

    /// The next moment that is reported.
    pub(crate) fn next(&self) -> anyhow::Result<Duration> {
        let mut bytes = [0_u8; 8];
        self.0.recv(&mut bytes).context("nothing was reported in time")?;
        Ok(Duration::from_nanos(u64::from_ne_bytes(bytes)))
    }
}

/// The reporting end, as this process was told by its environment.
pub(crate) struct Reporter {
    socket: UnixDatagram,
    to: PathBuf,
}

impl Reporter {
    pub(crate) fn of_environment() -> anyhow::Result<Self> {
        let to = std::env::var_os(VARIABLE).context("no place to report to")?.into();
        Ok(Self { socket: UnixDatagram::unbound()?, to })
    }

    pub(crate) fn tell(&self, moment: Duration) -> anyhow::Result<()> {
        let nanoseconds = u64::try_from(moment.as_nanos())?;
        self.socket.send_to(&nanoseconds.to_ne_bytes(), &self.to)?;
        Ok(())
    }
}
