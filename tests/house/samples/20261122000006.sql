-- What must never be and what v_owed has to show if it is: a task of a chat that ended without a message.
INSERT INTO Jobs (job, id, job_type, status, attempts, max_attempts, run_at, done_at)
VALUES (X'7B7D', '01KAPZ00000000000000000013', 'agentlab', 'Done', 1, 5, 1795340130, 1795340140);
INSERT INTO job (number, id, state, channel, lane, chat, user_id, source_message, project, workspace, isolation, prompt, answer,
                 accepted_at, ended_at)
VALUES (13, '01KAPZ00000000000000000013', 'done', 'telegram', 'chat:504', 504, 504, 61, 'shop', '/srv/shop', 'exclusive',
        'Say hello', 'hello', 1795340130000, 1795340140000);
