//! Reading `/metrics` as Prometheus does, strictly. A *scrape* is what one answer holds; a text that breaks a rule of the format fails
//! the test.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    time::{Duration, Instant},
};

use super::World;

/// One answer.
#[derive(Debug, Default)]
pub(crate) struct Scrape {
    /// Kind of each family, by its name in the text.
    kinds: BTreeMap<String, String>,
    /// Every number, by name with its labels as they stand there.
    numbers: BTreeMap<String, f64>,
    pub(crate) took: Duration,
}

impl Scrape {
    /// Asks by loopback, without a login.
    pub(crate) fn of(world: &World) -> Self {
        let began = Instant::now();
        let output = Command::new("curl")
            .args(["-sS", "--max-time", "30", "-w", "\n%{http_code} %{content_type}"])
            .arg(format!("http://127.0.0.1:{}/metrics", world.port))
            .output()
            .unwrap();
        let took = began.elapsed();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let (text, head) = text.rsplit_once('\n').unwrap();
        assert_eq!(head, "200 application/openmetrics-text; version=1.0.0; charset=utf-8");
        Self { took, ..Self::parse(text) }
    }

    /// The number under this name and these labels.
    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        self.numbers.get(name).copied()
    }

    /// The sum of all numbers of this name, whatever their labels.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        let is = |own: &str| own == name || own.strip_prefix(name).is_some_and(|rest| rest.starts_with('{'));
        self.numbers.iter().filter(|(own, _)| is(own)).map(|(_, value)| value).sum()
    }

    /// The names of all families, as they are asked for.
    pub(crate) fn families(&self) -> BTreeSet<String> {
        let asked =
            |(name, kind): (&String, &String)| if kind == "counter" { format!("{name}_total") } else { name.clone() };
        self.kinds.iter().map(asked).collect()
    }

    /// Reads a text and holds it to the rules: each family once, in one piece, with help and kind before its samples; every sample of a
    /// known family with the ending of its kind, no sample twice, buckets that do not fall and end at all; `# EOF` last.
    fn parse(text: &str) -> Self {
        let mut found = Self::default();
        let (mut helped, mut family): (Option<&str>, Option<(&str, &str)>) = (None, None);
        let body = text.strip_suffix("# EOF\n").unwrap_or_else(|| panic!("no end: {text}"));
        for line in body.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap();
                assert!(!help.is_empty() && helped.replace(name).is_none_or(|before| before != name), "{line}");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert_eq!(helped, Some(name), "help comes first: {line}");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert!(found.kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "twice: {line}");
                family = Some((name, kind));
            } else {
                assert!(!line.starts_with('#') && !line.is_empty(), "{line:?}");
                found.sample(line, family.unwrap_or_else(|| panic!("of no family: {line}")));
            }
        }
        found.histograms_are_sound();
        found
    }

    fn sample(&mut self, line: &str, (family, kind): (&str, &str)) {
        let (key, value) = line.rsplit_once(' ').unwrap();
        let name = key.split('{').next().unwrap();
        let endings: &[&str] = match kind {
            "counter" => &["_total"],
            "gauge" => &[""],
            _ => &["_bucket", "_sum", "_count"],
        };
        assert!(endings.iter().any(|ending| name == format!("{family}{ending}")), "{line} under {family}");
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
        assert!(name.starts_with("agentlab_") && name.chars().all(letters), "{line}");
        if let Some(labels) = key.strip_prefix(name).filter(|labels| !labels.is_empty()) {
            let inner = labels.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap();
            let mut seen = BTreeSet::new();
            for label in inner.split("\",") {
                let (label, value) = label.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
                assert!(label.chars().all(letters) && seen.insert(label), "{line}");
                // Nothing that grows without end: no ids, no words of people.
                assert!(value.trim_end_matches('"').len() <= 40, "{line}");
            }
        }
        let number: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
        assert!(number.is_finite() && (kind == "gauge" || number >= 0.0), "{line}");
        assert!(self.numbers.insert(key.to_owned(), number).is_none(), "twice: {line}");
    }

    fn histograms_are_sound(&self) {
        for name in self.kinds.iter().filter(|(_, kind)| *kind == "histogram").map(|(name, _)| name) {
            let mut series: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
            for (key, count) in self.numbers.iter().filter(|(key, _)| key.starts_with(&format!("{name}_bucket{{"))) {
                let labels = key[name.len() + "_bucket{".len()..].trim_end_matches('}');
                let (bound, others): (Vec<&str>, Vec<&str>) =
                    labels.split(',').partition(|label| label.starts_with("le="));
                let bound = bound[0].trim_start_matches("le=").trim_matches('"');
                let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().unwrap() };
                let others = if others.is_empty() { String::new() } else { format!("{{{}}}", others.join(",")) };
                series.entry(format!("{name}_count{others}")).or_default().push((bound, *count));
            }
            for (count, mut buckets) in series {
                buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
                assert!(buckets.is_sorted_by(|a, b| a.1 <= b.1), "{name}: {buckets:?}");
                let last = buckets.last().unwrap();
                assert_eq!((last.0, Some(last.1)), (f64::INFINITY, self.get(&count)), "{count}");
            }
        }
    }
}
