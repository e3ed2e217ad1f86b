-- What people query: documented in docs/ARCHITECTURE.md and kept stable.
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
        WHEN job.run_at > CAST(unixepoch('subsec') * 1000 AS INTEGER) THEN 'not before ' || datetime(job.run_at / 1000, 'unixepoch') || ' UTC'
        ELSE 'next for a free worker'
    END AS place,
    job.reason,
    datetime(job.accepted_at / 1000, 'unixepoch') AS accepted_utc,
    substr(replace(job.prompt, char(10), ' '), 1, 60) AS prompt
FROM job
JOIN Jobs q ON q.id = job.id
LEFT JOIN job_lane l ON l.job_id = job.id
WHERE job.state NOT IN ('done', 'failed', 'cancelled', 'poison')
ORDER BY l.seq;

CREATE VIEW v_runs AS
SELECT
    job.number AS task,
    run.attempt,
    run.state,
    run.outcome,
    run.id AS run,
    run.session,
    run.workspace,
    run.worker,
    run.activity,
    run.cost_micro_usd / 1000000.0 AS cost_usd,
    run.input_tokens,
    run.output_tokens,
    run.turns,
    (COALESCE(run.ended_at, CAST(unixepoch('subsec') * 1000 AS INTEGER)) - run.claimed_at) / 1000.0 AS seconds
FROM run
JOIN job ON job.id = run.job_id
ORDER BY run.claimed_at DESC;

CREATE VIEW v_workers AS
SELECT
    p.slot,
    p.name,
    p.pid,
    p.version,
    p.ready_at IS NOT NULL AS ready,
    (SELECT job.number FROM Jobs q JOIN job ON job.id = q.id WHERE q.lock_by = p.name AND q.status = 'Running') AS task,
    datetime(p.seen_at / 1000, 'unixepoch') AS seen_utc,
    p.note
FROM process p
WHERE p.role = 'worker'
ORDER BY p.slot;

CREATE VIEW v_outbox AS
SELECT
    outbox.id,
    outbox.kind,
    job.number AS task,
    outbox.chat,
    outbox.topic,
    outbox.state,
    outbox.revision,
    outbox.delivered_revision,
    outbox.message_id,
    outbox.failures,
    outbox.error,
    substr(replace(json_extract(outbox.body, '$.text'), char(10), ' '), 1, 60) AS text
FROM outbox
LEFT JOIN job ON job.id = outbox.job_id
ORDER BY outbox.id;

CREATE VIEW v_spend AS
SELECT
    date(spend.reserved_at / 1000, 'unixepoch') AS day_utc,
    spend.user_id,
    COUNT(*) AS runs,
    SUM(COALESCE(spend.settled_micro_usd, spend.reserved_micro_usd)) / 1000000.0 AS usd
FROM spend
GROUP BY 1, 2
ORDER BY 1 DESC;

-- Promised and not yet kept: an accepted job without an outcome, or an outcome that has not arrived.
CREATE VIEW v_owed AS
SELECT 'outcome' AS owed, job.number AS task, job.chat, job.state AS state, job.reason AS why
FROM job
WHERE job.state NOT IN ('done', 'failed', 'cancelled', 'poison')
UNION ALL
SELECT 'message', job.number, outbox.chat, outbox.state, outbox.error
FROM outbox
LEFT JOIN job ON job.id = outbox.job_id
WHERE outbox.owed = 1 AND outbox.state <> 'delivered'
UNION ALL
SELECT 'answer', job.number, job.chat, job.state, 'it ended and no message was written'
FROM job
WHERE job.channel = 'telegram' AND job.state IN ('done', 'failed', 'cancelled', 'poison')
  AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.job_id = job.id AND outbox.kind = 'status');
