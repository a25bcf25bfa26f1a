//! Which locks this process holds: the server grants a lock once more to the session that has it, and
//! tells two tasks of one process apart no better than their sessions.

use crate::cluster::name::LockName;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A name of a server that is taken for as long as this lives.
#[derive(Debug)]
pub struct Hold(Key);

type Key = (String, LockName);

static HELD: Mutex<BTreeSet<Key>> = Mutex::new(BTreeSet::new());

impl Hold {
    /// `None` where it is taken.
    pub fn take(server: &str, name: &LockName) -> Option<Hold> {
        let key = (server.to_owned(), name.clone());
        held().insert(key.clone()).then_some(Hold(key))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        held().remove(&self.0);
    }
}

/// A set is whole whatever became of the thread that had it last.
fn held() -> MutexGuard<'static, BTreeSet<Key>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_once_on_each_server() {
        let name = LockName::command("once").unwrap();
        let hold = Hold::take("a:3306", &name).unwrap();
        assert!(Hold::take("a:3306", &name).is_none());
        assert!(Hold::take("b:3306", &name).is_some());
        drop(hold);
        assert!(Hold::take("a:3306", &name).is_some());
    }
}
