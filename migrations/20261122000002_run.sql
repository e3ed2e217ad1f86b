-- Runs: one execution of a job each, and what it may spend.
CREATE TABLE run (
    id TEXT PRIMARY KEY,
    job_id TEXT NOT NULL REFERENCES job (id),
    attempt INTEGER NOT NULL CHECK (attempt >= 1),
    -- Who may settle it: in every UPDATE that ends a run.
    token TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('claimed', 'running', 'over')),
    -- The process that follows it now; NULL while nobody does.
    worker TEXT,
    session TEXT NOT NULL,
    workspace TEXT NOT NULL,
    exclusive INTEGER NOT NULL CHECK (exclusive IN (0, 1)),
    rehearsed INTEGER NOT NULL DEFAULT 0 CHECK (rehearsed IN (0, 1)),
    -- Counters for observers: looks of the worker, bytes of events read.
    heartbeat INTEGER NOT NULL DEFAULT 0,
    progress INTEGER NOT NULL DEFAULT 0,
    activity TEXT,
    claimed_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    outcome TEXT CHECK (outcome IN (
        'succeeded', 'refused', 'unavailable', 'usage_limit', 'not_logged_in', 'max_turns', 'max_budget', 'errored',
        'crashed', 'stopped', 'time_limit', 'no_progress', 'not_started', 'lost')),
    exit_code INTEGER,
    exit_signal INTEGER,
    -- Millionths of a US dollar.
    cost_micro_usd INTEGER,
    input_tokens INTEGER,
    output_tokens INTEGER,
    turns INTEGER,
    UNIQUE (job_id, attempt),
    CHECK ((outcome IS NOT NULL) = (state = 'over')),
    CHECK ((ended_at IS NOT NULL) = (state = 'over'))
) STRICT;

-- One live run per job, per session and, unless the project says otherwise, per directory.
CREATE UNIQUE INDEX run_live_job ON run (job_id) WHERE state <> 'over';
CREATE UNIQUE INDEX run_live_session ON run (session) WHERE state <> 'over';
CREATE UNIQUE INDEX run_live_workspace ON run (workspace) WHERE state <> 'over' AND exclusive = 1;
CREATE INDEX run_live_any_workspace ON run (workspace) WHERE state <> 'over';

CREATE TRIGGER run_over_stays_over BEFORE UPDATE OF state ON run
WHEN OLD.state = 'over' AND NEW.state <> 'over'
BEGIN
    SELECT RAISE(ABORT, 'a run that is over stays over');
END;

CREATE TABLE spend (
    run_id TEXT PRIMARY KEY REFERENCES run (id),
    user_id INTEGER,
    -- Millionths of a US dollar; settled replaces reserved once the run is over.
    reserved_micro_usd INTEGER NOT NULL CHECK (reserved_micro_usd >= 0),
    settled_micro_usd INTEGER CHECK (settled_micro_usd >= 0),
    reserved_at INTEGER NOT NULL,
    settled_at INTEGER
) STRICT, WITHOUT ROWID;
