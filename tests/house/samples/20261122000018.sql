-- The rule that came with it.
INSERT INTO alert (id, key, rule, severity, subject, words, began, over) VALUES
    (3, 'backup_old:backup', 'backup_old', 'warning', 'backup', 'agentlab: the newest backup is 3 h old.', 1795341000000, NULL);
