-- A working day: every decision of an update, every state of a job, lanes with and without somebody behind the head.
INSERT INTO Workers (id, worker_type, storage_name, layers, last_seen, started_at)
VALUES ('worker-1.01KAPYZZZZZZZZZZZZZZZZZZZZ', 'agentlab', 'agentlab', NULL, 1795340100, 1795340000);

INSERT INTO Jobs (job, id, job_type, status, attempts, max_attempts, run_at, lock_at, lock_by, done_at) VALUES
    (X'7B7D', '01KAPZ00000000000000000001', 'agentlab', 'Done', 1, 5, 1795340010, NULL, NULL, 1795340070),
    (X'7B7D', '01KAPZ00000000000000000002', 'agentlab', 'Running', 0, 5, 1795340020, 1795340080, 'worker-1.01KAPYZZZZZZZZZZZZZZZZZZZZ', NULL),
    (X'7B7D', '01KAPZ00000000000000000003', 'agentlab', 'Pending', 0, 5, 1795340030, NULL, NULL, NULL),
    (X'7B7D', '01KAPZ00000000000000000004', 'agentlab', 'Pending', 1, 5, 1795340040, NULL, NULL, NULL),
    (X'7B7D', '01KAPZ00000000000000000005', 'agentlab', 'Pending', 1, 5, 1795340050, NULL, NULL, NULL),
    (X'7B7D', '01KAPZ00000000000000000006', 'agentlab', 'Pending', 1, 5, 1795340060, NULL, NULL, NULL),
    (X'7B7D', '01KAPZ00000000000000000007', 'agentlab', 'Failed', 1, 5, 1795340070, NULL, NULL, 1795340090),
    (X'7B7D', '01KAPZ00000000000000000008', 'agentlab', 'Killed', 0, 5, 1795340080, NULL, NULL, 1795340085),
    (X'7B7D', '01KAPZ00000000000000000009', 'agentlab', 'Failed', 2, 5, 1795340090, NULL, NULL, 1795340190),
    (X'7B7D', '01KAPZ00000000000000000010', 'agentlab', 'Pending', 0, 5, 1795340100, NULL, NULL, NULL),
    (X'7B7D', '01KAPZ00000000000000000011', 'agentlab', 'Pending', 0, 5, 1795340110, NULL, NULL, NULL),
    (X'7B7D', '01KAPZ00000000000000000012', 'agentlab', 'Pending', 0, 5, 1795340120, NULL, NULL, NULL);

INSERT INTO telegram_update (bot_id, update_id, raw, decision, why, received_at) VALUES
    (7000, 9001, '{"update_id":9001,"message":{"message_id":11,"text":"Fix the login page"}}', 'job', NULL, 1795340010000),
    (7000, 9002, '{"update_id":9002,"message":{"message_id":12,"text":"Add a test for it"}}', 'job', NULL, 1795340020000),
    (7000, 9003, '{"update_id":9003,"message":{"message_id":13,"text":"And a changelog line"}}', 'job', NULL, 1795340030000),
    (7000, 9004, '{"update_id":9004,"message":{"message_id":14,"text":"/status"}}', 'command', NULL, 1795340031000),
    (7000, 9005, '{"update_id":9005,"edited_message":{"message_id":13,"text":"And one changelog line"}}', 'edit', NULL, 1795340032000),
    (7000, 9006, '{"update_id":9006,"callback_query":{"id":"4","data":"stop:2"}}', 'stop', NULL, 1795340033000),
    (7000, 9007, '{"update_id":9007,"message":{"message_id":15,"sticker":{}}}', 'no_text', NULL, 1795340034000),
    (7000, 9008, '', 'stranger', NULL, 1795340035000),
    (7000, 9009, '{"update_id":9009,"poll":{}}', 'ignored', 'an update of the kind poll', 1795340036000);

