//! What an answer, or its absence, means for a batch: the policy of classification, in one place.

use super::heard::{Heard, Transport};
use super::observe::Head;
use crate::clock::Timestamp;
use crate::sink::{Outcome, RetryCause};
use std::time::Duration;

/// What reasons are explained with.
#[derive(Debug, Clone)]
pub struct Circumstances<'a> {
    pub namespace: &'a str,
    pub region: &'a str,
    /// Whose credentials signed the request.
    pub credentials: Option<&'a str>,
    pub signed_at: Timestamp,
}

pub fn outcome(heard: &Heard, circumstances: &Circumstances<'_>) -> Outcome {
    match heard {
        Heard::Answer { head, code, message } => {
            let (code, message) = (code.as_deref(), message.as_deref().unwrap_or_default());
            answered(head, code, message, circumstances)
        }
        Heard::Silence { transport, text } => silence(*transport, text, circumstances),
        Heard::NoCredentials { missing: true, text } => retry(
            RetryCause::Credentials,
            format!("no credentials: attach a role to the instance, or configure a source; {text}"),
        ),
        Heard::NoCredentials { missing: false, text } => {
            let source = circumstances.credentials.unwrap_or("the sources of credentials");
            retry(RetryCause::Credentials, format!("no credentials from {source}: {text}"))
        }
        Heard::NoRequest { text } => no_setup(text),
    }
}

/// Nothing could be sent.
pub fn no_setup(reason: &str) -> Outcome {
    retry(RetryCause::Setup, reason.to_owned())
}

fn answered(
    head: &Head,
    code: Option<&str>,
    message: &str,
    circumstances: &Circumstances<'_>,
) -> Outcome {
    let kind = kind(head, code, message, circumstances.signed_at);
    let name = match code {
        Some(code) => format!("{code} ({})", head.status),
        None => format!("status {}", head.status),
    };
    let reason = match kind {
        Kind::Accepted => return Outcome::Accepted,
        Kind::Rejected => {
            return Outcome::Rejected { reason: reason(&format!("{name}: {message}")) };
        }
        Kind::Retry(cause) => match cause {
            RetryCause::Foreign => foreign(head.status, &name),
            RetryCause::Clock => clock(head, &name, circumstances.signed_at),
            RetryCause::Credentials => credentials(code.unwrap_or_default(), &name, circumstances),
            RetryCause::AccessDenied => access_denied(&name, message, circumstances.namespace),
            RetryCause::Network
            | RetryCause::Service
            | RetryCause::Throttled
            | RetryCause::Setup => format!("{name}: {message}"),
        },
    };
    let Kind::Retry(cause) = kind else { return Outcome::Accepted };
    Outcome::Retry {
        cause,
        after: head.retry_after,
        reason: self::reason(&reason),
        // An internal fault may strike after storing; a request that was turned away is not stored.
        ambiguous: cause == RetryCause::Service && head.status != 503,
    }
}

enum Kind {
    Accepted,
    Rejected,
    Retry(RetryCause),
}

/// Codes before statuses: the same code comes with different statuses.
fn kind(head: &Head, code: Option<&str>, message: &str, signed_at: Timestamp) -> Kind {
    let bare = code.map(|code| code.strip_suffix("Exception").unwrap_or(code));
    let is = |list: &[&str]| bare.is_some_and(|code| list.contains(&code));
    if head.status < 400 {
        let ours = head.from_service && head.status < 300;
        return if ours { Kind::Accepted } else { Kind::Retry(RetryCause::Foreign) };
    }
    let skewed = head.date.is_some_and(|date| date.millis_since(signed_at).abs() > TOLERANCE);
    let late = message.contains("Signature expired") || message.contains("not yet current");
    let cause = if is(THROTTLE) || head.status == 429 {
        RetryCause::Throttled
    } else if is(CLOCK) || is(SIGNATURE) && (late || skewed) {
        RetryCause::Clock
    } else if is(SIGNATURE) || is(CREDENTIALS) {
        RetryCause::Credentials
    } else if is(DENIED) {
        RetryCause::AccessDenied
    } else if is(SERVICE) || head.status >= 500 {
        RetryCause::Service
    } else if head.status == 413 {
        // Whoever finds it too large, halves may pass.
        return Kind::Rejected;
    } else if !head.from_service || is(NO_SUCH) || OTHER_SERVICE.contains(&head.status) {
        RetryCause::Foreign
    } else if matches!(head.status, 401 | 403) {
        RetryCause::AccessDenied
    } else if code.is_some() {
        return Kind::Rejected;
    } else {
        // Nothing says that the content is at fault: it isn't to be lost on a guess.
        RetryCause::Foreign
    };
    Kind::Retry(cause)
}

fn silence(transport: Transport, text: &str, circumstances: &Circumstances<'_>) -> Outcome {
    let region = circumstances.region;
    let hint = if text.contains("UnknownIssuer") {
        "; where a proxy inspects TLS, name its authority in [cloudwatch] ca_bundle"
    } else if text.contains("proxy authorization required") {
        "; put user and password into [cloudwatch] proxy"
    } else {
        ""
    };
    let text = match transport {
        Transport::NotConnected => format!("no connection to CloudWatch in {region}{hint}: {text}"),
        Transport::Lost => format!("the connection was lost before the answer{hint}: {text}"),
        Transport::TimedOut => format!("no answer in time{hint}: {text}"),
    };
    Outcome::Retry {
        cause: RetryCause::Network,
        after: None,
        reason: reason(&text),
        ambiguous: transport != Transport::NotConnected,
    }
}

