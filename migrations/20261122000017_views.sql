-- The request that brought a job or a message: one id from update to answer, in rows as in logs (`request.id`).
ALTER TABLE job ADD COLUMN trace_id TEXT;
ALTER TABLE outbox ADD COLUMN trace_id TEXT;

-- The views with what the migrations before this one brought; new columns stand at the end.
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
    job.retry_of,
    job.trace_id AS request
FROM job
JOIN Jobs q ON q.id = job.id
LEFT JOIN job_lane l ON l.job_id = job.id
WHERE job.state NOT IN ('done', 'failed', 'cancelled', 'poison')
ORDER BY l.seq;

DROP VIEW v_runs;
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
    (COALESCE(run.ended_at, CAST(unixepoch('subsec') * 1000 AS INTEGER)) - run.claimed_at) / 1000.0 AS seconds,
    run.opened,
    run.instructions,
    job.trace_id AS request,
    datetime(run.claimed_at / 1000, 'unixepoch') AS claimed_utc,
    datetime(run.ended_at / 1000, 'unixepoch') AS ended_utc
FROM run
JOIN job ON job.id = run.job_id
ORDER BY run.claimed_at DESC;

DROP VIEW v_outbox;
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
    substr(replace(json_extract(outbox.body, '$.text'), char(10), ' '), 1, 60) AS text,
    outbox.trace_id AS request,
    datetime(outbox.delivered_at / 1000, 'unixepoch') AS delivered_utc
FROM outbox
LEFT JOIN job ON job.id = outbox.job_id
ORDER BY outbox.id;
