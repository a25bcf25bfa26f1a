//! What the publisher waits for.

use crate::clock::{Alarm, Boottime};
use crate::identity::Identity;
use crate::spool::disk::{Disk, Done};
use tokio::sync::watch;

/// The disk's next word; never where there is no disk.
pub(super) async fn answer(disk: &mut Option<Disk>) -> Done {
    let done = match disk {
        Some(disk) => disk.done.recv().await,
        None => None,
    };
    match done {
        Some(done) => done,
        None => std::future::pending().await,
    }
}

pub(super) async fn reach(alarm: &mut Alarm, until: Option<Boottime>) {
    match until {
        Some(until) => alarm.until(until).await,
        None => std::future::pending().await,
    }
}

/// Resolves at the next change; never where no more can come.
pub(super) async fn changed(identity: &mut watch::Receiver<Identity>) {
    if identity.changed().await.is_err() {
        std::future::pending().await
    }
}

/// Resolves when the deadline has come; never while no shutdown began.
pub(super) async fn past(deadline: &mut watch::Receiver<Option<Boottime>>, alarm: &mut Alarm) {
    let deadline = match deadline.wait_for(Option::is_some).await {
        Ok(deadline) => *deadline,
        Err(_) => None,
    };
    reach(alarm, deadline).await;
}
