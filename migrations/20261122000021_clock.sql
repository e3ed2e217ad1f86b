-- The clock as it was at the last look: whether it was set since is told from it, and what time may be believed.
CREATE TABLE clock (
    -- There is one or none.
    id INTEGER PRIMARY KEY CHECK (id = 1),
    -- A start of the system, and the milliseconds since it.
    boot TEXT NOT NULL,
    boot_ms INTEGER NOT NULL,
    -- Unix milliseconds.
    wall_ms INTEGER NOT NULL,
    believed_ms INTEGER NOT NULL,
    -- For so long it has stood since it was set last.
    steady_ms INTEGER NOT NULL CHECK (steady_ms >= 0)
) STRICT;
