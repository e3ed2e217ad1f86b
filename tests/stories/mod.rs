//! Stories: what a person does, and what must come of it.

mod ask;
mod bad_input;
mod bad_input_tasks;
mod bad_input_updates;
mod bad_input_verbs;
mod budgets;
mod chat;
mod checks;
mod checks_hook;
mod hung;
mod instructions;
mod intake;
mod lanes;
mod locked;
mod memory;
mod outbox;
mod over;
mod parked;
mod real_claude;
mod real_claude_sessions;
mod retry;
mod runs;
mod sessions;
mod up;
