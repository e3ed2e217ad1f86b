-- Starts and crashes of the long-lived processes, what was done about them, and what people ask of the supervisor.
-- One list grows; how that is done: docs/decisions/0012.
PRAGMA writable_schema = ON;

UPDATE sqlite_schema SET sql = replace(sql, '(''stranger'', ''cancel'', ''retry'', ''session'')',
    '(''stranger'', ''cancel'', ''retry'', ''session'', ''restart'', ''recover'', ''scale'')')
WHERE type = 'table' AND name = 'audit';

CREATE TABLE crash (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('start', 'crash')),
    role TEXT NOT NULL CHECK (role IN ('bot', 'worker', 'supervisor', 'console')),
    slot INTEGER NOT NULL CHECK (slot >= 0),
    -- Which release: its version, and the commit that it was built from where that is known.
    version TEXT NOT NULL,
    commit_hash TEXT,
    -- For people: how it ended and its last words; empty for a start.
    reason TEXT NOT NULL DEFAULT '',
    was_ready INTEGER CHECK (was_ready IN (0, 1)),
    -- With this crash its release came under suspicion.
    suspect INTEGER NOT NULL DEFAULT 0 CHECK (suspect IN (0, 1))
) STRICT;

CREATE INDEX crash_by_time ON crash (at);

-- What the supervisor did to heal a component, rung by rung.
CREATE TABLE recovery (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('bot', 'worker', 'supervisor', 'console')),
    slot INTEGER NOT NULL CHECK (slot >= 0),
    rung TEXT NOT NULL CHECK (rung IN ('restart', 'end_holders', 'reset', 'capped')),
    -- Whether it changed anything; an action that changed nothing counts as failed.
    changed INTEGER NOT NULL CHECK (changed IN (0, 1)),
    words TEXT NOT NULL
) STRICT;

CREATE INDEX recovery_by_time ON recovery (at);

-- What a person asks of the supervisor.
CREATE TABLE intervention (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('restart', 'recover')),
    -- NULL: the whole system.
    role TEXT CHECK (role IN ('bot', 'worker', 'supervisor', 'console')),
    state TEXT NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'begun', 'finished', 'dropped')),
    asked_by TEXT NOT NULL,
    -- Unix milliseconds; read again by a process that was not there when it was written, so it is validated.
    asked_at INTEGER NOT NULL,
    -- JSON: the names of the processes that it replaces, known when it begins.
    replaces TEXT,
    -- The message that says "restarting" and is edited when it is over.
    outbox_id INTEGER REFERENCES outbox (id),
    ended_at INTEGER,
    -- What came of it, for who asked.
    words TEXT
) STRICT;

CREATE INDEX intervention_open ON intervention (id) WHERE state IN ('asked', 'begun');

-- What was changed while the system runs, over the configuration.
CREATE TABLE control (
    key TEXT PRIMARY KEY CHECK (key IN ('workers')),
    value INTEGER NOT NULL,
    -- The configured value that it stands over: once that is another one, this holds no more.
    configured INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE process ADD COLUMN commit_hash TEXT;

CREATE VIEW v_crashes AS
SELECT
    datetime(crash.at / 1000, 'unixepoch') AS at_utc,
    crash.kind,
    CASE crash.role WHEN 'worker' THEN 'worker-' || crash.slot ELSE crash.role END AS process,
    crash.version,
    crash.commit_hash AS built_from,
    crash.reason,
    crash.was_ready,
    crash.suspect
FROM crash
ORDER BY crash.id DESC;

CREATE VIEW v_recoveries AS
SELECT
    datetime(recovery.at / 1000, 'unixepoch') AS at_utc,
    CASE recovery.role WHEN 'worker' THEN 'worker-' || recovery.slot ELSE recovery.role END AS process,
    recovery.rung,
    recovery.changed,
    recovery.words
FROM recovery
ORDER BY recovery.id DESC;

PRAGMA writable_schema = RESET;
