-- The long-lived processes, one row a post (role and slot): the newest process that filled it.
CREATE TABLE process (
    role TEXT NOT NULL CHECK (role IN ('bot', 'worker', 'supervisor', 'console')),
    slot INTEGER NOT NULL CHECK (slot >= 0),
    -- Unique per process start; workers hold leases under it.
    name TEXT NOT NULL UNIQUE,
    -- Identity: a PID alone is none.
    boot TEXT NOT NULL,
    pid INTEGER NOT NULL,
    start_time INTEGER NOT NULL,
    version TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ready_at INTEGER,
    -- Counters: turns of its loop, and what it got done (for the bot: answered polls).
    heartbeat INTEGER NOT NULL DEFAULT 0,
    progress INTEGER NOT NULL DEFAULT 0,
    -- For people; no decision rests on it.
    seen_at INTEGER NOT NULL,
    -- What is wrong, in words.
    note TEXT,
    PRIMARY KEY (role, slot)
) STRICT, WITHOUT ROWID;
