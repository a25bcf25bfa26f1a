//! A closer look while the host is under memory pressure.

use crate::black_box::format::Reason;
use crate::clock::Moment;
use crate::sampler::{Message, Sampler};
use std::time::Duration;

impl<C> Sampler<C> {
    /// Under pressure: who holds the memory, and the recorder to the disk soon.
    pub(super) fn look_closer(&mut self, now: Moment) {
        if now.boot >= self.copy_at {
            self.copy_at = now.boot.plus(COPY_UNDER_PRESSURE);
            self.send(Message::CopyRecorder);
        }
        let Some(turn) = self.black_box.as_mut().and_then(|black_box| black_box.due(now.boot))
        else {
            return;
        };
        let killed = self.watch.last_kill().is_some_and(|kill| now.boot.since(kill) < JUST_KILLED);
        let reason = if killed { Reason::OomKill } else { Reason::Pressure };
        let proc_root = self.settings.proc_root.clone();
        // On a thread that may wait: hundreds of processes take milliseconds.
        tokio::task::spawn_blocking(move || {
            if let Err(error) = turn.record(&proc_root, now, reason) {
                tracing::warn!(%error, "the largest processes can't be recorded");
            }
        });
    }
}

/// The runtime directory outlives the agent, but not the host.
const COPY_UNDER_PRESSURE: Duration = Duration::from_secs(5);
const JUST_KILLED: Duration = Duration::from_secs(10);
