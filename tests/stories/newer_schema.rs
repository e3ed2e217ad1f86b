//! A release on the schema of the next one, as after going back: migrations only expand, so it works, and
//! what it does not know it leaves alone.

use serde_json::json;

use super::restart::change;
use crate::world::World;

/// What the next release's migration may do: a table, columns, an index, a view, a word in a CHECK.
const NEXT: &str = "
    CREATE TABLE dream (id INTEGER PRIMARY KEY, job_id TEXT NOT NULL REFERENCES job (id), words TEXT NOT NULL) STRICT;
    ALTER TABLE job ADD COLUMN mood TEXT NOT NULL DEFAULT 'good';
    ALTER TABLE run ADD COLUMN depth INTEGER;
    ALTER TABLE outbox ADD COLUMN colour TEXT;
    ALTER TABLE process ADD COLUMN weight INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX job_mood ON job (mood);
    CREATE VIEW v_dreams AS SELECT id, words FROM dream;
    PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET sql = replace(sql, '''poison'')),', '''poison'', ''dreaming'')),')
    WHERE type = 'table' AND name = 'job';
    UPDATE sqlite_schema SET sql = replace(sql, 'channel IN (''telegram''', 'channel IN (''voice'', ''telegram''')
    WHERE type = 'table' AND name = 'job';
    PRAGMA writable_schema = RESET;
    INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
    VALUES (20991231000000, 'dream', 1, x'00', 1);";

/// A job of the next release, in a state and of a channel that this one does not know, at the head of its lane.
const UNKNOWN: &str = "
    INSERT INTO job (id, state, channel, lane, project, workspace, isolation, prompt, accepted_at, mood)
    VALUES ('d1', 'dreaming', 'voice', 'voice:1', 'p', '/nowhere', 'exclusive', 'dream of sheep', 1, 'deep');
    INSERT INTO job_lane (job_id, lane, head) VALUES ('d1', 'voice:1', 1);
    INSERT INTO dream (job_id, words) VALUES ('d1', 'sheep');";

#[test]
fn the_previous_release_works_on_the_next_schema_and_leaves_alone_what_it_does_not_know() {
    let world = World::new();
    assert_eq!(world.run(&["ask", "[[say: before]]"]).code, Some(0));
    change(&world, NEXT);
    change(&world, UNKNOWN);
    let up = world.up();
    let ended = world.run(&["ask", "[[say: after]]"]);
    assert!(ended.code == Some(0) && ended.stdout.contains("after"), "{ended:?}");
    for verb in [["status"], ["jobs"], ["doctor"]] {
        let ended = world.run(&verb);
        assert_eq!(ended.code, Some(0), "{verb:?}: {ended:?}");
    }
    assert_eq!(up.stop().code, Some(0));
    let rows = world.sql("SELECT state, mood, (SELECT words FROM v_dreams) AS words FROM job WHERE id = 'd1'");
    assert_eq!(rows, [json!({ "state": "dreaming", "mood": "deep", "words": "sheep" })]);
    assert_eq!(world.count("SELECT COUNT(*) FROM run WHERE job_id = 'd1'"), 0);
    assert_eq!(world.count("SELECT COUNT(*) FROM _sqlx_migrations WHERE version = 20991231000000"), 1);
    assert_eq!(world.count("SELECT COUNT(*) FROM job WHERE state = 'done'"), 2);
}
