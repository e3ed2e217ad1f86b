-- A release that was put in place, and one that was left.
INSERT INTO audit (at, action, actor, subject) VALUES
    (1795340700000, 'update', 'the terminal', '3f2a90c1d4e5'),
    (1795340900000, 'rollback', 'the terminal', '98fff82c0ffe');
INSERT INTO recovery (at, role, slot, rung, changed, words) VALUES
    (1795340800000, 'worker', 1, 'release', 1, 'went back from release 3f2a90c1d4e5 (0.2.0) to 98fff82c0ffe (0.1.0)');
