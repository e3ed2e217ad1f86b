-- More words in two lists: the fourth rung of the ladder, and what a person does about releases (docs/decisions/0012). The index
-- makes every other connection read the schema again.
PRAGMA writable_schema = ON;

UPDATE sqlite_schema SET sql = replace(sql, '(''restart'', ''end_holders'', ''reset'', ''capped'')',
    '(''restart'', ''end_holders'', ''reset'', ''release'', ''capped'')')
WHERE type = 'table' AND name = 'recovery';
UPDATE sqlite_schema SET sql = replace(sql, '''restart'', ''recover'', ''scale'')',
    '''restart'', ''recover'', ''scale'', ''update'', ''rollback'')')
WHERE type = 'table' AND name = 'audit';

CREATE INDEX recovery_of_releases ON recovery (at) WHERE rung = 'release';

PRAGMA writable_schema = RESET;
