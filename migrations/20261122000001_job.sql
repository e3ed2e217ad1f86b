-- What Telegram gave us, the jobs that follow from it, and the order of each lane.
-- Joined on job.id = Jobs.id; apalis' own tables are never altered.
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The oldest release that may open this database.
INSERT INTO meta (key, value) VALUES ('schema_min_release', '0.1.0');

CREATE TABLE telegram_update (
    bot_id INTEGER NOT NULL,
    update_id INTEGER NOT NULL,
    -- The raw update; empty for a stranger's, whose words are not kept.
    raw TEXT NOT NULL,
    decision TEXT NOT NULL CHECK (decision IN ('job', 'command', 'edit', 'stop', 'no_text', 'stranger', 'ignored')),
    why TEXT,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (bot_id, update_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX telegram_update_received ON telegram_update (received_at);

CREATE TABLE job (
    -- What people call it.
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Jobs.id.
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN (
        'queued', 'running', 'retrying', 'parked', 'waiting', 'done', 'failed', 'cancelled', 'poison')),
    channel TEXT NOT NULL CHECK (channel IN ('telegram', 'terminal', 'page')),
    -- The sender's key for "this very request"; asking twice makes one job.
    request_id TEXT UNIQUE,
    lane TEXT NOT NULL,
    chat INTEGER,
    topic INTEGER,
    user_id INTEGER,
    source_message INTEGER,
    project TEXT NOT NULL,
    -- Canonical path in which its runs work.
    workspace TEXT NOT NULL,
    isolation TEXT NOT NULL CHECK (isolation IN ('exclusive', 'none', 'worktree')),
    prompt TEXT NOT NULL,
    -- Why it is in its state, in words.
    reason TEXT,
    -- The agent's whole answer, as Markdown.
    answer TEXT,
    -- Not before this time, Unix milliseconds.
    run_at INTEGER NOT NULL DEFAULT 0,
    -- Who asked for it to stop, while a run lives.
    stop_by TEXT,
    accepted_at INTEGER NOT NULL,
    ended_at INTEGER,
    CHECK ((ended_at IS NOT NULL) = (state IN ('done', 'failed', 'cancelled', 'poison')))
) STRICT;

CREATE INDEX job_live ON job (state) WHERE state NOT IN ('done', 'failed', 'cancelled', 'poison');
CREATE INDEX job_source ON job (chat, source_message) WHERE source_message IS NOT NULL;

-- Ended states stay ended.
CREATE TRIGGER job_ended_stays_ended BEFORE UPDATE OF state ON job
WHEN OLD.state IN ('done', 'failed', 'cancelled', 'poison') AND NEW.state <> OLD.state
BEGIN
    SELECT RAISE(ABORT, 'an ended job stays ended');
END;

CREATE TABLE job_lane (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id TEXT NOT NULL UNIQUE REFERENCES job (id),
    lane TEXT NOT NULL,
    head INTEGER NOT NULL CHECK (head IN (0, 1))
) STRICT;

CREATE UNIQUE INDEX job_lane_one_head ON job_lane (lane) WHERE head = 1;
CREATE INDEX job_lane_order ON job_lane (lane, seq);