fn foreign(status: u16, name: &str) -> String {
    let who = match status {
        407 => "a proxy asks for credentials: put user and password into [cloudwatch] proxy",
        _ => "not CloudWatch's answer: a captive or filtering proxy, or a wrong endpoint_url",
    };
    format!("{name}: {who}")
}

fn clock(head: &Head, name: &str, signed_at: Timestamp) -> String {
    let behind = head.date.map_or(0, |date| date.millis_since(signed_at) / 1_000);
    let off = match behind.signum() {
        1 => format!("this host's clock is {behind} s behind the service's"),
        -1 => format!("this host's clock is {} s ahead of the service's", -behind),
        _ => "this host's clock and the service's disagree".to_owned(),
    };
    format!("{name}: {off}; requests are signed with its time from now on, but set the clock")
}

/// Without the service's message: it may quote the headers that were signed, a token among them.
fn credentials(code: &str, name: &str, circumstances: &Circumstances<'_>) -> String {
    let source = circumstances.credentials.unwrap_or("an unknown source");
    let what = match code.strip_suffix("Exception").unwrap_or(code) {
        "ExpiredToken" => "they have expired; see that they are renewed",
        "InvalidClientTokenId" | "UnrecognizedClient" => {
            "the service doesn't know their key; it was deleted, or is of another partition"
        }
        "MissingAuthenticationToken" => "the request arrived unsigned; a proxy may have altered it",
        _ => {
            "the signature doesn't fit; check the secret key and the region, and that no proxy \
             alters requests"
        }
    };
    format!("{name}: credentials from {source}: {what}")
}

fn access_denied(name: &str, message: &str, namespace: &str) -> String {
    if message.contains("explicit deny") {
        return format!(
            "{name}: a policy denies cloudwatch:PutMetricData explicitly (the role's, its boundary, \
             the organization's or a VPC endpoint's): another Allow won't help: {message}"
        );
    }
    // The statement first: the message behind it may be cut.
    format!("{name}: the policy lacks {}: {message}", statement(namespace))
}

/// The IAM statement that lets an agent publish under `namespace`, and nothing else.
pub fn statement(namespace: &str) -> String {
    let namespace = serde_json::Value::from(namespace);
    format!(
        r#"{{"Effect":"Allow","Action":"cloudwatch:PutMetricData","Resource":"*","Condition":{{"StringEquals":{{"cloudwatch:namespace":{namespace}}}}}}}"#
    )
}

fn retry(cause: RetryCause, text: String) -> Outcome {
    Outcome::Retry { cause, after: None::<Duration>, reason: reason(&text), ambiguous: false }
}

/// One line of bounded length without passwords.
fn reason(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        let separator = if line.is_empty() { "" } else { " " };
        line.push_str(separator);
        line.push_str(&without_password(word));
    }
    let line: String = line.chars().filter(|character| !character.is_control()).collect();
    let line = line.trim_end_matches(": ").trim_end_matches(':');
    if line.len() <= MAX_REASON {
        return line.to_owned();
    }
    let end = (0..=MAX_REASON - ELLIPSIS.len()).rev().find(|&end| line.is_char_boundary(end));
    format!("{}{ELLIPSIS}", &line[..end.unwrap_or(0)])
}

/// `http://user:password@host` becomes `http://host`.
fn without_password(word: &str) -> String {
    let Some((before, rest)) = word.split_once("://") else { return word.to_owned() };
    let authority = rest.find('/').unwrap_or(rest.len());
    match rest[..authority].rfind('@') {
        Some(at) => format!("{before}://{}", &rest[at + 1..]),
        None => word.to_owned(),
    }
}

/// Bytes.
const MAX_REASON: usize = 500;
const ELLIPSIS: &str = "…";
/// Milliseconds. A signature is good for five minutes; a fault at under four isn't the clock's.
const TOLERANCE: i64 = 4 * 60 * 1_000;

// Codes without their "Exception": services write most of them both ways.
const THROTTLE: &[&str] = &[
    "Throttling",
    "Throttled",
    "RequestThrottled",
    "TooManyRequests",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "LimitExceeded",
    "LimitExceededFault",
    "PriorRequestNotComplete",
    "SlowDown",
];
const CLOCK: &[&str] = &["RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"];
const SIGNATURE: &[&str] =
    &["InvalidSignature", "SignatureDoesNotMatch", "IncompleteSignature", "AuthFailure"];
const CREDENTIALS: &[&str] = &[
    "ExpiredToken",
    "InvalidClientTokenId",
    "UnrecognizedClient",
    "MissingAuthenticationToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "TokenRefreshRequired",
];
const DENIED: &[&str] = &[
    "AccessDenied",
    "NotAuthorized",
    "UnauthorizedOperation",
    "OptInRequired",
    "SubscriptionRequired",
];
const SERVICE: &[&str] = &[
    "InternalServiceFault",
    "InternalServiceError",
    "InternalFailure",
    "InternalServer",
    "InternalServerError",
    "ServiceUnavailable",
    "RequestTimeout",
];
/// The endpoint speaks, but isn't CloudWatch's.
const NO_SUCH: &[&str] = &[
    "UnknownOperation",
    "InvalidAction",
    "NoSuchVersion",
    "NotImplemented",
    "UnsupportedMediaType",
    "MethodNotAllowed",
    "UnsupportedProtocol",
];
const OTHER_SERVICE: &[u16] = &[404, 405, 406, 407, 415];
