-- The breakers of the two services that everything depends on, and the calls that decide them.
CREATE TABLE call (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    service TEXT NOT NULL CHECK (service IN ('claude', 'telegram')),
    at INTEGER NOT NULL,
    answered INTEGER NOT NULL CHECK (answered >= 0),
    failed INTEGER NOT NULL CHECK (failed >= 0)
) STRICT;

CREATE INDEX call_recent ON call (service, at);

CREATE TABLE circuit (
    service TEXT PRIMARY KEY CHECK (service IN ('claude', 'telegram')),
    state TEXT NOT NULL CHECK (state IN ('closed', 'open', 'probing')),
    -- Open until this time; then one call may try.
    until INTEGER NOT NULL,
    -- When this outage began; calls before the last closing are not counted.
    since INTEGER NOT NULL,
    -- The run that tries.
    probe TEXT
) STRICT, WITHOUT ROWID;

-- Who sent an update, and whether it counts against the sender's rate.
ALTER TABLE telegram_update ADD COLUMN user_id INTEGER;
ALTER TABLE telegram_update ADD COLUMN counted INTEGER NOT NULL DEFAULT 0 CHECK (counted IN (0, 1));
CREATE INDEX telegram_update_counted ON telegram_update (user_id, received_at) WHERE counted = 1;

-- What goes out before everything else of its chat: answers to commands that must always get through.
ALTER TABLE outbox ADD COLUMN urgent INTEGER NOT NULL DEFAULT 0 CHECK (urgent IN (0, 1));

-- Money is summed by day and month.
CREATE INDEX spend_by_time ON spend (reserved_at);
