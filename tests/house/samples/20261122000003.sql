-- One process a post; the bot says what is wrong.
INSERT INTO process (role, slot, name, boot, pid, start_time, version, started_at, ready_at, heartbeat, progress, seen_at, note)
VALUES
    ('supervisor', 0, 'supervisor.01KAPYZZZZZZZZZZZZZZZZZZZ0', 'boot-1', 4100, 881200, '0.1.0', 1795340000000, 1795340000050, 20, 0,
     1795340100000, NULL),
    ('worker', 1, 'worker-1.01KAPYZZZZZZZZZZZZZZZZZZZZ', 'boot-1', 4101, 881210, '0.1.0', 1795340000100, 1795340000150, 20, 3,
     1795340100000, NULL),
    ('worker', 2, 'worker-2.01KAPYZZZZZZZZZZZZZZZZZZZ2', 'boot-1', 4102, 881211, '0.1.0', 1795340000100, NULL, 0, 0,
     1795340000100, NULL),
    ('console', 0, 'console.01KAPYZZZZZZZZZZZZZZZZZZZ3', 'boot-1', 4103, 881212, '0.1.0', 1795340000100, 1795340000150, 20, 100,
     1795340100000, NULL),
    ('bot', 0, 'bot.01KAPYZZZZZZZZZZZZZZZZZZZ4', 'boot-1', 4104, 881213, '0.1.0', 1795340000200, 1795340000900, 20, 4,
     1795340100000, 'another program polls this bot (409)');
