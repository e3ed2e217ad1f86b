-- What was counted of rows that are gone, how long the system could serve, and what a count needs in a row.
CREATE TABLE tally (
    name TEXT NOT NULL,
    -- JSON, its keys in order.
    labels TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (name, labels)
) STRICT, WITHOUT ROWID;

-- One row an hour of UTC in which a supervisor watched; lengths are of the monotonic clock.
CREATE TABLE uptime (
    -- When the hour began, Unix milliseconds.
    hour INTEGER PRIMARY KEY,
    -- When the first and the last of it was noted.
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    watched_ms INTEGER NOT NULL CHECK (watched_ms >= 0),
    served_ms INTEGER NOT NULL CHECK (served_ms >= 0)
) STRICT;

-- From the acceptance of its job to this claim; NULL for every run but the first.
ALTER TABLE run ADD COLUMN waited_ms INTEGER;
-- How often it was taken up by somebody else than who began it.
ALTER TABLE run ADD COLUMN adoptions INTEGER NOT NULL DEFAULT 0;
-- How long Claude's API took to answer it, in all, as the agent tells it.
ALTER TABLE run ADD COLUMN api_ms INTEGER;
-- How often a revision of it was given up.
ALTER TABLE outbox ADD COLUMN given_up INTEGER NOT NULL DEFAULT 0;

UPDATE run SET waited_ms = MAX(0, claimed_at - (SELECT accepted_at FROM job WHERE job.id = run.job_id)) WHERE attempt = 1;
UPDATE outbox SET given_up = 1 WHERE state = 'given_up';

-- Prompts, answers, messages and raw updates are long: what is counted stands in an index beside them.
CREATE INDEX job_counted ON job (ended_at, state, channel, accepted_at);
CREATE INDEX outbox_counted ON outbox (kind, delivered_revision, given_up);
CREATE INDEX telegram_update_counted_by_decision ON telegram_update (decision);
