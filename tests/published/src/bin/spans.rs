//! Spans and events, collected by a layer of tracing-subscriber. `spans REQUESTS`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber, info, info_span, warn};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

#[derive(Clone, Default)]
struct Collected(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Collected {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
                values.record(fields);
            }
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut line = String::new();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            let _ = write!(line, "{}", span.name());
            if let Some(Fields(fields)) = span.extensions().get::<Fields>() {
                let _ = write!(line, "{fields:?}:");
            }
        }
        let _ = write!(line, " {} {:?}", event.metadata().level(), fields.0);
        if let Ok(mut lines) = self.0.lock() {
            lines.push(line);
        }
    }
}

struct Buffer(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if let Ok(mut all) = self.0.lock() {
            all.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tracing::instrument(skip(parts), fields(result))]
fn handle(number: u64, parts: &[String]) -> Result<usize, String> {
    step(number);
    let mut sum = 0;
    for (at, part) in parts.iter().enumerate() {
        let span = info_span!("part", at, text = %part);
        let _entered = span.enter();
        if part.len() > 9 {
            warn!(length = part.len(), "a long one: {part}");
            return Err(format!("{part} is too long"));
        }
        info!(?part, "seen");
        sum += part.len();
    }
    tracing::Span::current().record("result", sum);
    step(number);
    info!("done");
    Ok(sum)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: spans REQUESTS")?.parse()?;
    let collected = Collected::default();
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let buffer = Arc::clone(&bytes);
    let written = tracing_subscriber::fmt::layer()
        .without_time()
        .with_ansi(false)
        .with_writer(move || Buffer(Arc::clone(&buffer)));
    let subscriber = tracing_subscriber::registry().with(collected.clone()).with(written);
    tracing::subscriber::set_global_default(subscriber)?;
    let mut results = Vec::new();
    for number in 0..count {
        step(number);
        let parts: Vec<String> =
            (0..number % 7).map(|part| format!("part {}", 10_u64.pow(part as u32))).collect();
        step(number);
        results.push(handle(number, &parts));
    }
    step(1 << 32);
    let lines = collected.0.lock().map_err(|_| "poisoned")?.join("\n");
    step(2 << 32);
    let text = String::from_utf8(bytes.lock().map_err(|_| "poisoned")?.clone())?;
    let warnings: Vec<&str> = text.lines().filter(|line| line.contains("WARN")).collect();
    step(3 << 32);
    println!("{} letters, {} warnings, {} results", lines.len(), warnings.len(), results.len());
    Ok(())
}
