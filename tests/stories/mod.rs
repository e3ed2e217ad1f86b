//! Stories: what a person does, and what must come of it.

mod ask;
mod bad_input;
mod chat;
mod intake;
mod lanes;
mod outbox;
mod real_claude;
mod runs;
mod up;
