//! Units of systemd's user manager: their names, and what they hold. Paths are escaped for the place in which they stand.

use agentlab_domain::role::{Post, Role};

use super::basis::{self, Basis, fill};
use crate::spawn;

/// What starts and stops all of them together.
pub const TARGET: &str = "agentlab.target";
/// What that file holds.
pub const TARGET_TEXT: &str = include_str!("../../../systemd/agentlab.target");

/// The name of a post's unit.
pub fn name(post: Post) -> String {
    match post.role {
        Role::Worker => format!("agentlab-worker@{}.service", post.slot),
        Role::Bot | Role::Supervisor | Role::Console => format!("agentlab-{}.service", post.role.as_str()),
    }
}

/// The file of a post's unit: one for all workers.
pub(super) fn file(post: Post) -> String {
    match post.role {
        Role::Worker => "agentlab-worker@.service".to_owned(),
        Role::Bot | Role::Supervisor | Role::Console => name(post),
    }
}

/// What the file of a post holds.
pub(super) fn text(basis: &Basis, post: Post) -> String {
    let (what, arguments, output) = match post.role {
        // Its slot stands in the name of the unit.
        Role::Worker => {
            let name = basis.output(post);
            let folder = name.strip_suffix(&spawn::error_file(post)).unwrap_or(&name);
            ("worker %i".to_owned(), "worker --slot %i".to_owned(), format!("{}worker-%i.err", percent(folder)))
        }
        Role::Bot | Role::Supervisor | Role::Console => {
            (post.to_string(), basis::arguments(post).join(" "), percent(&basis.output(post)))
        }
    };
    // The supervisor has nobody who would try it again.
    let refusals = match post.role {
        Role::Supervisor => "# The supervisor is tried again whatever it refused for.".to_owned(),
        Role::Bot | Role::Worker | Role::Console => "RestartPreventExitStatus=69 75 78".to_owned(),
    };
    let mut values = vec![
        ("NAME", what),
        ("ARGUMENTS", arguments),
        ("PROGRAM", quoted(&basis.program)),
        ("HOME", quoted(&basis.home_word())),
        ("PATH", quoted(&basis.path)),
        ("OUTPUT", output),
        ("REFUSALS", refusals),
    ];
    values.extend(basis::limits());
    fill(include_str!("../../../systemd/agentlab.service"), &values)
}

/// What a unit sets this variable to.
pub(super) fn variable(text: &str, name: &str) -> Option<String> {
    let own = |line: &'_ str| -> Option<String> {
        let quoted = line.strip_prefix("Environment=\"")?.strip_prefix(name)?.strip_prefix('=')?.strip_suffix('"')?;
        let (mut value, mut letters) = (String::new(), quoted.chars());
        while let Some(letter) = letters.next() {
            value.push(if letter == '\\' || letter == '%' { letters.next()? } else { letter });
        }
        Some(value)
    };
    text.lines().find_map(own)
}

/// For a place between double quotes: the program of `ExecStart`, which is no place for variables, and `Environment`.
fn quoted(text: &str) -> String {
    percent(&text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// For any place: `%` begins a specifier.
fn percent(text: &str) -> String {
    text.replace('%', "%%")
}
