-- Who did what that others may ask about later. Append only.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('stranger', 'cancel')),
    -- Who did it: a Telegram user id, or "terminal".
    actor TEXT NOT NULL,
    subject TEXT NOT NULL DEFAULT ''
) STRICT;

-- A stranger who writes a thousand times leaves one row.
CREATE UNIQUE INDEX audit_one_row_per_stranger ON audit (actor) WHERE action = 'stranger';

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append only');
END;
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append only');
END;
