//! The signals that the keeper passes on to the command, or ends by while there is none.

use rustix::process::Signal;
use std::fs;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, Waker};
use tokio::signal::unix::{self, SignalKind};

/// Follows the signals that weren't ignored when the process started: under nohup, SIGHUP stays
/// ignored for the command too.
pub struct Signals {
    streams: Vec<(Signal, unix::Signal)>,
}

impl Signals {
    pub fn follow() -> io::Result<Signals> {
        let ignored = ignored();
        let mut streams = Vec::new();
        for signal in PASSED_ON.into_iter().filter(|signal| !is_in(ignored, *signal)) {
            streams.push((signal, unix::signal(SignalKind::from_raw(signal.as_raw()))?));
        }
        Ok(Signals { streams })
    }

    #[cfg(test)]
    pub fn none() -> Signals {
        Signals { streams: Vec::new() }
    }

    pub async fn next(&mut self) -> Signal {
        poll_fn(|context| self.poll(context)).await
    }

    /// The next that asks the process to end.
    pub async fn next_that_ends(&mut self) -> Signal {
        loop {
            let signal = self.next().await;
            if ends(signal) {
                return signal;
            }
        }
    }

    /// Whether one that asks the process to end has come already.
    pub fn ended_by(&mut self) -> Option<Signal> {
        let mut context = Context::from_waker(Waker::noop());
        while let Poll::Ready(signal) = self.poll(&mut context) {
            if ends(signal) {
                return Some(signal);
            }
        }
        None
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Signal> {
        for (signal, stream) in &mut self.streams {
            if let Poll::Ready(Some(())) = stream.poll_recv(context) {
                return Poll::Ready(*signal);
            }
        }
        Poll::Pending
    }
}

/// The supervisor is in the group that the signals are passed on to, and has to outlive them. What
/// it only catches, the command has at its default.
pub fn survive() -> io::Result<()> {
    let ignored = ignored();
    for signal in PASSED_ON.into_iter().chain(OF_TERMINALS) {
        if !is_in(ignored, signal) {
            // Once asked for, a signal stays caught, whether anybody listens or not.
            let _ = unix::signal(SignalKind::from_raw(signal.as_raw()))?;
        }
    }
    Ok(())
}

/// What a shell would call the end by this signal.
pub fn status_of(signal: i32) -> u8 {
    u8::try_from(signal).map_or(u8::MAX, |signal| signal.saturating_add(128))
}

fn ends(signal: Signal) -> bool {
    [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT].contains(&signal)
}

/// The signals that this process ignores, as the kernel has them; none where it doesn't say.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored_in(&status)
}

fn ignored_in(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

fn is_in(mask: u64, signal: Signal) -> bool {
    let bit = u32::try_from(signal.as_raw() - 1).unwrap_or(u32::MAX);
    mask.checked_shr(bit).is_some_and(|rest| rest & 1 == 1)
}

const PASSED_ON: [Signal; 9] = [
    Signal::TERM,
    Signal::INT,
    Signal::HUP,
    Signal::QUIT,
    Signal::USR1,
    Signal::USR2,
    Signal::ALARM,
    Signal::WINCH,
    Signal::CONT,
];
const OF_TERMINALS: [Signal; 3] = [Signal::TSTP, Signal::TTIN, Signal::TTOU];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read() {
        let status = "Name:\tsh\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        let mask = ignored_in(status);
        assert!(is_in(mask, Signal::HUP) && is_in(mask, Signal::PIPE));
        assert!(!is_in(mask, Signal::TERM));
        assert_eq!(ignored_in(""), 0);
        assert_eq!(ignored_in("SigIgn:\tx"), 0);
    }

    #[test]
    fn statuses_are_a_shell_s() {
        assert_eq!(status_of(15), 143);
        assert_eq!(status_of(9), 137);
    }
}
