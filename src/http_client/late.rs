//! What took longer than it may.

use std::error::Error;
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Late {
    #[error("HTTP connect timeout after {0:?}")]
    Connecting(Duration),
    /// The connection was there, and no answer began.
    #[error("HTTP read timeout after {0:?}")]
    Reading(Duration),
}

impl Late {
    /// The time-out among what caused `error`, if it was one.
    pub fn find(error: &(dyn Error + 'static)) -> Option<Late> {
        let mut causes = std::iter::successors(Some(error), |&error| error.source());
        causes.find_map(|cause| cause.downcast_ref().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn is_found_among_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] Late);
        let late = Late::Reading(Duration::from_secs(2));
        assert_eq!(Late::find(&Outer(late)), Some(late));
        assert_eq!(Late::find(&io::Error::other("else")), None);
        assert_eq!(late.to_string(), "HTTP read timeout after 2s");
    }
}
