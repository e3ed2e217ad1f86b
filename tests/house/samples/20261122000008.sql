-- The new words, a limit that holds everything, and a notice that was given.
INSERT INTO audit (at, action, actor, subject) VALUES (1795340200000, 'retry', 'user 501', 'task 7');
INSERT INTO hold (cause, until, since) VALUES ('usage_limit', 1, 1);
INSERT INTO said (key, at) VALUES ('usage_limit:1:501', 1795340052000);
