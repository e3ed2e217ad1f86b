-- Under which configuration a process runs: SHA-256 of all that it was read from. One that lived on under an earlier
-- configuration is replaced by the next start of the system.
ALTER TABLE process ADD COLUMN config TEXT;
