//! The only place that reads environment variables; everything else takes their values.

/// The value of `name`, if it is set, not empty and UTF-8.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
