//! Lanes: the order that a user expects. A *lane* is a line of jobs of which only the first, the head, may run.
//!
//! A private chat is one lane, each topic is one, and a job from a terminal or the page has a lane to itself. Lanes
//! say nothing about directories: two lanes that work in one project are kept apart by the claim (see `isolation`).

use crate::chat::Place;

/// The lane of a chat and topic.
pub fn of_place(place: Place) -> String {
    match place.topic {
        Some(topic) => format!("chat:{}:{topic}", place.chat),
        None => format!("chat:{}", place.chat),
    }
}

/// The lane of a job that came from a terminal or the page: its own.
pub fn of_its_own(job_id: &str) -> String {
    format!("own:{job_id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_conversations_of_their_own() {
        let chat = Place { chat: 7, topic: None };
        let topic = Place { chat: 7, topic: Some(3) };
        assert_ne!(of_place(chat), of_place(topic));
        assert_eq!(of_place(chat), "chat:7");
    }
}
