//! The disk of a terminal's `ask` fails once, at the nth change that it makes, or for a while from it on: what it said holds. Exit code 0
//! with an answer or with a task's number means that the task is there and ends; anything else comes with words, and then there is at
//! most one task.

use std::time::{Duration, Instant};

use agentlab_stand_ins::BotApi;

use crate::world::{ANN, Disk, Ended, Fault, LONG, Look, World, few_or_many, wait_until};

/// For how long the disk fails at most, where it does not fail just once: an `ask` that goes on has met that it is well again.
const SPELL: Duration = Duration::from_secs(1);

fn asked(world: &World, disk: &Disk, (n, spell): (u64, bool), fault: Fault, words: &[&str]) -> (Ended, u64) {
    disk.fails(n, if spell { u64::MAX - 1 } else { n }, fault);
    let mut asking = world.start(&[&["ask"], words].concat());
    if spell {
        let mut is_over = || asking.ended().is_some();
        wait_until("it has failed, or nothing is left to fail", LONG, || disk.failed() > 0 || is_over());
        let began = Instant::now();
        while began.elapsed() < SPELL && !is_over() {
            std::thread::park_timeout(Duration::from_millis(10));
        }
        disk.mend();
    }
    let ended = asking.end(LONG);
    let failed = disk.failed();
    disk.mend();
    (ended, failed)
}

#[test]
fn what_an_ask_said_holds_wherever_its_disk_failed() {
    for fault in Fault::ALL {
        for no_wait in [false, true] {
            swept(fault, no_wait, false);
        }
    }
}

#[test]
fn what_an_ask_said_holds_wherever_its_disk_began_to_fail_for_a_while() {
    // A while takes its time: an ordinary run takes one kind of fault for it.
    let one = fastrand::usize(0..Fault::ALL.len());
    for (_, fault) in Fault::ALL.into_iter().enumerate().filter(|(n, _)| few_or_many(0, 1) == 1 || *n == one) {
        for no_wait in [false, true] {
            swept(fault, no_wait, true);
        }
    }
}

fn swept(fault: Fault, no_wait: bool, spell: bool) {
    let mut world = World::new();
    world.rehearse();
    let Some(disk) = Disk::under(&mut world, "ask") else { return };
    let up = world.up();
    let look = Look::into(&world);
    let all_ended = || look.count("SELECT COUNT(*) FROM job WHERE state <> 'done'") == 0;
    let (mut n, mut tried, mut refused, mut before) = (1, 0, 0, 0);
    loop {
        let answer = format!("answer-{n}.");
        let prompt = format!("[[say: {answer}]]");
        let words: &[&str] = if no_wait { &["--no-wait", &prompt] } else { &[&prompt] };
        let (ended, failed) = asked(&world, &disk, (n, spell), fault, words);
        let told = format!("{fault:?}, for a while {spell}, change {n} ({}): {ended:?}", disk.met());
        wait_until(&told, LONG, all_ended);
        let jobs = look.count("SELECT COUNT(*) FROM job");
        if ended.code == Some(0) {
            assert_eq!(jobs, before + 1, "{told}");
            let said = if no_wait { format!("task {jobs}") } else { answer };
            assert!(ended.stdout.contains(&said), "{told}");
        } else {
            refused += 1;
            assert!(jobs - before <= 1 && ended.stdout.is_empty(), "{told}");
            assert!(ended.stderr.contains("agentlab: ") && !ended.stderr.contains("panicked"), "{told}");
            // Whoever reads that it failed asks again: either it is not there, or its number was said.
            assert!(jobs == before || ended.stderr.contains(&format!("task {jobs}")), "{told}");
        }
        before = jobs;
        if failed == 0 {
            break;
        }
        tried += 1;
        n += if few_or_many(0, 1) == 1 { 1 } else { 1 + n / 3 };
    }
    eprintln!(
        "disk faults: ask, {fault:?}, for a while {spell}, no wait {no_wait}: {tried} of {n} changes failed in turn, {refused} times it said no"
    );
    assert_eq!(look.rows::<(String,)>("PRAGMA integrity_check"), [("ok".to_owned(),)]);
    up.stop();
    wait_until("nothing is left over", LONG, || world.living().is_empty());
}

/// A start from nothing on a disk that fails once: it comes up, or says why not and comes up the next time.
fn started(role: &str) {
    let (mut n, mut tried, mut refused) = (1, 0, 0);
    loop {
        let fault = Fault::ALL[usize::try_from(n).unwrap() % 3];
        let api = BotApi::start();
        let mut world = World::with_bot(&api);
        world.configure("[workers]\ncount = 1\n");
        let Some(disk) = Disk::under(&mut world, role) else { return };
        api.user_says(ANN, ANN, "[[say: answered.]]");
        disk.fails(n, n, fault);
        let mut up = world.start(&["up"]);
        let answers = || api.messages(ANN).iter().filter(|m| m.text.contains("answered.")).count();
        wait_until(&format!("{role}, {fault:?}, change {n}: an answer or an end"), LONG, || {
            up.ended().is_some() || answers() > 0
        });
        let failed = disk.failed();
        let told = format!("{role}, {fault:?}, change {n} ({})", disk.met());
        disk.mend();
        if up.ended().is_some() {
            let ended = up.end(LONG);
            assert!(ended.code != Some(0) && ended.stderr.contains("agentlab: "), "{told}: {ended:?}");
            assert!(!ended.stderr.contains("panicked"), "{told}: {ended:?}");
            refused += 1;
            up = world.up();
        }
        let look = Look::into(&world);
        wait_until(&told, LONG, || answers() > 0 && look.count("SELECT COUNT(*) FROM v_owed") == 0);
        assert_eq!((answers(), look.count("SELECT COUNT(*) FROM job")), (1, 1), "{told}: {}", api.transcript(ANN));
        assert_eq!(look.rows::<(String,)>("PRAGMA integrity_check"), [("ok".to_owned(),)], "{told}");
        up.stop();
        wait_until("nothing is left over", LONG, || world.living().is_empty());
        if failed == 0 {
            break;
        }
        tried += 1;
        n += if few_or_many(0, 1) == 1 { 1 } else { 1 + n / 2 };
    }
    eprintln!("disk faults: start of {role}: {tried} of {n} changes failed in turn, {refused} times it said no");
}

#[test]
fn a_supervisor_whose_disk_fails_once_at_its_start_comes_up_or_says_why() {
    started("up");
}

#[test]
fn a_bot_worker_or_console_whose_disk_fails_once_at_its_start_comes_up_or_says_why() {
    ["bot", "worker", "console"].into_iter().for_each(started);
}
