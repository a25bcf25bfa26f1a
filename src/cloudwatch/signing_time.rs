//! The time that requests are signed with, and by which credentials expire.
//!
//! The SDK wants a time source that crosses threads; the agent's clock doesn't. So the sink writes
//! the time down before each put, and for that put's few seconds it stands still: signatures are
//! good for minutes. What is written is the agent's clock plus how far the service's is ahead of
//! it, once the service has refused a request for its time.

use crate::clock::Timestamp;
use aws_smithy_async::time::TimeSource;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

#[derive(Debug, Clone, Default)]
pub struct SigningTime(Arc<AtomicI64>);

impl SigningTime {
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::Relaxed);
    }

    pub fn get(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

impl TimeSource for SigningTime {
    fn now(&self) -> SystemTime {
        self.get().system_time()
    }
}
