-- A task whose age is over, and what the runs of such tasks cost.
INSERT INTO job_past (number, state, accepted_at, ended_at, attempts, cost_micro_usd, removed_at) VALUES
    (9001, 'done', 1787565600000, 1787565660000, 1, 210000, 1795341660000);
INSERT INTO spend_past (at, user_id, runs, micro_usd) VALUES (1787565600000, 501, 1, 210000), (1787565600000, 0, 2, 40000);
