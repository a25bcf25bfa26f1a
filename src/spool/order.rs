//! What the disk's thread is asked, and what it answers.

use crate::clock::{Moment, Timestamp};
use crate::health::Cause;
use crate::owner::Owner;
use crate::spool::folder::OpenError;
use crate::spool::inventory::Found;
use crate::spool::text::{Content, Head};
use crate::spool::{Filed, Job, Key};

/// What the thread is asked to do.
pub enum Order {
    Spool(Job),
    /// Keep a refused datum, as its line, with why.
    Quarantine {
        datum: String,
        reason: String,
        when: Timestamp,
    },
    /// What is known of the owner by now, and whether what waited for that is another's.
    Own {
        owner: Owner,
        undecided: Option<bool>,
    },
    /// Bring the copies of the flight recorder and the black box up to date.
    CopyRecorder,
    /// Anything else that is done on the disk, at its turn.
    Run(Box<dyn FnOnce() + Send>),
}

/// What became of it.
#[derive(Debug)]
pub enum Done {
    Opened(Result<Found, OpenError>),
    Written {
        key: Key,
        kib: u32,
    },
    NotWritten {
        key: Key,
        full: bool,
        reason: String,
    },
    /// The file says that the service may have it; or the error why it doesn't.
    Marked {
        key: Key,
        result: Result<(), String>,
    },
    Loaded(Vec<Loaded>),
    /// To be asked for again: until then a file says more than is left to be sent.
    NotDone {
        job: Job,
        reason: String,
    },
    /// `closed`: when, and in which boot, as far as the file told.
    Dropped {
        cause: Cause,
        closed: Option<(Moment, String)>,
        datums: usize,
    },
    /// Something that leaves a file too many behind.
    Failed {
        what: &'static str,
        reason: String,
    },
}

/// A file that was read back.
#[derive(Debug)]
pub struct Loaded {
    pub file: Filed,
    pub content: Result<(Head, Content), Lost>,
}

/// A file that can't be sent.
#[derive(Debug)]
pub struct Lost {
    /// `None` where it is set aside for a newer version, or can't be read now.
    pub cause: Option<Cause>,
    /// It is still there, and can perhaps be read later.
    pub later: bool,
    pub reason: String,
    pub datums: usize,
}
