//! Where batches go: CloudWatch, or standard output for a dry run.

use crate::batch::Batch;
use crate::clock::Timestamp;
use std::fmt;
use std::time::Duration;

/// Takes one batch at a time and says what became of it.
pub trait Sink {
    fn put(&mut self, batch: &Batch) -> impl Future<Output = Answer>;
}

/// What became of a batch, and what the service's clock showed, if it answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub outcome: Outcome,
    /// The `Date` header of the answer.
    pub service_time: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Accepted,
    /// Sending it again, later, can help.
    Retry {
        cause: RetryCause,
        /// The service's own wish (`Retry-After`).
        after: Option<Duration>,
        /// For people: what happened and what to do.
        reason: String,
        /// The service may have stored it: CloudWatch has no idempotency token.
        ambiguous: bool,
    },
    /// The service refused the content: sending it again as it is cannot help.
    Rejected {
        reason: String,
    },
}

/// Why a batch wasn't taken, coarse enough that a change of cause is worth a line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RetryCause {
    /// No route, DNS, TLS, connection lost, time-out.
    Network,
    /// 5xx.
    Service,
    Throttled,
    /// Expired, missing or unknown credentials, or a signature that the service doesn't accept.
    Credentials,
    AccessDenied,
    /// The service thinks that this host's clock is wrong.
    Clock,
    /// An answer that isn't CloudWatch's: a captive proxy, a wrong endpoint.
    Foreign,
    /// Nothing could be sent: no region, an unreadable CA bundle.
    Setup,
}

impl fmt::Display for RetryCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            RetryCause::Network => "network",
            RetryCause::Service => "service",
            RetryCause::Throttled => "throttled",
            RetryCause::Credentials => "credentials",
            RetryCause::AccessDenied => "access denied",
            RetryCause::Clock => "clock",
            RetryCause::Foreign => "foreign answer",
            RetryCause::Setup => "setup",
        })
    }
}
