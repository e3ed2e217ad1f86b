-- A pause: no new run begins. What people ask of the page with a hundred thousand tasks behind it. One list grows; how that is
-- done: docs/decisions/0012. The table and the indexes make every other connection read the schema again.
PRAGMA writable_schema = ON;

UPDATE sqlite_schema SET sql = replace(sql, '''update'', ''rollback''', '''update'', ''rollback'', ''pause'', ''resume''')
WHERE type = 'table' AND name = 'audit';

CREATE TABLE pause (
    -- There is one or none.
    id INTEGER PRIMARY KEY CHECK (id = 1),
    since INTEGER NOT NULL,
    -- Unix milliseconds; NULL: until somebody resumes.
    until INTEGER,
    -- Who paused: "the terminal", "the page", "user 501".
    asked_by TEXT NOT NULL
) STRICT;

-- Charts and sums of money read nothing but these columns.
CREATE INDEX job_ended ON job (ended_at, state, accepted_at) WHERE ended_at IS NOT NULL;
CREATE INDEX spend_charts ON spend (reserved_at, settled_micro_usd, reserved_micro_usd, user_id);
-- Lists, newest first, of one state, of one project, of both.
CREATE INDEX job_by_state ON job (state);
CREATE INDEX job_by_project ON job (project);
CREATE INDEX job_by_project_and_state ON job (project, state);
-- What is owed and has not arrived.
CREATE INDEX outbox_owed ON outbox (state) WHERE owed = 1 AND state <> 'delivered';

PRAGMA writable_schema = RESET;
