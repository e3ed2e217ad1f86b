//! One event, one line of JSON. A *line* begins with its time, so that sorting lines sorts events, and carries the ids of what it
//! belongs to at its top, whether the event itself or the work around it knows them.

use std::{collections::BTreeMap, fmt, io::Write};

use serde::Serialize;
use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    fmt::{MakeWriter, format::Writer, time::FormatTime, time::SystemTime},
    layer::Context,
    registry::LookupSpan,
};

/// What stands at the top of a line. `task` is the number of `job.id`.
pub const IDS: [&str; 5] = ["request.id", "user.id", "job.id", "task", "run.id"];

/// Writes each event where this makes writers.
pub(super) struct Lines<W>(pub(super) W);

#[derive(Serialize)]
struct Line<'a> {
    timestamp: &'a str,
    level: &'a str,
    #[serde(flatten)]
    ids: BTreeMap<&'static str, Value>,
    fields: Map<String, Value>,
    target: &'a str,
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut seen = Seen::default();
        attributes.record(&mut seen);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(seen);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(seen) = span.extensions_mut().get_mut::<Seen>()
        {
            values.record(seen);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut own = Seen::default();
        event.record(&mut own);
        let mut ids = BTreeMap::new();
        // From the outermost on: what is nearer knows better.
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(seen) = span.extensions().get::<Seen>() {
                ids.extend(seen.ids.iter().map(|(name, value)| (*name, value.clone())));
            }
        }
        ids.append(&mut own.ids);
        let mut timestamp = String::new();
        let _ = SystemTime.format_time(&mut Writer::new(&mut timestamp));
        let metadata = event.metadata();
        let line = Line {
            timestamp: &timestamp,
            level: metadata.level().as_str(),
            ids,
            fields: own.fields,
            target: metadata.target(),
        };
        if let Ok(mut line) = serde_json::to_vec(&line) {
            line.push(b'\n');
            // A log that cannot be written must not stop the work.
            let _ = self.0.make_writer_for(metadata).write_all(&line);
        }
    }
}

/// What a span or an event says.
#[derive(Default)]
struct Seen {
    ids: BTreeMap<&'static str, Value>,
    fields: Map<String, Value>,
}

impl Seen {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        match IDS.iter().find(|id| **id == field.name()) {
            Some(id) => self.ids.insert(id, value.into()),
            None => self.fields.insert(field.name().to_owned(), value.into()),
        };
    }
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::{Registry, layer::SubscriberExt};

    use super::*;
    use crate::trace::{self, Trace};

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn lines(work: impl FnOnce()) -> Vec<String> {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = Registry::default().with(Lines(move || writer.clone()));
        tracing::subscriber::with_default(subscriber, work);
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn ids_stand_at_the_top_wherever_they_are_known_and_the_nearer_one_counts() {
        let outer = Trace { request: Some("r1".into()), user: Some(7), ..Trace::default() };
        let lines = lines(|| {
            outer.span().in_scope(|| {
                trace::is_about("J", 3);
                Trace { run: Some("R".into()), ..Trace::default() }.span().in_scope(|| {
                    tracing::warn!(error = %"broke\n\"here\"", task = 4, "not so good");
                });
            });
            tracing::info!(run.id = %"R2", "alone");
        });
        assert!(lines.iter().all(|line| line.starts_with("{\"timestamp\":\"20")), "{lines:?}");
        let read: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        for (id, value) in [
            ("request.id", "r1".into()),
            ("user.id", 7.into()),
            ("job.id", "J".into()),
            ("run.id", "R".into()),
            ("task", Value::from(4)),
        ] {
            assert_eq!(read[0][id], value, "{id}: {}", lines[0]);
        }
        assert_eq!(read[0]["level"], "WARN");
        assert_eq!(read[0]["fields"]["message"], "not so good");
        assert_eq!(read[0]["fields"]["error"], "broke\n\"here\"");
        assert_eq!(read[0]["fields"].as_object().unwrap().len(), 2, "an id stands once");
        assert_eq!((&read[1]["run.id"], read[1].get("request.id")), (&Value::from("R2"), None));
    }
}
