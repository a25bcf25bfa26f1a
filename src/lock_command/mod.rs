//! A command that runs while a lock is held, and not a moment longer than that can be known.
//!
//! `cwmem lock` is two processes. The *keeper* holds the lock's connection and asks again and again
//! whether the lock is still its own. The *supervisor*, forked before there is a connection, leads
//! a process group of its own, starts the command in it, and kills the group when the lease that
//! the keeper extends runs out or the keeper is gone. So neither a frozen nor a killed keeper
//! leaves a command behind, and the command has no descriptor of the connection.

pub mod group;
pub mod keeper;
pub mod lease;
pub mod message;
pub mod signals;
mod supervisor;

use std::fmt::Display;

/// A lock that is held: it can be asked whether it still is, and given up. Dropping it gives it up
/// without waiting.
pub trait Held {
    type Error: Display;

    fn still_held(&mut self) -> impl Future<Output = Result<(), Self::Error>>;
    fn release(self) -> impl Future<Output = Result<(), Self::Error>>;
}
