INSERT INTO clock (id, boot, boot_ms, wall_ms, believed_ms, steady_ms)
VALUES (1, 'c6c7dd63-5d1a-4cf0-8f0b-2f10cbd7a1e3', 86400000, 1795341000000, 1795341000000, 86400000);
