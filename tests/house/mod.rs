//! House rules: what neither the compiler nor clippy can see. A *rule* is a test whose failure says what to do instead.
//!
//! They look at the sources, the manifests, the migrations and the documents of this workspace; nothing is started.

mod container;
mod documents;
mod imports;
mod metrics;
pub(crate) mod migrations;
mod names;
mod questions;
mod refusals;
mod sizes;
mod states;
mod tree;
