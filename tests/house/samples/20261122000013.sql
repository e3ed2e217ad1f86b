-- An alert that lasts and was told, and one that happened in a moment.
INSERT INTO alert (id, key, rule, severity, subject, words, began, over) VALUES
    (1, 'bot_down:bot', 'bot_down', 'critical', 'bot', 'agentlab: the bot is down.', 1795340400000, NULL),
    (2, 'capped:bot:1795340500000', 'recovery_action', 'warning', 'capped', 'agentlab: bot does not start.', 1795340500000, 1795340500000);
INSERT INTO alert_delivery (alert_id, channel, at, what) VALUES
    (1, 'telegram', 1795340401000, 'began'),
    (1, 'email', 1795340402000, 'began');
