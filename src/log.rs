//! The log: one line an event on standard error, as text or JSON, UTC, at a level that a reload
//! may change.
//!
//! Only cwmem's own events are written. The libraries' are not: at their finer levels they show
//! signed requests, and what an operator needs of them comes in our own words.

use crate::clock::Clock;
use crate::config::{Format, Level, Log};
use crate::environment;
use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

static LEVEL: AtomicU8 = AtomicU8::new(2);
static JSON: AtomicBool = AtomicBool::new(false);

/// Begins to log. A second call in one process only applies the settings.
pub fn start(settings: Log) {
    apply(settings);
    let journal = environment::variable("JOURNAL_STREAM");
    let journal = journal.is_some_and(|stream| Some(stream) == identity_of_stderr());
    // Fails where a subscriber is set already: by an earlier call, with the same effect.
    let _ = tracing::subscriber::set_global_default(Lines { journal });
}

/// Standard error's device and inode, as JOURNAL_STREAM names them (systemd.exec(5)). The variable
/// alone says little: a shell within a service inherits it and may redirect its errors elsewhere.
fn identity_of_stderr() -> Option<String> {
    let file = File::from(io::stderr().as_fd().try_clone_to_owned().ok()?);
    let metadata = file.metadata().ok()?;
    Some(format!("{}:{}", metadata.dev(), metadata.ino()))
}

/// Changes level and form of what is logged from now on.
pub fn apply(settings: Log) {
    LEVEL.store(settings.level as u8, Ordering::Relaxed);
    JSON.store(settings.format == Format::Json, Ordering::Relaxed);
}

/// Writes each event as one line.
struct Lines {
    /// The journal stamps lines itself and wants to be told their priority.
    journal: bool,
}

impl Subscriber for Lines {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Spans would only have to be remembered: what we log says where it comes from.
        let ours = is_ours(metadata) && metadata.is_event();
        if ours { Interest::sometimes() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_ours(metadata)
            && metadata.is_event()
            && level_of(metadata) as u8 <= LEVEL.load(Ordering::Relaxed)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = level_of(event.metadata());
        let line = if JSON.load(Ordering::Relaxed) {
            json_line(level, &fields, &now(), self.journal)
        } else {
            text_line(level, &fields, &now(), self.journal)
        };
        // Where standard error is gone there is nobody left to tell.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, serde_json::Value)>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "message" => self.message = text,
            name => self.others.push((name, text.into())),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.others.push((field.name(), value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.others.push((field.name(), value.into()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.others.push((field.name(), value.into()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.others.push((field.name(), value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.others.push((field.name(), value.into()));
    }
}

/// The journal takes the priority off: what it keeps is JSON.
fn json_line(level: Level, fields: &Fields, now: &str, journal: bool) -> String {
    let mut object = serde_json::Map::new();
    object.insert("time".into(), now.into());
    object.insert("level".into(), name(level).to_lowercase().into());
    object.insert("message".into(), fields.message.clone().into());
    for (name, value) in &fields.others {
        object.insert((*name).into(), value.clone());
    }
    let prefix = if journal { format!("<{}>", priority(level)) } else { String::new() };
    format!("{prefix}{}\n", serde_json::Value::Object(object))
}

fn text_line(level: Level, fields: &Fields, now: &str, journal: bool) -> String {
    let mut line = match journal {
        true => format!("<{}>{}", priority(level), one_line(&fields.message)),
        false => format!("{now} {:5} {}", name(level), one_line(&fields.message)),
    };
    for (name, value) in &fields.others {
        let text = match value {
            serde_json::Value::String(text) if is_plain(text) => text.clone(),
            // What holds JSON, such as an IAM statement, is to be copied as it is.
            serde_json::Value::String(text) if is_single_quotable(text) => format!("'{text}'"),
            other => other.to_string(),
        };
        // Writing to a String cannot fail.
        let _ = write!(line, " {name}={text}");
    }
    line + "\n"
}

/// A message must not forge a second line.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|character| character.is_ascii_graphic() && character != '"')
}

fn is_single_quotable(text: &str) -> bool {
    text.contains('"')
        && !text.contains(|character: char| character == '\'' || character.is_control())
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().split("::").next() == Some(env!("CARGO_CRATE_NAME"))
}

fn level_of(metadata: &Metadata<'_>) -> Level {
    match *metadata.level() {
        tracing::Level::ERROR => Level::Error,
        tracing::Level::WARN => Level::Warn,
        tracing::Level::INFO => Level::Info,
        _ => Level::Debug,
    }
}

fn name(level: Level) -> &'static str {
    match level {
        Level::Error => "ERROR",
        Level::Warn => "WARN",
        Level::Info => "INFO",
        Level::Debug => "DEBUG",
    }
}

/// syslog(3)'s numbers, as sd-daemon(3) wants them before a line.
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug => 7,
    }
}

fn now() -> String {
    let wall = Clock::System.now().wall.system_time();
    humantime::format_rfc3339_millis(wall).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn fields() -> Fields {
        let others = vec![
            ("cause", "throttled".into()),
            ("reason", "slow \"down\"\nnow".into()),
            ("statement", "{\"Effect\":\"Allow\"}".into()),
            ("seconds", 7.into()),
        ];
        Fields { message: "CloudWatch takes\nnothing".into(), others }
    }

    #[test]
    fn a_line_is_one_line() {
        let now = "2026-11-23T14:21:00.123Z";
        expect![[r#"
            2026-11-23T14:21:00.123Z WARN  CloudWatch takes nothing cause=throttled reason="slow \"down\"\nnow" statement='{"Effect":"Allow"}' seconds=7
        "#]]
        .assert_eq(&text_line(Level::Warn, &fields(), now, false));
        expect![[r#"
            <4>CloudWatch takes nothing cause=throttled reason="slow \"down\"\nnow" statement='{"Effect":"Allow"}' seconds=7
        "#]]
        .assert_eq(&text_line(Level::Warn, &fields(), now, true));
        expect![[r#"
            {"cause":"throttled","level":"warn","message":"CloudWatch takes\nnothing","reason":"slow \"down\"\nnow","seconds":7,"statement":"{\"Effect\":\"Allow\"}","time":"2026-11-23T14:21:00.123Z"}
        "#]]
        .assert_eq(&json_line(Level::Warn, &fields(), now, false));
    }
}
