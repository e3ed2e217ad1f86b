-- A stranger wrote; two tasks were cancelled.
INSERT INTO audit (at, action, actor, subject) VALUES
    (1795340035000, 'stranger', '66600', ''),
    (1795340085000, 'cancel', 'the terminal', 'task 8'),
    (1795340086000, 'cancel', 'user 501', 'task 2');
