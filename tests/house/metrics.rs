//! The documents about metrics name what the program exports, and nothing else: the table for people, the dashboard of Grafana and the
//! rules for Prometheus.

use agentlab_console::metrics::family::{ALL, Family, Kind};

use super::tree::{none, text};

const DOCUMENTS: [&str; 3] = ["docs/grafana/agentlab.json", "docs/prometheus/alerts.yml", "docs/features/metrics.md"];

#[test]
fn the_table_of_metrics_is_the_list_in_the_code() {
    let row = |family: &Family| {
        let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() { "|".into() } else { format!("| {} |", labels.join(" ")) };
        format!("| `{}` | {} {labels} {} |", family.name, family.kind.as_str(), family.help)
    };
    let document = text("docs/features/metrics.md");
    let found: Vec<String> = document.lines().filter(|line| line.starts_with("| `agentlab_")).map(squeezed).collect();
    let expected: Vec<String> = ALL.iter().map(row).map(|row| squeezed(&row)).collect();
    assert_eq!(found, expected, "left: docs/features/metrics.md, right: console/src/metrics/family.rs");
}

/// A row without what is empty in it.
fn squeezed(row: &str) -> String {
    row.split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join(" | ")
}

/// Every metric that a text names, with what stands behind the name.
fn named(text: &str) -> Vec<(&str, &str)> {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let begins = |at: usize| !text[..at].ends_with(letters);
    let names = text.match_indices("agentlab_").filter(|(at, _)| begins(*at));
    names.map(|(at, _)| text[at..].split_at(text[at..].find(|c| !letters(c)).unwrap_or(text.len() - at))).collect()
}

fn family(name: &str) -> Option<&'static Family> {
    let is = |family: &&Family| {
        let histogram = family.kind == Kind::Histogram;
        name == family.name
            || histogram && ["_bucket", "_sum", "_count"].iter().any(|end| name.strip_suffix(end) == Some(family.name))
    };
    ALL.iter().find(is)
}

/// The labels that a selector behind a name asks for.
fn asked(behind: &str) -> Vec<&str> {
    let selector = behind.strip_prefix('{').and_then(|rest| rest.split('}').next()).unwrap_or_default();
    selector
        .split(',')
        .filter_map(|label| label.split(['=', '!', '~']).next())
        .map(str::trim)
        .filter(|label| !label.is_empty())
        .collect()
}

#[test]
fn every_expression_names_metrics_and_labels_that_are_exported() {
    let mut found = Vec::new();
    for document in DOCUMENTS {
        // Quotes inside of JSON are escaped.
        let text = text(document).replace("\\\"", "\"");
        let names = named(&text);
        assert!(names.len() > 10, "{document} names hardly anything: is it read at all?");
        for (name, behind) in names {
            let Some(family) = family(name) else {
                found.push(format!("{document}: {name}"));
                continue;
            };
            let unknown = asked(behind).into_iter().filter(|label| *label != "le" && !family.labels.contains(label));
            found.extend(unknown.map(|label| format!("{document}: {name} has no label {label}")));
        }
    }
    none(&found, "no such metric is exported");
}

#[test]
fn the_dashboard_shows_every_metric_and_each_of_its_panels_asks_for_something() {
    let dashboard: serde_json::Value = serde_json::from_str(&text("docs/grafana/agentlab.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut expressions = String::new();
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{panel}");
        for target in targets {
            let expression = target["expr"].as_str().unwrap();
            assert_eq!(expression.matches('(').count(), expression.matches(')').count(), "{expression}");
            expressions.push_str(expression);
            expressions.push(' ');
        }
    }
    let shown: Vec<&str> =
        named(&expressions).into_iter().filter_map(|(name, _)| family(name)).map(|known| known.name).collect();
    // What is looked at when something is wrong with a release, not every day.
    let rare = ["agentlab_build_info", "agentlab_process_age_seconds", "agentlab_release_suspect"];
    let missing: Vec<String> = ALL
        .iter()
        .map(|family| family.name)
        .filter(|name| !shown.contains(name) && !rare.contains(name))
        .map(str::to_owned)
        .collect();
    none(&missing, "nobody sees these on the dashboard");
}

#[test]
fn names_follow_the_conventions_of_prometheus() {
    let mut found = Vec::new();
    for family in ALL {
        let is_total = family.name.ends_with("_total");
        if is_total != (family.kind == Kind::Counter) {
            found.push(format!("{}: a counter ends in _total, and nothing else does", family.name));
        }
        if family.kind == Kind::Histogram && !family.name.ends_with("_seconds") {
            found.push(format!("{}: in which unit?", family.name));
        }
        if !family.name.starts_with("agentlab_") || family.name.contains("__") || family.help.ends_with('.') {
            found.push(family.name.to_owned());
        }
    }
    let names: std::collections::BTreeSet<&str> = ALL.iter().map(|family| family.name).collect();
    assert_eq!(names.len(), ALL.len(), "each name once");
    none(&found, "https://prometheus.io/docs/practices/naming");
}
