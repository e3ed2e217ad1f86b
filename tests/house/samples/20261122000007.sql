-- Two conversations of a chat, one of them the one that goes on, and a task that does another one again.
INSERT INTO session (id, lane, project, workspace, state, title, created_at, used_at) VALUES
    ('0b7d0000-0000-4000-8000-000000000001', 'chat:501', 'shop', '/srv/shop', 'kept', 'Fix the login page', 1795340010500, 1795340070000),
    ('0b7d0000-0000-4000-8000-000000000002', 'chat:501', 'shop', '/srv/shop', 'current', 'Run the tests', 1795340080000, 1795340080000);
INSERT INTO session (id, lane, project, workspace, state, why, created_at, used_at) VALUES
    ('0b7d0000-0000-4000-8000-000000000003', 'chat:502', 'wiki', '/srv/wiki', 'set_aside', 'No conversation found', 1795340040500, 1795340040600);
UPDATE run SET opened = 'new', instructions = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'
WHERE session = '0b7d0000-0000-4000-8000-000000000002';
