//! The account afterwards: every task given against what came of it, by the chats, the rows, the agents' own logs and the
//! processes that live.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use agentlab_domain::{
    outbox::REPEAT_MARK,
    role::{Post, Role, posts},
};
use agentlab_stand_ins::BotApi;

use super::{
    Plan,
    faults::Hits,
    load::{CHATS, Given, answer},
    watch::Watch,
};
use crate::world::{Look, Running, World, wait_until};

/// How long everything may take to come to rest.
const SETTLE: Duration = Duration::from_mins(5);

/// Waits until everything that was given has ended, everybody was told, and all components are well.
pub(super) fn settle(world: &World, api: &BotApi, watch: &Watch<'_>, plan: &Plan) {
    let limit = plan.scaled(SETTLE).max(Duration::from_mins(2));
    api.wait_for(limit, "every update to be taken in", |state| (state.waiting_updates() == 0).then_some(()));
    let owed = || Look::once::<(String, Option<i64>, Option<String>)>(world, "SELECT owed, task, why FROM v_owed");
    let started = std::time::Instant::now();
    while owed().is_none_or(|owed| !owed.is_empty()) {
        assert!(started.elapsed() < limit, "still owed: {:?}", owed());
        std::thread::park_timeout(Duration::from_millis(50));
    }
    wait_until("every component is ready", limit, || {
        posts(3, true, true).into_iter().chain([super::foreman::SUPERVISOR]).all(|post| ready(watch, post))
    });
    wait_until("/health is ok", limit, || {
        watch.health().is_some_and(|(code, health)| code == 200 && health["status"] == "ok")
    });
}

fn ready(watch: &Watch<'_>, post: Post) -> bool {
    watch.beat(post).is_some_and(|beat| beat.ready && beat.latest().is_none())
}

#[derive(Debug)]
struct Job {
    state: String,
    answer: String,
    reason: String,
}

/// Holds what was given against what came of it.
pub(super) fn check(world: &World, api: &BotApi, given: &[Given], hits: &Hits) {
    let look = Look::into(world);
    let jobs = jobs(&look);
    assert_eq!(jobs.len(), given.len(), "tasks given and tasks known");
    let worked = std::fs::read_to_string(world.path("worked")).unwrap_or_default();
    let mut repeats = 0;
    for task in given {
        let job = jobs.get(&task.n).unwrap_or_else(|| panic!("lost: {task:?}"));
        let lines = worked.lines().filter(|line| *line == task.n.to_string()).count();
        if job.state == "done" {
            assert!(job.answer.contains(&answer(task.n)) && lines > 0, "{task:?}: {job:?}, {lines} lines");
        }
        if let Some((chat, message)) = task.asked {
            repeats += told_once(api, chat, message, task.n, job);
        }
    }
    let mut states: BTreeMap<&str, u32> = BTreeMap::new();
    for job in jobs.values() {
        *states.entry(job.state.as_str()).or_default() += 1;
    }
    eprintln!("chaos: {} tasks: {states:?}; messages marked as a possible repeat: {repeats}", given.len());
    // One send at most is in flight in each chat.
    let most = hits.of_bot() * u32::try_from(CHATS.len()).unwrap();
    assert!(repeats <= most, "{repeats} repeats, and the bot was met {} times", hits.of_bot());
    runs(world, &look, hits);
    assert_eq!(look.rows::<(String,)>("PRAGMA integrity_check"), [("ok".to_owned(),)]);
}

/// Every task by its own number.
fn jobs(look: &Look) -> HashMap<usize, Job> {
    let rows: Vec<(String, String, Option<String>, Option<String>)> =
        look.rows("SELECT prompt, state, answer, reason FROM job");
    let mut jobs = HashMap::new();
    for (prompt, state, answer, reason) in rows {
        let job = Job { state, answer: answer.unwrap_or_default(), reason: reason.unwrap_or_default() };
        let n = prompt.strip_prefix("task-").and_then(|rest| rest.split(' ').next()?.parse().ok()).unwrap();
        assert!(jobs.insert(n, job).is_none(), "two tasks of one request: {prompt}");
    }
    jobs
}

