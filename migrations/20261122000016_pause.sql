-- A pause: no new run begins. What people ask of the page with a hundred thousand tasks behind it. One list grows; how that is
-- done: docs/decisions/0012. The table and the indexes make every other connection read the schema again.
PRAGMA writable_schema = ON;

UPDATE sqlite_schema SET sql = replace(sql, '''update'', ''rollback''', '''update'', ''rollback'', ''pause'', ''resume''')
WHERE type = 'table' AND name = 'audit';

CREATE TABLE pause (
    -- There is one or none.
    id INTEGER PRIMARY KEY CHECK (id = 1),
    since INTEGER NOT NULL,
    -- Unix milliseconds; NULL: until somebody resumes.
    until INTEGER,
    -- Who paused: "the terminal", "the page", "user 501".
    asked_by TEXT NOT NULL
) STRICT;

-- Charts and sums of money read nothing but these columns.
CREATE INDEX job_ended ON job (ended_at, state, accepted_at) WHERE ended_at IS NOT NULL;
CREATE INDEX spend_charts ON spend (reserved_at, settled_micro_usd, reserved_micro_usd, user_id);
-- Lists, newest first, of one state, of one project, of both.
CREATE INDEX job_by_state ON job (state);
CREATE INDEX job_by_project ON job (project);
CREATE INDEX job_by_project_and_state ON job (project, state);
-- What is owed and has not arrived.
CREATE INDEX outbox_owed ON outbox (state) WHERE owed = 1 AND state <> 'delivered';

DROP VIEW v_queue;
CREATE VIEW v_queue AS
SELECT
    job.number AS task,
    job.state,
    job.lane,
    (SELECT COUNT(*) FROM job_lane before WHERE before.lane = l.lane AND before.seq < l.seq) AS ahead,
    job.project,
    CASE
        WHEN q.lock_by IS NOT NULL THEN 'with ' || rtrim(rtrim(q.lock_by, '0123456789ABCDEFGHJKMNPQRSTVWXYZ'), '.')
        WHEN EXISTS (SELECT 1 FROM run WHERE run.job_id = job.id AND run.state <> 'over') THEN 'no worker follows its run'
        WHEN job.state = 'waiting' THEN 'waits for a person'
        WHEN l.head = 0 THEN 'behind another task of its chat'
        WHEN EXISTS (
            SELECT 1 FROM run
            WHERE run.state <> 'over' AND run.workspace = job.workspace AND run.job_id <> job.id
              AND (run.exclusive = 1 OR job.isolation = 'exclusive')) THEN 'its directory is in use'
        WHEN EXISTS (SELECT 1 FROM pause WHERE pause.until IS NULL OR pause.until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) THEN
            (SELECT 'paused' || COALESCE(' until ' || datetime(pause.until / 1000, 'unixepoch') || ' UTC', '') FROM pause)
        WHEN EXISTS (SELECT 1 FROM hold WHERE hold.until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) THEN
            (SELECT CASE hold.cause WHEN 'usage_limit' THEN 'the usage limit is reached' ELSE 'Claude is not logged in' END
                || ', not before ' || datetime(hold.until / 1000, 'unixepoch') || ' UTC'
             FROM hold WHERE hold.until > CAST(unixepoch('subsec') * 1000 AS INTEGER) ORDER BY hold.until DESC LIMIT 1)
        WHEN EXISTS (SELECT 1 FROM circuit WHERE circuit.service = 'claude' AND circuit.state <> 'closed') THEN 'Claude API unavailable'
        WHEN job.run_at > CAST(unixepoch('subsec') * 1000 AS INTEGER) THEN 'not before ' || datetime(job.run_at / 1000, 'unixepoch') || ' UTC'
        ELSE 'next for a free worker'
    END AS place,
    job.reason,
    datetime(job.accepted_at / 1000, 'unixepoch') AS accepted_utc,
    substr(replace(job.prompt, char(10), ' '), 1, 60) AS prompt,
    job.parked_for,
    job.retry_of
FROM job
JOIN Jobs q ON q.id = job.id
LEFT JOIN job_lane l ON l.job_id = job.id
WHERE job.state NOT IN ('done', 'failed', 'cancelled', 'poison')
ORDER BY l.seq;

PRAGMA writable_schema = RESET;
