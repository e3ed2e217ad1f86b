//! What people are told of an alert: what is wrong, what it means, what to do.

use std::time::Duration;

use super::{
    Rule,
    facts::{COPY, Finding, WORKERS},
};

/// Why nobody is started at a post, and what to look at.
const UNKEPT: &str = "nobody can tell whether its lock in run/ is held, so nobody is started. Is something else in the lock's \
                      place, or may the folder not be read";

/// The words of what fires.
pub fn firing(finding: &Finding) -> String {
    let (subject, measured) = (finding.subject.as_str(), finding.measured);
    match finding.rule {
        Rule::ComponentDown if subject == WORKERS => {
            let unkept = if finding.unkept { format!(" Of one or more of them {UNKEPT}?") } else { String::new() };
            format!(
                "agentlab: no worker has been ready for {}. Running tasks go on, and no other one begins. What you send is \
                 kept.{unkept} `agentlab doctor` names what is wrong.",
                span(Duration::from_secs(measured))
            )
        }
        Rule::ComponentDown if finding.unkept => format!(
            "agentlab: {subject} was not proved to be there for {}: {UNKEPT}? Running tasks go on.",
            span(Duration::from_secs(measured))
        ),
        Rule::ComponentDown => format!(
            "agentlab: {subject} is dead or hangs, and was not back within {}. It is started again and again; running tasks \
             go on. `agentlab doctor` names what is wrong.",
            span(Duration::from_secs(measured))
        ),
        Rule::BotDown => format!(
            "agentlab: the bot is down: for {} nobody got an answer from Telegram. What you send there is not lost, Telegram \
             keeps it for a day. `agentlab status` and `agentlab doctor` say why.",
            span(Duration::from_secs(measured))
        ),
        Rule::HighErrorRate => format!(
            "agentlab: many errors: {measured} runs or calls failed within the last minute, and it has been like this for \
             minutes. `agentlab jobs --all` shows the tasks, `agentlab status` whether a service is out of order."
        ),
        Rule::WorkerPoolSaturated => format!(
            "agentlab: {measured} tasks wait for a worker, and have for a while. `agentlab scale N` starts more workers, \
             `agentlab jobs` lists what waits."
        ),
        Rule::DiskFull => format!(
            "agentlab: the disk of the home is {measured} % full. When it is full nothing can be accepted or finished. Make \
             room: `df -h`, and logs/ and runs/ in the home."
        ),
        Rule::ApiCostLimit => {
            let whose = if subject == "month" { "this month" } else { "today" };
            format!(
                "agentlab: {measured} % of the budget of {whose} is spent. At 100 % new tasks wait. `agentlab status` says how \
                 much it is; budget.* sets it."
            )
        }
        Rule::BackupOld if subject == COPY => format!(
            "agentlab: backups were not copied to the second folder for {}. They are made in the home all the same. `agentlab \
             backup list` says why there is no copy, `agentlab backup now` tries again.",
            span(Duration::from_secs(measured))
        ),
        Rule::BackupOld => format!(
            "agentlab: the newest backup is {} old, or there has been none for so long. The work goes on. `agentlab backup list` \
             says why none was made, `agentlab backup now` makes one.",
            span(Duration::from_secs(measured))
        ),
        Rule::DetectorSilent => format!(
            "agentlab: the detector {subject} is silent: its loop does not turn, so what it looks for is not noticed now. \
             `agentlab status` shows it; `agentlab restart` starts everything anew, running tasks go on."
        ),
        Rule::RecoveryAction => format!("agentlab: {subject} was healed."),
    }
}

/// The words of what is over.
pub fn over(firing: &str, after: Duration) -> String {
    // The first sentence says what it was.
    let what = firing.trim_start_matches("agentlab: ");
    let what = what.split_once(". ").map_or(what, |(first, _)| first).trim_end_matches('.');
    format!("agentlab: over after {}: {what}.", span(after))
}

/// A span of time for people.
pub fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..=90 => format!("{seconds} s"),
        91..=7_199 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h", (seconds + 1_800) / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Severity, episode::Sign},
        *,
    };

    #[test]
    fn every_rule_says_what_is_wrong_in_its_first_sentence_and_that_is_what_is_over() {
        for rule in Rule::ALL {
            for subject in ["bot", WORKERS, "month", COPY] {
                let finding = Finding {
                    rule,
                    severity: Severity::Critical,
                    subject: subject.into(),
                    sign: Sign::Wrong,
                    pending: Duration::ZERO,
                    measured: 95,
                    unkept: false,
                };
                let words = firing(&finding);
                assert!(words.starts_with("agentlab: ") && words.ends_with('.'), "{words}");
                let over = over(&words, Duration::from_mins(12));
                assert!(over.starts_with("agentlab: over after 12 min: ") && over.len() < words.len() + 40, "{over}");
            }
        }
        assert_eq!(
            over("agentlab: X is dead. Do this.", Duration::from_secs(5)),
            "agentlab: over after 5 s: X is dead."
        );
        assert_eq!(over("something else", Duration::from_hours(9)), "agentlab: over after 9 h: something else.");
    }
}
