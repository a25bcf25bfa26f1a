//! What came back from a put, as plain values: the SDK's errors end here.

use super::observe::{Head, Observed};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudwatch::error::{ConnectorError, ProvideErrorMetadata, SdkError};
use hyper_util::client::legacy::Error as HyperError;
use std::error::Error;

#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// Somebody answered; code and message are the service's, from the body.
    Answer {
        head: Head,
        code: Option<String>,
        message: Option<String>,
    },
    /// Nobody did.
    Silence {
        transport: Transport,
        text: String,
    },
    /// Nothing was sent.
    NoCredentials {
        missing: bool,
        text: String,
    },
    NoRequest {
        text: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// No connection: name resolution, TCP, a proxy, TLS. Nothing was sent.
    NotConnected,
    /// The connection was there, and was lost or fell silent.
    Lost,
    TimedOut,
}

impl Heard {
    pub fn new<T, E>(result: &Result<T, SdkError<E>>, observed: &Observed) -> Heard
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let (code, message) = match result {
            Ok(_) => (None, None),
            Err(error) => (error.code(), error.message()),
        };
        match (result, observed.answer) {
            // A 200 whose body broke off: it is as if nobody had answered.
            (Err(error), Some(head)) if head.status < 300 && head.from_service => {
                Heard::Silence { transport: Transport::Lost, text: chain(error) }
            }
            (_, Some(head)) => Heard::Answer {
                head,
                code: code.map(str::to_owned),
                message: message.map(str::to_owned),
            },
            (Ok(_), None) => Heard::NoRequest { text: "nothing was sent".to_owned() },
            (Err(error), None) => unanswered(error, observed.handed_over),
        }
    }
}

fn unanswered<E: Error + 'static>(error: &SdkError<E>, handed_over: bool) -> Heard {
    // What the SDK puts round the HTTP client's error says nothing more.
    let text = find::<ConnectorError>(error)
        .and_then(ConnectorError::source)
        .map_or_else(|| chain(error), chain);
    if handed_over {
        let timed_out = match error {
            SdkError::TimeoutError(_) => true,
            SdkError::DispatchFailure(failure) => failure.is_timeout(),
            _ => false,
        };
        let transport = match find::<HyperError>(error) {
            Some(http) if http.is_connect() => Transport::NotConnected,
            _ if timed_out => Transport::TimedOut,
            _ => Transport::Lost,
        };
        return Heard::Silence { transport, text };
    }
    // The SDK has no type for a set of sources that took too long.
    let slow = matches!(error, SdkError::TimeoutError(_)) || text.contains("identity resolver");
    match find::<CredentialsError>(error) {
        Some(found) => Heard::NoCredentials {
            missing: matches!(found, CredentialsError::CredentialsNotLoaded(_)),
            text: found.source().map_or_else(|| chain(found), chain),
        },
        None if slow => Heard::NoCredentials { missing: false, text },
        None => Heard::NoRequest { text },
    }
}

fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    sources(error).find_map(|error| error.downcast_ref())
}

/// An error and what caused it, each said once. `Display` only: `Debug` shows whole requests.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for part in sources(error).map(ToString::to_string) {
        if text.contains(&part) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&part);
    }
    text
}

fn sources<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
