//! Ports of 127.0.0.1, as a person asks for them: is it free, and else who has it. A port is *taken* when nobody else can listen there.

use std::{io, net::TcpListener};

/// Whether somebody else listens there.
pub fn is_taken(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

/// Who listens there, such as `nginx (pid 123)`; `None` where that cannot be seen.
#[cfg(target_os = "linux")]
pub fn listener(port: u16) -> Option<String> {
    use procfs::{net::TcpState, process::FDTarget};
    let entries = procfs::net::tcp().ok()?.into_iter().chain(procfs::net::tcp6().unwrap_or_default());
    let inodes: Vec<u64> = entries
        .filter(|entry| entry.state == TcpState::Listen && entry.local_address.port() == port)
        .map(|entry| entry.inode)
        .collect();
    let has = |process: &procfs::process::Process| {
        process.fd().is_ok_and(|mut open| {
            open.any(|open| {
                open.is_ok_and(|open| matches!(open.target, FDTarget::Socket(inode) if inodes.contains(&inode)))
            })
        })
    };
    let owner = procfs::process::all_processes().ok()?.filter_map(Result::ok).find(has)?;
    // A process chooses its own name, and this one goes to a terminal.
    let name: String = owner.stat().ok()?.comm.chars().filter(|letter| !letter.is_control()).collect();
    Some(format!("{name} (pid {})", owner.pid()))
}

/// macOS tells only who asks with rights that we do not have.
#[cfg(not(target_os = "linux"))]
pub fn listener(_port: u16) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_has_a_name() {
        let listener_of_ours = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener_of_ours.local_addr().unwrap().port();
        assert!(is_taken(port));
        if cfg!(target_os = "linux") {
            assert!(listener(port).unwrap().ends_with(&format!("(pid {})", std::process::id())));
        }
        drop(listener_of_ours);
        assert!(!is_taken(port));
    }
}
