-- What is left of tasks whose age is over, and what pruning needs to find quickly.
CREATE TABLE job_past (
    -- What people call it; the number of no later task.
    number INTEGER PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('done', 'failed', 'cancelled', 'poison')),
    accepted_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    -- Millionths of a US dollar, as far as it was known.
    cost_micro_usd INTEGER,
    removed_at INTEGER NOT NULL
) STRICT;

-- What runs cost that are gone, summed by quarters of an hour: the days of every time zone begin with one.
CREATE TABLE spend_past (
    -- When the quarter began, Unix milliseconds.
    at INTEGER NOT NULL,
    -- 0: nobody in a chat.
    user_id INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    micro_usd INTEGER NOT NULL CHECK (micro_usd >= 0),
    PRIMARY KEY (at, user_id)
) STRICT, WITHOUT ROWID;

-- What refers to a row that goes is looked for.
CREATE INDEX outbox_of_job ON outbox (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX outbox_of_none ON outbox (created_at) WHERE job_id IS NULL;
CREATE INDEX job_of_session ON job (session) WHERE session IS NOT NULL;
CREATE INDEX run_of_session ON run (session);
CREATE INDEX session_forked ON session (forked_from) WHERE forked_from IS NOT NULL;
CREATE INDEX intervention_told ON intervention (outbox_id) WHERE outbox_id IS NOT NULL;

-- The audit log is append only for as long as it is kept: what may go must be older than the time that is written in `meta` by
-- whoever removes it, and older than thirty days whatever is written there.
DROP TRIGGER audit_is_never_deleted;
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit
WHEN OLD.at >= COALESCE((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'audit_kept_from'), 0)
    OR OLD.at >= CAST(unixepoch('subsec') * 1000 AS INTEGER) - 2592000000
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append only');
END;

DROP VIEW v_spend;
CREATE VIEW v_spend AS
SELECT day_utc, user_id, SUM(runs) AS runs, SUM(micro) / 1000000.0 AS usd
FROM (
    SELECT
        date(spend.reserved_at / 1000, 'unixepoch') AS day_utc,
        spend.user_id,
        1 AS runs,
        COALESCE(spend.settled_micro_usd, spend.reserved_micro_usd) AS micro
    FROM spend
    UNION ALL
    SELECT date(spend_past.at / 1000, 'unixepoch'), NULLIF(spend_past.user_id, 0), spend_past.runs, spend_past.micro_usd
    FROM spend_past
)
GROUP BY 1, 2
ORDER BY 1 DESC;
