//! Servers that the end-to-end tests put in the place of the two services the product talks to.
//!
//! A *stand-in* is a real server on 127.0.0.1 that speaks the service's own protocol, keeps what the service would
//! keep, refuses what the service would refuse, and fails on demand. Nothing in the product knows that it is there,
//! apart from the address it was given.
//!
//! It does not replace the service's acceptance of the product: what is checked here is what the documentation and
//! trials say about the service, no more.

// A stand-in is itself the outside world of a test: it reads the clock and the environment, and it fails by panicking.
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::panic)]
#![allow(clippy::missing_panics_doc, clippy::must_use_candidate)]

pub mod bot_api;
mod connection;
#[cfg(target_os = "linux")]
pub mod desktop;
mod host;
pub mod messages_api;
pub mod receiver;
pub mod smtp;

pub use bot_api::BotApi;
#[cfg(target_os = "linux")]
pub use desktop::Desktop;
pub use messages_api::{MessagesApi, find_claude};
pub use receiver::Receiver;
pub use smtp::Smtp;
