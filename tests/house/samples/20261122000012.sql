-- A start, a crash, what was done about it, and a restart that somebody asked for.
INSERT INTO crash (at, kind, role, slot, version, commit_hash, reason, was_ready, suspect) VALUES
    (1795340400000, 'start', 'bot', 0, '0.1.0', '98fff82c0ffe', '', NULL, 0),
    (1795340460000, 'crash', 'bot', 0, '0.1.0', '98fff82c0ffe', 'ended by signal 11', 1, 1);
INSERT INTO recovery (at, role, slot, rung, changed, words) VALUES
    (1795340461000, 'bot', 0, 'restart', 1, 'started again'),
    (1795340463000, 'bot', 0, 'end_holders', 0, 'nobody held the database');
INSERT INTO intervention (kind, role, state, asked_by, asked_at, replaces, outbox_id, ended_at, words) VALUES
    ('restart', NULL, 'finished', 'user 501', 1795340500000, '["bot.01KAPYZZZZZZZZZZZZZZZZZZZ4"]', 10, 1795340501200, 'back after 1.2 s');
INSERT INTO control (key, value, configured, at) VALUES ('workers', 2, 3, 1795340600000);
INSERT INTO audit (at, action, actor, subject) VALUES (1795340500000, 'restart', 'user 501', 'everything');
UPDATE process SET commit_hash = '98fff82c0ffe' WHERE role = 'bot';
