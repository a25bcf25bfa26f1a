//! What the publisher tells: the disk its orders, others what is safe and what waits.

use crate::clock::Boottime;
use crate::publisher::desk::{Backlog, Desk};
use crate::spool::disk::Disk;
use tokio::sync::watch;

/// What the publisher keeps for others to know.
#[derive(Debug)]
pub struct Told {
    /// All samples through this sequence are safe.
    pub taken: watch::Sender<u64>,
    pub backlog: watch::Sender<Option<Backlog>>,
}

/// Tells the disk what it has to do, and others what is safe and what waits.
pub(super) fn hand_over(desk: &mut Desk, disk: &Option<Disk>, told: &Told, now: Boottime) {
    for order in desk.orders() {
        if let Some(disk) = disk {
            disk.order(order);
        }
    }
    let taken = desk.taken_through();
    told.taken.send_if_modified(|told| std::mem::replace(told, taken) != taken);
    let backlog = Some(desk.backlog(now));
    told.backlog.send_if_modified(|told| {
        let changed = *told != backlog;
        told.clone_from(&backlog);
        changed
    });
}
