-- How far this database has come, for the journal in intake.jsonl: every promised transaction has the next number, here and in
-- its line there. So a database that lost its last transactions, or was restored from a backup, is known to have.
CREATE TABLE journal (
    -- There is one row.
    only INTEGER PRIMARY KEY CHECK (only = 1),
    -- Which database this is: lines of another one are not its own.
    id TEXT NOT NULL,
    -- The number of the last transaction in it.
    seq INTEGER NOT NULL CHECK (seq >= 0),
    -- The journal has had everything from the beginning.
    whole INTEGER NOT NULL CHECK (whole IN (0, 1))
) STRICT;

INSERT INTO journal (only, id, seq, whole)
VALUES (1, lower(hex(randomblob(8))), 0, NOT EXISTS (SELECT 1 FROM job));
