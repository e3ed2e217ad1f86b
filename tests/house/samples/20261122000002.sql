-- Runs that ended well, badly and not at all yet, and what each cost.
INSERT INTO run (id, job_id, attempt, token, state, worker, session, workspace, exclusive, rehearsed, heartbeat, progress,
                 activity, claimed_at, started_at, ended_at, outcome, exit_code, exit_signal, cost_micro_usd, input_tokens,
                 output_tokens, turns) VALUES
    ('5d3c1f0e-0000-4000-8000-000000000001', '01KAPZ00000000000000000001', 1, 'token-1', 'over', NULL,
     '0b7d0000-0000-4000-8000-000000000001', '/srv/shop', 1, 0, 58, 20480, 'Edit: login.html', 1795340010500, 1795340010600,
     1795340070000, 'succeeded', 0, NULL, 197180, 24100, 460, 4),
    ('5d3c1f0e-0000-4000-8000-000000000002', '01KAPZ00000000000000000002', 1, 'token-2', 'running',
     'worker-1.01KAPYZZZZZZZZZZZZZZZZZZZZ', '0b7d0000-0000-4000-8000-000000000002', '/srv/shop', 1, 0, 12, 4096,
     'Bash: cargo test', 1795340080000, 1795340080100, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    ('5d3c1f0e-0000-4000-8000-000000000004', '01KAPZ00000000000000000004', 1, 'token-4', 'over', NULL,
     '0b7d0000-0000-4000-8000-000000000004', '/srv/wiki', 1, 0, 3, 900, 'waiting for the API (529), try 10', 1795340040500,
     1795340040600, 1795340044000, 'unavailable', 1, NULL, 0, 0, 0, 1),
    ('5d3c1f0e-0000-4000-8000-000000000005', '01KAPZ00000000000000000005', 1, 'token-5', 'over', NULL,
     '0b7d0000-0000-4000-8000-000000000005', '/srv/blog', 1, 0, 2, 700, NULL, 1795340050500, 1795340050600, 1795340052000,
     'usage_limit', 1, NULL, 0, 0, 0, 1),
    ('5d3c1f0e-0000-4000-8000-000000000007', '01KAPZ00000000000000000007', 1, 'token-7', 'over', NULL,
     '0b7d0000-0000-4000-8000-000000000007', '/srv/shop', 1, 0, 2, 700, NULL, 1795340071000, 1795340071100, 1795340079000,
     'refused', 1, NULL, 0, 0, 0, 1),
    ('5d3c1f0e-0000-4000-8000-000000000009', '01KAPZ00000000000000000009', 1, 'token-9', 'over', NULL,
     '0b7d0000-0000-4000-8000-000000000009', '/home/ann', 1, 0, 9, 100, 'Bash: ./eat', 1795340091000, 1795340091100,
     1795340130000, 'lost', NULL, NULL, NULL, NULL, NULL, NULL),
    ('5d3c1f0e-0000-4000-8000-00000000000a', '01KAPZ00000000000000000009', 2, 'token-a', 'over', NULL,
     '0b7d0000-0000-4000-8000-00000000000a', '/home/ann', 1, 0, 9, 100, 'Bash: ./eat', 1795340140000, 1795340140100,
     1795340190000, 'crashed', NULL, 9, NULL, NULL, NULL, NULL),
    ('5d3c1f0e-0000-4000-8000-00000000000b', '01KAPZ00000000000000000011', 1, 'token-b', 'running', NULL,
     '0b7d0000-0000-4000-8000-00000000000b', '/srv/notes', 0, 1, 5, 300, 'thinks', 1795340111000, 1795340111100, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, NULL);

INSERT INTO spend (run_id, user_id, reserved_micro_usd, settled_micro_usd, reserved_at, settled_at) VALUES
    ('5d3c1f0e-0000-4000-8000-000000000001', 501, 0, 197180, 1795340010500, 1795340070000),
    ('5d3c1f0e-0000-4000-8000-000000000002', 501, 2000000, NULL, 1795340080000, NULL),
    ('5d3c1f0e-0000-4000-8000-000000000009', NULL, 1500000, 1500000, 1795340091000, 1795340130000);
