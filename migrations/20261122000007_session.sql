-- Conversations with the agent, and what a run records of how it was begun.
CREATE TABLE session (
    -- The id that the agent knows it by: chosen here, before the agent is started.
    id TEXT PRIMARY KEY,
    lane TEXT NOT NULL,
    project TEXT NOT NULL,
    -- A conversation can be taken up from its own directory only.
    workspace TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('current', 'kept', 'set_aside')),
    forked_from TEXT REFERENCES session (id),
    -- The first words of its first task.
    title TEXT NOT NULL DEFAULT '',
    -- Why it was set aside.
    why TEXT,
    created_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One conversation per lane and directory is the one that goes on.
CREATE UNIQUE INDEX session_one_current ON session (lane, workspace) WHERE state = 'current';
CREATE INDEX session_of_lane ON session (lane, used_at);

-- The conversation that was asked for; without one the lane's current one.
ALTER TABLE job ADD COLUMN session TEXT REFERENCES session (id);
-- The ended task that this one does again.
ALTER TABLE job ADD COLUMN retry_of INTEGER;
-- What a parked job waits for.
ALTER TABLE job ADD COLUMN parked_for TEXT CHECK (parked_for IN (
    'usage_limit', 'login', 'budget', 'unavailable', 'cannot_tell'));

-- How the run's session was opened; NULL before the agent is started.
ALTER TABLE run ADD COLUMN opened TEXT CHECK (opened IN ('new', 'resumed', 'forked'));
-- SHA-256 of the instructions that it was given (orchestrator.md), NULL without any.
ALTER TABLE run ADD COLUMN instructions TEXT;
-- Whether it used up an attempt of its job; decided when it is over.
ALTER TABLE run ADD COLUMN uses_attempt INTEGER NOT NULL DEFAULT 1 CHECK (uses_attempt IN (0, 1));
-- Nobody takes it up before this time: it cannot be told whether it is over.
ALTER TABLE run ADD COLUMN hold_until INTEGER NOT NULL DEFAULT 0;
-- Calls of the service that were counted so far: those that got an answer, and those that did not.
ALTER TABLE run ADD COLUMN calls_answered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN calls_failed INTEGER NOT NULL DEFAULT 0;

UPDATE run SET uses_attempt = 0 WHERE outcome IN ('usage_limit', 'not_logged_in');