INSERT INTO job (number, id, state, channel, request_id, lane, chat, topic, user_id, source_message, project, workspace,
                 isolation, prompt, reason, answer, run_at, stop_by, accepted_at, ended_at) VALUES
    (1, '01KAPZ00000000000000000001', 'done', 'telegram', NULL, 'chat:501', 501, NULL, 501, 11, 'shop', '/srv/shop',
     'exclusive', 'Fix the login page', NULL, 'Fixed: the form posts to **/login** now.', 0, NULL, 1795340010000, 1795340070000),
    (2, '01KAPZ00000000000000000002', 'running', 'telegram', NULL, 'chat:501', 501, NULL, 501, 12, 'shop', '/srv/shop',
     'exclusive', 'Add a test for it', NULL, NULL, 0, 'user 501', 1795340020000, NULL),
    (3, '01KAPZ00000000000000000003', 'queued', 'telegram', NULL, 'chat:501', 501, NULL, 501, 13, 'shop', '/srv/shop',
     'exclusive', 'And one changelog line', NULL, NULL, 0, NULL, 1795340030000, NULL),
    (4, '01KAPZ00000000000000000004', 'retrying', 'telegram', NULL, 'chat:501:7', 501, 7, 501, 21, 'wiki', '/srv/wiki',
     'exclusive', 'Summarise the wiki', 'Claude was not available: API Error: 529', NULL, 4070908800000, NULL, 1795340040000, NULL),
    (5, '01KAPZ00000000000000000005', 'parked', 'telegram', NULL, 'chat:502', 502, NULL, 502, 31, 'blog', '/srv/blog',
     'exclusive', 'Proofread the newest post', 'the usage limit of the Claude account is reached', NULL, 4070908800000, NULL,
     1795340050000, NULL),
    (6, '01KAPZ00000000000000000006', 'waiting', 'telegram', NULL, 'chat:503', 503, NULL, 503, 41, 'blog', '/srv/blog',
     'exclusive', 'Publish it', 'a person must allow it', NULL, 0, NULL, 1795340060000, NULL),
    (7, '01KAPZ00000000000000000007', 'failed', 'telegram', NULL, 'chat:-1009', -1009, NULL, 501, 51, 'shop', '/srv/shop',
     'exclusive', 'Paint the moon', 'Claude refused the request: API Error: 400', 'Task 7: failed', 0, NULL, 1795340070000,
     1795340090000),
    (8, '01KAPZ00000000000000000008', 'cancelled', 'terminal', 'request-8', 'own:01KAPZ00000000000000000008', NULL, NULL, NULL,
     NULL, 'home', '/home/ann', 'exclusive', 'Never mind', 'cancelled by the terminal', 'cancelled by the terminal', 0, NULL,
     1795340080000, 1795340085000),
    (9, '01KAPZ00000000000000000009', 'poison', 'terminal', 'request-9', 'own:01KAPZ00000000000000000009', NULL, NULL, NULL,
     NULL, 'home', '/home/ann', 'exclusive', 'Eat all memory', 'its runs took their keeper down', 'set aside', 0, NULL,
     1795340090000, 1795340190000),
    (10, '01KAPZ00000000000000000010', 'queued', 'terminal', 'request-10', 'own:01KAPZ00000000000000000010', NULL, NULL, NULL,
     NULL, 'shop', '/srv/shop', 'exclusive', 'List the files', NULL, NULL, 0, NULL, 1795340100000, NULL),
    (11, '01KAPZ00000000000000000011', 'running', 'terminal', 'request-11', 'own:01KAPZ00000000000000000011', NULL, NULL, NULL,
     NULL, 'notes', '/srv/notes', 'none', 'Sort the notes', NULL, NULL, 0, NULL, 1795340110000, NULL),
    (12, '01KAPZ00000000000000000012', 'queued', 'terminal', 'request-12', 'own:01KAPZ00000000000000000012', NULL, NULL, NULL,
     NULL, 'notes', '/srv/notes', 'none', 'Count the notes', NULL, NULL, 0, NULL, 1795340120000, NULL);

INSERT INTO job_lane (job_id, lane, head) VALUES
    ('01KAPZ00000000000000000002', 'chat:501', 1),
    ('01KAPZ00000000000000000003', 'chat:501', 0),
    ('01KAPZ00000000000000000004', 'chat:501:7', 1),
    ('01KAPZ00000000000000000005', 'chat:502', 1),
    ('01KAPZ00000000000000000010', 'own:01KAPZ00000000000000000010', 1),
    ('01KAPZ00000000000000000011', 'own:01KAPZ00000000000000000011', 1),
    ('01KAPZ00000000000000000012', 'own:01KAPZ00000000000000000012', 1);
