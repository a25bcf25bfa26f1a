//! What passes between the index, the disk and the publisher.

use crate::clock::{Boottime, Moment};
use crate::datum::Datum;
use crate::health::Cause;
use crate::spool::text::Content;
use crate::spool::{Filed, Key};

/// What the disk is to do, in this order.
#[derive(Debug, PartialEq)]
pub enum Job {
    Write {
        key: Key,
        closed: Moment,
        content: Content,
    },
    /// The same part with less to be sent.
    Replace {
        key: Key,
        closed: Moment,
        content: Content,
    },
    /// Its file is to say that the service may have it, or not any more. Only the first is answered.
    Mark {
        key: Key,
        offered: bool,
    },
    /// It is delivered.
    Remove {
        key: Key,
    },
    /// It is given up: say how much that was.
    Drop {
        file: Filed,
        cause: Cause,
    },
    Load {
        files: Vec<Filed>,
    },
}

/// What is picked to be sent next.
#[derive(Debug)]
pub enum Picked {
    /// These, now.
    Ready(Vec<(Key, Vec<Datum>)>),
    /// The disk has been asked for it.
    Loading,
}

/// How the disk does, for the log: said when it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    Failing { reason: String },
    Recovered { since: Boottime },
}

/// How the disk does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disk {
    /// Not there yet: nothing is written.
    Absent {
        since: Boottime,
    },
    Works,
    Writes {
        key: Key,
        since: Boottime,
    },
    Fails {
        since: Boottime,
        retry_at: Boottime,
    },
    /// Failed before, and tries again.
    Retries {
        key: Key,
        since: Boottime,
    },
}
