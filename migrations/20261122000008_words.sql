-- More words in three lists. SQLite cannot alter a CHECK; its documentation allows to edit the text of the schema instead
-- where no stored row changes its meaning (docs/decisions/0012). The tables made below make every other
-- connection read the schema again.
PRAGMA writable_schema = ON;

UPDATE sqlite_schema SET sql = replace(sql, '''no_progress'', ''not_started'', ''lost'')',
    '''no_progress'', ''not_started'', ''lost'', ''unkept'', ''rebooted'', ''out_of_memory'', ''session_lost'')')
WHERE type = 'table' AND name = 'run';
UPDATE sqlite_schema SET sql = replace(sql, '''no_text'', ''stranger'', ''ignored'')',
    '''no_text'', ''stranger'', ''ignored'', ''limited'')')
WHERE type = 'table' AND name = 'telegram_update';
UPDATE sqlite_schema SET sql = replace(sql, '(''stranger'', ''cancel'')', '(''stranger'', ''cancel'', ''retry'', ''session'')')
WHERE type = 'table' AND name = 'audit';

-- What keeps every new run from beginning, until a time: the account's limit, a missing login.
CREATE TABLE hold (
    cause TEXT PRIMARY KEY CHECK (cause IN ('usage_limit', 'login')),
    until INTEGER NOT NULL,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Notices that are given once: a row here says that it was.
CREATE TABLE said (
    key TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA writable_schema = RESET;
