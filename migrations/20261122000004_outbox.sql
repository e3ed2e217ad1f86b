-- What is owed to a chat: one row becomes one message, sent once and then edited to its newest revision.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('status', 'part', 'notice', 'reply')),
    job_id TEXT REFERENCES job (id),
    chat INTEGER NOT NULL,
    topic INTEGER,
    reply_to INTEGER,
    -- JSON: text, entities, and the job of a Stop button.
    body TEXT NOT NULL,
    -- 1 when this revision must arrive; 0 for a picture of progress that the next one replaces.
    owed INTEGER NOT NULL DEFAULT 1 CHECK (owed IN (0, 1)),
    revision INTEGER NOT NULL DEFAULT 1,
    delivered_revision INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sending', 'delivered', 'given_up')),
    message_id INTEGER,
    plain INTEGER NOT NULL DEFAULT 0 CHECK (plain IN (0, 1)),
    doubts INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    created_at INTEGER NOT NULL,
    delivered_at INTEGER
) STRICT;

CREATE UNIQUE INDEX outbox_one_status ON outbox (job_id) WHERE kind = 'status';
CREATE INDEX outbox_due ON outbox (chat, id) WHERE state IN ('pending', 'sending');