/// The message that answers the request shows its outcome, and no other does. Returns how many stand there marked as a
/// possible repeat.
fn told_once(api: &BotApi, chat: i64, asked: i64, n: usize, job: &Job) -> u32 {
    let messages = api.messages(chat);
    let own: Vec<_> = messages.iter().filter(|message| message.reply_to == Some(asked) && !message.deleted).collect();
    let shown = |text: &str| match job.state.as_str() {
        "done" => text.contains(&answer(n)),
        "cancelled" => text.contains("cancelled"),
        _ => text.contains(&job.reason) || text.contains("failed"),
    };
    // The mark goes with the next edit: by then it is the one message that moves on.
    let is_marked = |text: &String| text.contains(REPEAT_MARK.trim());
    let (marked, plain): (Vec<_>, Vec<_>) = own.into_iter().partition(|message| message.history.iter().any(is_marked));
    let say = || format!("task-{n} {job:?} in {chat}, asked by {asked}:\n{}", api.transcript(chat));
    assert!(plain.iter().chain(&marked).any(|message| shown(&message.text)), "no outcome: {}", say());
    // The first send may have died before it left: then the marked one stands alone.
    assert!(marked.len() <= 1 && plain.len() <= 1, "answered twice: {}", say());
    // Nowhere else either.
    let said = messages.iter().filter(|message| message.text.contains(&answer(n))).count();
    assert!(said <= 1 + marked.len(), "answered twice: {}", say());
    u32::try_from(marked.len()).unwrap()
}

/// A second run of a task began only where keeper or agent of the first were met; two agents of one task never lived at
/// the same time.
fn runs(world: &World, look: &Look, hits: &Hits) {
    let doubled = std::fs::read_to_string(world.path("doubled")).unwrap_or_default();
    assert_eq!(doubled, "", "began while an earlier agent of the task lived");
    let rows: Vec<(String, String, i64, Option<String>)> =
        look.rows("SELECT id, job_id, attempt, outcome FROM run ORDER BY job_id, attempt");
    let begun = std::fs::read_to_string(world.path("begun")).unwrap();
    let mut per_task: BTreeMap<usize, u32> = BTreeMap::new();
    let mut outcomes: BTreeMap<String, u32> = BTreeMap::new();
    for of_task in rows.chunk_by(|one, other| one.1 == other.1) {
        *per_task.entry(of_task.len()).or_default() += 1;
        for (id, _, attempt, outcome) in of_task {
            *outcomes.entry(outcome.clone().unwrap_or_else(|| "none".into())).or_default() += 1;
            assert!(outcome.is_some(), "a run that is not over: {id}");
            let began = begun.lines().filter(|line| line.ends_with(id.as_str())).count();
            assert!(began <= 1, "an agent began twice in run {id}");
            let is_last = usize::try_from(*attempt).unwrap() == of_task.len();
            assert!(is_last || began == 0 || hits.met(id), "run {id} ({outcome:?}) was repeated, and nobody met it");
        }
    }
    eprintln!("chaos: tasks by their number of runs: {per_task:?}; runs by outcome: {outcomes:?}");
}

/// Nothing lives but the daemons of this system.
pub(super) fn nothing_but_daemons(world: &World, up: &Running) {
    let look = Look::into(world);
    let mut left = Vec::new();
    let limit = crate::world::LONG;
    let started = std::time::Instant::now();
    loop {
        let pids: Vec<(i32,)> = look.rows("SELECT pid FROM process");
        left.clear();
        left.extend(
            world.living().into_iter().filter(|process| process.pid != up.pid() && !pids.contains(&(process.pid,))),
        );
        if left.is_empty() || started.elapsed() > limit {
            break;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let lines: Vec<String> = left
        .iter()
        .map(|process| std::fs::read_to_string(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default())
        .collect();
    assert_eq!(left, [], "left over: {lines:?}");
    let workers = look.count("SELECT COUNT(*) FROM process WHERE role = 'worker'");
    assert_eq!(workers, 3, "{}", Role::Worker.as_str());
}
