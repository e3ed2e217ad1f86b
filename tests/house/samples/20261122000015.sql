-- What was folded when old tasks were deleted, and two hours of which one was watched in part.
INSERT INTO tally (name, labels, value) VALUES
    ('tasks_ended', '{"channel":"telegram","outcome":"done"}', 12),
    ('task_seconds_sum', '{}', 720000);
INSERT INTO uptime (hour, first_at, last_at, watched_ms, served_ms) VALUES
    (1795338000000, 1795338000000, 1795341600000, 3600000, 3590000),
    (1795341600000, 1795342000000, 1795343800000, 1800000, 1800000);
UPDATE run SET waited_ms = 120, api_ms = 5400, adoptions = 1 WHERE attempt = 1;
