//! From `tracing` events to records: fields of the event, and of the spans around it.

use std::{collections::BTreeMap, error::Error, fmt};

use patchwharf_model::Timestamp;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::mpsc;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use super::LogRecord;

/// Longest message or field; the rest is cut off.
const MAX_TEXT: usize = 4_000;

/// Hands records to the store's writer.
#[derive(Clone, Debug)]
pub(super) struct StoreLayer {
    queue: mpsc::Sender<LogRecord>,
    dropped: Counter,
}

impl StoreLayer {
    pub(super) fn new(queue: mpsc::Sender<LogRecord>, dropped: Counter) -> Self {
        Self { queue, dropped }
    }
}

/// Fields of an event or a span, as text.
#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for StoreLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(outer) = span.extensions().get::<Fields>() {
                for (name, value) in &outer.0 {
                    fields.0.entry(name.clone()).or_insert_with(|| value.clone());
                }
            }
        }
        let mut take = |name: &str| fields.0.remove(name);
        let record = LogRecord {
            number: 0,
            at: Timestamp::now(),
            level: event.metadata().level().as_str().to_ascii_lowercase(),
            target: event.metadata().target().to_owned(),
            message: take("message").unwrap_or_default(),
            job: take("job"),
            bulletin: take("bulletin"),
            package: take("package"),
            fields: fields.0,
        };
        if self.queue.try_send(record).is_err() {
            self.dropped.inc();
        }
    }
}

impl Fields {
    fn put(&mut self, field: &Field, text: String) {
        // `package.id` and `package` are the same field under two habits.
        let name = field.name().strip_suffix(".id").unwrap_or(field.name());
        let shown: String = text.chars().take(MAX_TEXT).flat_map(escaped).collect();
        self.0.insert(name.to_owned(), shown);
    }
}

/// Control characters in what vendors send must not become lines or colours in a terminal.
fn escaped(c: char) -> impl Iterator<Item = char> {
    let escape = (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let (plain, code) = if escape { (None, Some(c.escape_default())) } else { (Some(c), None) };
    plain.into_iter().chain(code.into_iter().flatten())
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.to_owned());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        self.put(field, text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}
