//! A release that brings a migration along, over a home that has worked before: under load, and where no backup
//! can be made first. The newest migration that can be undone is undone for it: then the database is one of an earlier schema.
//! Cut off anywhere: `killed_anywhere`.

use std::fs;

use agentlab_stand_ins::BotApi;

use super::{
    releases::{answered_once, release, three_tasks, update},
    restart::{change, side_by_side},
};
use crate::world::{LONG, World};

/// The version of the migration that is undone.
const VERSION: i64 = 20_261_122_000_021;
const UNDO: &str = "DROP TABLE clock; DELETE FROM _sqlx_migrations WHERE version = 20261122000021;";

fn is_brought_up(world: &World) -> bool {
    world.count(&format!("SELECT COUNT(*) FROM _sqlx_migrations WHERE version = {VERSION}")) == 1
        && world.count("SELECT COUNT(*) FROM pragma_table_info('clock')") > 0
}

fn newest(world: &World) -> i64 {
    world.count("SELECT MAX(version) FROM _sqlx_migrations WHERE version >= 20261122000001")
}

#[test]
fn an_update_with_a_migration_while_three_tasks_run_is_noticed_by_none_of_them() {
    let api = BotApi::start();
    let world = side_by_side(&api);
    let up = world.up();
    let chats = three_tasks(&api, 10);
    // What runs is of the earlier schema from here on, as far as tasks go.
    change(&world, UNDO);
    let ended = update(&world, &release(&world, "new", ""));
    assert!(ended.code == Some(0) && ended.stdout.contains("on trial for"), "{ended:?}");
    assert!(is_brought_up(&world));
    let listed = world.run(&["backup", "list"]).stdout;
    assert!(listed.contains(&format!("before the schema changed to {}", newest(&world))), "{listed}");
    answered_once(&world, &api, chats);
    assert_eq!(world.count("SELECT COUNT(*) FROM crash WHERE kind = 'crash'"), 0, "nobody crashed");
    assert_eq!(up.stop().code, Some(0));
}

#[test]
fn where_no_backup_can_be_made_the_schema_stays_as_it_is_and_the_way_out_is_said() {
    let world = World::new();
    assert_eq!(world.run(&["ask", "[[say: before]]"]).code, Some(0));
    world.wait_for_quiet();
    change(&world, UNDO);
    fs::write(world.home().join("backups"), "in the way").unwrap();
    for arguments in [&["up"][..], &["ask", "[[say: never]]"], &["status"]] {
        let refused = world.start(arguments).end(LONG);
        assert_eq!(refused.code, Some(69), "{arguments:?}: {refused:?}");
        assert!(refused.stderr.contains("Nothing was changed: put that right"), "{arguments:?}: {refused:?}");
    }
    fs::remove_file(world.home().join("backups")).unwrap();
    let after = world.run(&["ask", "[[say: after]]"]);
    assert_eq!(after.code, Some(0), "{after:?}");
    assert!(is_brought_up(&world));
}
