use super::*;

const LIMITS: Limits = Limits {
    bot_down: Duration::from_mins(5),
    errors: 10,
    errors_for: Duration::from_mins(5),
    depth: 20,
    depth_for: Duration::from_mins(10),
    disk_percent: 90,
    backup_old: Duration::from_hours(3),
    cost_percent: 80,
    component_down: Duration::from_mins(1),
    detector_silent: Duration::from_secs(30),
};

fn sign(facts: &Facts, rule: Rule, subject: &str) -> Option<Sign> {
    let findings = judge(facts, &LIMITS);
    let keys: std::collections::BTreeSet<String> = findings.iter().map(Finding::key).collect();
    assert_eq!(keys.len(), findings.len(), "one finding for one subject");
    findings.iter().find(|found| found.rule == rule && found.subject == subject).map(|found| found.sign)
}

#[test]
fn each_rule_begins_where_it_is_said_to() {
    let rows = |rows: Rows| Facts { rows: Some(rows), ..Facts::default() };
    let spent = |spent| Some(Spent { spent, limit: 1_000 });
    for (facts, rule, subject, expected) in [
        (Facts { bot_quiet: Some(Duration::from_secs(299)), ..Facts::default() }, Rule::BotDown, "bot", Sign::Well),
        (Facts { bot_quiet: Some(Duration::from_mins(5)), ..Facts::default() }, Rule::BotDown, "bot", Sign::Wrong),
        (rows(Rows { errors: 10, ..Rows::default() }), Rule::HighErrorRate, "tasks", Sign::Well),
        (rows(Rows { errors: 11, ..Rows::default() }), Rule::HighErrorRate, "tasks", Sign::Wrong),
        (rows(Rows { depth: 20, ..Rows::default() }), Rule::WorkerPoolSaturated, "queue", Sign::Well),
        (rows(Rows { depth: 21, ..Rows::default() }), Rule::WorkerPoolSaturated, "queue", Sign::Wrong),
        (Facts { backup: Some(Duration::from_mins(179)), ..Facts::default() }, Rule::BackupOld, "backup", Sign::Well),
        (Facts { backup: Some(Duration::from_hours(3)), ..Facts::default() }, Rule::BackupOld, "backup", Sign::Wrong),
        (Facts { uncopied: Some(Duration::ZERO), ..Facts::default() }, Rule::BackupOld, COPY, Sign::Well),
        (Facts { uncopied: Some(Duration::from_mins(179)), ..Facts::default() }, Rule::BackupOld, COPY, Sign::Well),
        (Facts { uncopied: Some(Duration::from_hours(3)), ..Facts::default() }, Rule::BackupOld, COPY, Sign::Wrong),
        (
            Facts { uncopied: Some(Duration::from_hours(3)), ..Facts::default() },
            Rule::BackupOld,
            "backup",
            Sign::CannotTell,
        ),
        (Facts { disk: Some(89), ..Facts::default() }, Rule::DiskFull, "disk", Sign::Well),
        (Facts { disk: Some(90), ..Facts::default() }, Rule::DiskFull, "disk", Sign::Wrong),
        (rows(Rows { day: spent(799), ..Rows::default() }), Rule::ApiCostLimit, "day", Sign::Well),
        (rows(Rows { day: spent(800), ..Rows::default() }), Rule::ApiCostLimit, "day", Sign::Wrong),
        (rows(Rows { month: spent(i64::MAX), ..Rows::default() }), Rule::ApiCostLimit, "month", Sign::Wrong),
        (rows(Rows { day: spent(-5), ..Rows::default() }), Rule::ApiCostLimit, "day", Sign::Well),
        (rows(Rows::default()), Rule::ApiCostLimit, "month", Sign::Well),
        (
            Facts { detectors: vec![("bot/watch".into(), true)], ..Facts::default() },
            Rule::DetectorSilent,
            "bot/watch",
            Sign::Wrong,
        ),
    ] {
        assert_eq!(sign(&facts, rule, subject), Some(expected), "{facts:?}");
    }
}

