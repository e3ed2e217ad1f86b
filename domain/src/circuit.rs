//! Circuit breakers. A *circuit* is open while a service is held to be out of order: nothing new is begun, what waits says
//! so, and after a pause one call tries (the probe).

/// A service that everything depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Claude,
    Telegram,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 2] = [Self::Claude, Self::Telegram];

    /// The word in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Telegram => "telegram",
        }
    }
}

/// Where a circuit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Closed,
    Open,
    Probing,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::Probing];

    /// The word in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Probing => "probing",
        }
    }
}
