//! Pacing of requests to Telegram. A *burst* is what may go out at once; after it, one request a refill.
//!
//! Limits (read in Telegram's FAQ): 1 message a second and chat with short bursts allowed, 20 a minute in a group.
//! Edits have no published limit; live progress is held to one edit in three seconds and message.

/// Time between two edits that only show progress, in milliseconds.
pub const PROGRESS_EDIT_MS: i64 = 3_000;

/// A token bucket for one chat; times are milliseconds of any monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    burst: i64,
    refill_ms: i64,
    /// The moment at which the bucket is full again.
    full_at: i64,
}

impl Bucket {
    /// The bucket of a chat; group chats have negative ids.
    pub const fn for_chat(chat: i64) -> Self {
        let (burst, refill_ms) = if chat < 0 { (5, 3_000) } else { (8, 1_000) };
        Self { burst, refill_ms, full_at: 0 }
    }

    /// Takes one request at `now`, or says when one may be taken.
    pub fn take(&mut self, now: i64) -> Result<(), i64> {
        let backlog = self.full_at.max(now) + self.refill_ms - now;
        if backlog > self.burst * self.refill_ms {
            return Err(now + backlog - self.burst * self.refill_ms);
        }
        self.full_at = self.full_at.max(now) + self.refill_ms;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_a_second() {
        let mut bucket = Bucket::for_chat(7);
        let passed = (0..20).filter(|_| bucket.take(1_000).is_ok()).count();
        assert_eq!(passed, 8);
        assert_eq!(bucket.take(1_000), Err(2_000));
        assert!(bucket.take(2_000).is_ok());
        assert!(bucket.take(2_500).is_err());
        let mut group = Bucket::for_chat(-7);
        let in_a_minute = (0..60_000).step_by(100).filter(|now| group.take(*now).is_ok()).count();
        assert!((20..=25).contains(&in_a_minute), "{in_a_minute}");
    }
}
