//! The figures of this product, measured on the machine at hand and printed as one table.
//!
//! A *figure* is one number that a promise rests on, beside a *floor*: what the machine itself takes for the least part
//! of it, measured in the same run. The ratio of the two travels between machines; the number alone does not.
//!
//! Nothing is asserted here: a figure that misses its aim is printed, and `docs/BENCHMARKS.md` says why. Nothing but
//! 127.0.0.1 is spoken to, and no agent but this program itself is started.
#![expect(clippy::disallowed_methods, reason = "a measurement starts processes, reads the environment and the clock")]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the table goes to stdout, what is being done to stderr"
)]

mod archive;
mod clock;
mod death;
mod enqueue;
mod floor;
mod idle;
mod message;
mod pickup;
mod plain;
mod report;
mod retention;
mod samples;
mod start;
mod table;
mod views;
mod world;

use std::process::ExitCode;

use floor::Floor;
use table::Table;

/// Measures one figure and writes its rows.
type Measure = fn(&Floor, &mut Table) -> anyhow::Result<()>;

/// Every figure, by the name that selects it on the command line.
const FIGURES: [(&str, Measure); 8] = [
    ("message", message::measure),
    ("enqueue", enqueue::measure),
    ("pickup", pickup::measure),
    ("start", start::measure),
    ("death", death::measure),
    ("idle", idle::measure),
    ("views", views::measure),
    ("retention", retention::measure),
];

/// Which part this process plays, when it is not the one that measures.
const PART: &str = "FIGURES_PART";

fn main() -> ExitCode {
    // The very first thing: in the part of the agent this is what is measured.
    let began = clock::now();
    let ended = match std::env::var(PART).as_deref() {
        Ok("agent") => message::agent(began),
        Ok("writer") => enqueue::writer(),
        Ok("plain-writer") => plain::writer(),
        Ok("worker") => pickup::worker(),
        Ok("successor") => death::successor(began),
        Ok("sleeper") => idle::sleeper(),
        Ok(other) => Err(anyhow::anyhow!("there is no part {other:?}")),
        Err(_) => all(),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("figures: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures every figure that was named, or all of them.
fn all() -> anyhow::Result<()> {
    // cargo adds `--bench`.
    let named: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    if let Some(unknown) = named.iter().find(|name| FIGURES.iter().all(|(figure, _)| figure != name)) {
        anyhow::bail!("there is no figure {unknown:?}: {:?}", FIGURES.map(|(figure, _)| figure));
    }
    let mut table = Table::default();
    eprintln!("measuring: floor");
    let floor = Floor::measure()?;
    floor.write(&mut table);
    for (name, measure) in FIGURES {
        if named.is_empty() || named.iter().any(|wanted| wanted == name) {
            eprintln!("measuring: {name}");
            if let Err(error) = measure(&floor, &mut table) {
                // The others are worth printing all the same.
                table.note(format!("{name}: not measured: {error:#}"));
            }
        }
    }
    println!("{table}");
    Ok(())
}
