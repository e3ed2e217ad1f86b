-- Two jobs that came in with this release: one by chat with its message on the way, one by a terminal.
UPDATE job SET trace_id = '9b1f0c6a7d2e4835' WHERE number = 3;
UPDATE job SET trace_id = 'c40de11b82a97f06' WHERE number = 12;
UPDATE outbox SET trace_id = '9b1f0c6a7d2e4835' WHERE id = 4;
