//! The program in a real terminal: a pseudo-terminal with so many columns, read from its other end.

use std::{fs::File, io::Read, process::Stdio};

use nix::pty::{Winsize, openpty};

use super::{World, program};

impl World {
    /// Runs `agentlab` to its end on a terminal of this width; returns its exit code and all that it wrote there.
    pub(crate) fn on_terminal(&self, columns: u16, arguments: &[&str]) -> (Option<i32>, String) {
        let size = Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let terminal = openpty(Some(&size), None).unwrap();
        let end = |file: &std::os::fd::OwnedFd| Stdio::from(file.try_clone().unwrap());
        let mut command = program::command(self, arguments);
        if !self.env.iter().any(|(name, _)| name == "TERM") {
            command.env("TERM", "xterm-256color");
        }
        command.stdin(end(&terminal.slave)).stdout(end(&terminal.slave)).stderr(end(&terminal.slave));
        let mut child = command.spawn().unwrap();
        // The last ends at the program's side: its end is then the end of what is read.
        drop((command, terminal.slave));
        let mut from = File::from(terminal.master);
        let mut all = Vec::new();
        let mut some = [0_u8; 4096];
        // A terminal that nobody writes to any more is an error on Linux, and an end elsewhere.
        while let Ok(read) = from.read(&mut some) {
            if read == 0 {
                break;
            }
            all.extend_from_slice(&some[..read]);
        }
        let status = child.wait().unwrap();
        (status.code(), String::from_utf8_lossy(&all).into_owned())
    }
}
