-- What was told about the system itself, and which channel took it when. The rows follow run/alerts.json, which needs no database.
CREATE TABLE alert (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Which alert it is; with the time at which it began, which episode of it.
    key TEXT NOT NULL,
    rule TEXT NOT NULL CHECK (rule IN (
        'component_down', 'bot_down', 'high_error_rate', 'worker_pool_saturated', 'disk_full', 'api_cost_limit',
        'detector_silent', 'recovery_action')),
    severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    subject TEXT NOT NULL,
    words TEXT NOT NULL,
    -- Unix milliseconds.
    began INTEGER NOT NULL,
    -- NULL while it lasts; for what happened in a moment the time at which it began.
    over INTEGER,
    UNIQUE (key, began)
) STRICT;

CREATE INDEX alert_by_time ON alert (began);

CREATE TABLE alert_delivery (
    alert_id INTEGER NOT NULL REFERENCES alert (id),
    channel TEXT NOT NULL CHECK (channel IN ('telegram', 'desktop', 'email', 'sms', 'webhook')),
    at INTEGER NOT NULL,
    what TEXT NOT NULL CHECK (what IN ('began', 'over')),
    PRIMARY KEY (alert_id, channel, at)
) STRICT, WITHOUT ROWID;

-- The rules look every few seconds at what ended lately.
CREATE INDEX run_ended ON run (ended_at) WHERE state = 'over';

CREATE VIEW v_alerts AS
SELECT
    datetime(alert.began / 1000, 'unixepoch') AS began_utc,
    datetime(alert.over / 1000, 'unixepoch') AS over_utc,
    alert.rule,
    alert.severity,
    alert.subject,
    alert.words,
    (SELECT group_concat(DISTINCT d.channel) FROM alert_delivery d WHERE d.alert_id = alert.id) AS told
FROM alert
ORDER BY alert.id DESC;
