-- One more rule of alerts: the newest backup is old. How a list grows: docs/decisions/0012.
PRAGMA writable_schema = ON;

UPDATE sqlite_schema SET sql = replace(sql, '''detector_silent'', ''recovery_action'')',
    '''detector_silent'', ''recovery_action'', ''backup_old'')')
WHERE type = 'table' AND name = 'alert';

-- What fires now. It makes every other connection read the schema again.
CREATE INDEX alert_open ON alert (rule) WHERE over IS NULL;

PRAGMA writable_schema = RESET;
