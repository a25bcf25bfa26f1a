//! What systemd is told: readiness, status, reloads, and that the sampler still samples (sd_notify(3)).

use crate::clock::Boottime;
use sd_notify::NotifyState;
use std::time::Duration;

/// Silent where no service manager asked for notifications.
#[derive(Debug)]
pub struct Notifier {
    watchdog: Option<Watchdog>,
}

#[derive(Debug)]
struct Watchdog {
    /// WATCHDOG_USEC: silence for this long means that the service hangs.
    limit: Duration,
    fed: Boottime,
}

impl Notifier {
    pub fn from_environment(now: Boottime) -> Notifier {
        let watchdog = sd_notify::watchdog_enabled().map(|limit| Watchdog { limit, fed: now });
        Notifier { watchdog }
    }

    /// Feeds no watchdog.
    pub fn silent() -> Notifier {
        Notifier { watchdog: None }
    }

    /// Tells the watchdog that the sampler lives, no oftener than it needs.
    pub fn alive(&mut self, now: Boottime) {
        if let Some(watchdog) = &mut self.watchdog
            && now.since(watchdog.fed) >= watchdog.limit / 4
        {
            watchdog.fed = now;
            send(&[NotifyState::Watchdog]);
        }
    }

    /// By when the sampler has to wake up for the watchdog, whatever its interval.
    pub fn wake_by(&self) -> Option<Boottime> {
        self.watchdog.as_ref().map(|watchdog| watchdog.fed.plus(watchdog.limit / 2))
    }
}

pub fn ready() {
    send(&[NotifyState::Ready]);
}

/// A line is all that the service manager takes: the next one would be another message to it.
pub fn status(text: &str) {
    let line: String = text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
    send(&[NotifyState::Status(&line)]);
}

/// Needs systemd's own clock; without it the reload goes unannounced and still happens.
pub fn reloading() {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        send(&[NotifyState::Reloading, now]);
    }
}

pub fn stopping() {
    send(&[NotifyState::Stopping]);
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager could not be told");
    }
}
