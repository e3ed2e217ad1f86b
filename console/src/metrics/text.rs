//! The text that is exported: samples of families, in the format of OpenMetrics, which Prometheus reads. A *sample* is one number of a
//! family under its labels.

use agentlab_platform::db::tally::Labels;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::Registry,
};

use super::family::{self, Family, Kind};

/// The content type of the text.
pub(super) const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The number of a sample.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    One(f64),
    /// The sum in seconds, and how many fell into each bucket, by its bound in seconds; the last one is infinite.
    Times {
        sum: f64,
        buckets: Vec<(f64, u64)>,
    },
}

/// One sample.
#[derive(Debug, Clone, PartialEq)]
struct Sample {
    name: &'static str,
    labels: Vec<(String, String)>,
    value: Value,
}

/// Every sample of an answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Samples(Vec<Sample>);

impl Samples {
    /// Adds a number without labels.
    pub(super) fn one(&mut self, family: &Family, value: f64) {
        self.with(family, &[], value);
    }

    /// Adds a number under labels.
    pub(super) fn with(&mut self, family: &Family, labels: &[(&str, &str)], value: f64) {
        self.add(family, labels, Value::One(value));
    }

    /// Adds a sample.
    pub(super) fn add(&mut self, family: &Family, labels: &[(&str, &str)], value: Value) {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        self.0.push(Sample { name: family.name, labels, value });
    }

    /// Adds a number under the labels of a tally.
    pub(super) fn under(&mut self, family: &Family, labels: &Labels, value: f64) {
        let labels: Vec<(&str, &str)> = labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        self.with(family, &labels, value);
    }

    /// The text.
    pub(super) fn text(self) -> Result<String, std::fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

impl Collector for Samples {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        for family in family::ALL {
            let samples: Vec<&Sample> = self.0.iter().filter(|sample| sample.name == family.name).collect();
            if samples.is_empty() {
                continue;
            }
            let (name, kind) = match family.kind {
                // The ending is the format's.
                Kind::Counter => (family.name.trim_end_matches("_total"), MetricType::Counter),
                Kind::Gauge => (family.name, MetricType::Gauge),
                Kind::Histogram => (family.name, MetricType::Histogram),
            };
            let mut metric = encoder.encode_descriptor(name, family.help, None, kind)?;
            for sample in samples {
                // Without any label a set of them would leave an empty pair of braces.
                if sample.labels.is_empty() {
                    write(&sample.value, family.kind, &mut metric)?;
                } else {
                    write(&sample.value, family.kind, &mut metric.encode_family(&sample.labels)?)?;
                }
            }
        }
        Ok(())
    }
}

fn write(value: &Value, kind: Kind, encoder: &mut MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
    match (value, kind) {
        (Value::One(value), Kind::Counter) => encoder.encode_counter::<NoLabelSet, f64, u64>(value, None),
        (Value::One(value), Kind::Gauge | Kind::Histogram) => encoder.encode_gauge(value),
        (Value::Times { sum, buckets }, Kind::Counter | Kind::Gauge | Kind::Histogram) => {
            let count = buckets.iter().map(|(_, count)| count).sum();
            encoder.encode_histogram::<NoLabelSet>(*sum, count, buckets, None)
        }
    }
}