#[test]
fn what_cannot_be_read_accuses_nobody_and_keeps_no_other_rule_from_its_word() {
    let facts = Facts { disk: Some(95), ..Facts::default() };
    for (rule, subject) in [
        (Rule::HighErrorRate, "tasks"),
        (Rule::WorkerPoolSaturated, "queue"),
        (Rule::ApiCostLimit, "day"),
        (Rule::ApiCostLimit, "month"),
    ] {
        assert_eq!(sign(&facts, rule, subject), Some(Sign::CannotTell));
    }
    assert_eq!(sign(&facts, Rule::DiskFull, "disk"), Some(Sign::Wrong));
    assert_eq!(sign(&Facts::default(), Rule::DiskFull, "disk"), Some(Sign::CannotTell));
    assert_eq!(sign(&facts, Rule::BotDown, "bot"), None, "no bot is wanted");
}

#[test]
fn of_the_workers_one_is_a_warning_and_all_of_them_one_critical_alert() {
    use Proved::{Away, Nothing, Ready, Unkept};
    for first in [Ready, Away, Unkept, Nothing] {
        for second in [Ready, Away, Unkept, Nothing] {
            let worker = |slot, proved| (Post { role: Role::Worker, slot }, proved);
            let facts = Facts { posts: vec![worker(1, first), worker(2, second)], ..Facts::default() };
            let all = sign(&facts, Rule::ComponentDown, WORKERS);
            let one = sign(&facts, Rule::ComponentDown, "worker-1");
            let expected = match (first, second) {
                (Ready, Ready | Away | Unkept | Nothing) => (Sign::Well, Sign::Well),
                (Away | Unkept, Ready) => (Sign::Well, Sign::Wrong),
                (Nothing, Ready) => (Sign::Well, Sign::CannotTell),
                // What is not proved to be ready is not ready.
                (Away | Unkept | Nothing, Away | Unkept | Nothing) => (Sign::Wrong, Sign::CannotTell),
            };
            assert_eq!((all, one), (Some(expected.0), Some(expected.1)), "{first:?} {second:?}");
        }
    }
    assert_eq!(sign(&Facts::default(), Rule::ComponentDown, WORKERS), None);
}

#[test]
fn a_post_that_cannot_be_kept_is_told_with_words_that_fit() {
    let worker = |slot, proved| (Post { role: Role::Worker, slot }, proved);
    for (second, subject) in [(Proved::Ready, "worker-1"), (Proved::Away, WORKERS)] {
        let facts = Facts { posts: vec![worker(1, Proved::Unkept), worker(2, second)], ..Facts::default() };
        let findings = judge(&facts, &LIMITS);
        let wrong: Vec<&Finding> = findings.iter().filter(|found| found.sign == Sign::Wrong).collect();
        assert_eq!(wrong.iter().map(|found| found.subject.as_str()).collect::<Vec<_>>(), [subject]);
        let words = super::super::words::firing(wrong[0]);
        assert!(words.contains("nobody can tell whether its lock"), "{words}");
        assert!(words.contains("nobody is started") && !words.contains("started again and again"), "{words}");
    }
}

#[test]
fn a_bot_that_is_away_is_critical_and_a_console_is_not() {
    let post = |role| (Post { role, slot: 0 }, Proved::Away);
    let facts = Facts { posts: vec![post(Role::Bot), post(Role::Console)], ..Facts::default() };
    let severities: Vec<(String, Severity)> = judge(&facts, &LIMITS)
        .into_iter()
        .filter(|found| found.rule == Rule::ComponentDown)
        .map(|found| (found.subject, found.severity))
        .collect();
    assert_eq!(severities, [("bot".to_owned(), Severity::Critical), ("console".to_owned(), Severity::Warning)]);
}
