//! A disk that fails once, at the nth change that one role makes to it, for n = 1, 2, ... until none fails any more: while a
//! message arrives, runs and is answered. Whatever it hits, the message is answered once, nothing is owed, and the database is
//! sound.
//!
//! `just disk-faults` tries every n; an ordinary run a part of them, another part for each role and fault.

use std::time::{Duration, Instant};

use agentlab_stand_ins::BotApi;

use crate::world::{ANN, Disk, Fault, LONG, Look, World, few_or_many, wait_until};

/// For how long the disk stays broken at most, where it does not fail just once.
const SPELL: Duration = Duration::from_secs(1);

/// How long the disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lasts {
    /// At one change.
    Once,
    /// At every change for a while.
    Spell,
}

/// The next n of an ordinary run: the first few, then ever fewer.
fn next(n: u64) -> u64 {
    n + u64::try_from(few_or_many(usize::try_from(1 + n / 2).unwrap() + fastrand::usize(0..2), 1)).unwrap()
}

fn swept(role: &str, lasts: Lasts) {
    // A while takes its time: an ordinary run takes one kind of fault for it.
    let one = fastrand::usize(0..Fault::ALL.len());
    let all = lasts == Lasts::Once || few_or_many(0, 1) == 1;
    for (_, fault) in Fault::ALL.into_iter().enumerate().filter(|(n, _)| all || *n == one) {
        sweep(role, fault, lasts);
    }
}

fn sweep(role: &str, fault: Fault, lasts: Lasts) {
    let api = BotApi::start();
    let mut world = World::with_bot(&api);
    world.configure("[workers]\ncount = 2\n[rate]\nper_minute = 100000\nper_hour = 100000\n");
    let Some(disk) = Disk::under(&mut world, role) else { return };
    let up = world.up();
    let look = Look::into(&world);
    let (mut n, mut tried, mut met) = (1, 0, Vec::new());
    loop {
        let to = if lasts == Lasts::Once { n } else { u64::MAX - 1 };
        disk.fails(n, to, fault);
        let told = |what: &str| format!("{role}, {fault:?}, {lasts:?}, change {n} ({}): {what}", disk.met());
        api.user_says(ANN, ANN, &format!("[[say: answer-{n}.]]"));
        let answers = || api.messages(ANN).iter().filter(|m| m.text.contains(&format!("answer-{n}."))).count();
        if lasts == Lasts::Spell {
            let began = Instant::now();
            wait_until("it has failed", LONG, || disk.failed() > 0 || answers() > 0);
            while disk.failed() > 0 && began.elapsed() < SPELL {
                std::thread::park_timeout(Duration::from_millis(10));
            }
            disk.mend();
        }
        let began = Instant::now();
        while answers() == 0 || look.count("SELECT COUNT(*) FROM v_owed") > 0 {
            let in_vain = || {
                format!("{}\n{}\n{:?}", told("not answered"), api.transcript(ANN), world.sql("SELECT * FROM v_owed"))
            };
            assert!(began.elapsed() < LONG, "{}", in_vain());
            std::thread::park_timeout(Duration::from_millis(10));
        }
        let failed = disk.failed();
        disk.mend();
        assert_eq!(answers(), 1, "{}: {}", told("answered twice"), api.transcript(ANN));
        if failed == 0 {
            break;
        }
        met.push(format!("{n}: {}", disk.met()));
        tried += 1;
        n = next(n);
    }
    if std::env::var_os("AGENTLAB_TEST_MANY").is_some() {
        eprintln!("  {}", met.join("\n  "));
    }
    let most = look.rows::<(i64,)>("SELECT COUNT(*) FROM run GROUP BY job_id ORDER BY 1 DESC LIMIT 1")[0].0;
    eprintln!(
        "disk faults: {role}, {fault:?}, {lasts:?}: {tried} of {n} changes failed in turn; {most} runs of a task at most"
    );
    // What cannot begin for want of a disk begins later, by the same claim: no attempt is used up for it.
    assert!(most == 1 || role != "worker", "{most} runs of one task");
    assert_eq!(look.count("SELECT COUNT(*) FROM job WHERE state <> 'done'"), 0);
    let messages = api.messages(ANN);
    assert_eq!(messages.len(), tried + 1, "{}", api.transcript(ANN));
    assert_eq!(look.rows::<(String,)>("PRAGMA integrity_check"), [("ok".to_owned(),)]);
    up.stop();
    wait_until("nothing is left over", LONG, || world.living().is_empty());
}

#[test]
fn the_bots_disk_fails_once_at_any_change_and_every_message_is_answered_once() {
    swept("bot", Lasts::Once);
}

#[test]
fn the_bots_disk_fails_for_a_while_from_any_change_and_every_message_is_answered_once() {
    swept("bot", Lasts::Spell);
}

#[test]
fn the_workers_disk_fails_once_at_any_change_and_every_message_is_answered_once() {
    swept("worker", Lasts::Once);
}

#[test]
fn the_workers_disk_fails_for_a_while_from_any_change_and_every_message_is_answered_once() {
    swept("worker", Lasts::Spell);
}

#[test]
fn the_shims_disk_fails_once_at_any_change_and_every_message_is_answered_once() {
    swept("shim,gate", Lasts::Once);
}

#[test]
fn the_shims_disk_fails_for_a_while_from_any_change_and_every_message_is_answered_once() {
    swept("shim,gate", Lasts::Spell);
}

/// The supervisor and the console write too little for a sweep of their own while a message is answered.
#[test]
fn everybodys_disk_fails_for_a_while_from_any_change_and_every_message_is_answered_once() {
    swept("up,console,bot,worker,shim,gate", Lasts::Spell);
}
