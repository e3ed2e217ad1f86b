-- A pause that ended by itself, and who asked for it.
INSERT INTO pause (id, since, until, asked_by) VALUES (1, 1795341000000, 1795344600000, 'user 501');
INSERT INTO audit (at, action, actor, subject) VALUES (1795341000000, 'pause', 'user 501', 'until 2026-11-22T11:30:00Z');
