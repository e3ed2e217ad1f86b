//! Where a person speaks. A *place* is a chat and, within it, a topic: replies go to the place that asked.

use serde::{Deserialize, Serialize};

/// A chat and its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    pub chat: i64,
    /// `message_thread_id` of a topic message.
    pub topic: Option<i64>,
}
