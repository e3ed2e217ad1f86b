-- An outage of Claude, the calls that showed it, and a message that came too soon.
INSERT INTO call (service, at, answered, failed) VALUES ('claude', 1795340300000, 0, 3), ('claude', 1795340310000, 1, 4);
INSERT INTO circuit (service, state, until, since) VALUES ('claude', 'closed', 1795340340000, 1795340310000);
INSERT INTO telegram_update (bot_id, update_id, raw, decision, received_at, user_id, counted) VALUES
    (7000, 9101, '{}', 'limited', 1795340320000, 501, 0);
