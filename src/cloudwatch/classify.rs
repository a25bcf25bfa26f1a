//! What an answer, or its absence, means for a batch: the policy of classification, in one place.

use super::action::Action;
use super::heard::{Heard, Transport};
use super::observe::Head;
use crate::clock::Timestamp;
use crate::sink::{Outcome, RetryCause};
use std::time::Duration;

/// What reasons are explained with.
#[derive(Debug, Clone)]
pub struct Circumstances<'a> {
    pub action: Action<'a>,
    pub region: &'a str,
    /// Where the configuration names one.
    pub endpoint: Option<&'a str>,
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
            format!(
                "no credentials: attach a role to the instance or configure another source; asked: {text}"
            ),
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
            RetryCause::AccessDenied => access_denied(&name, message, circumstances.action),
            RetryCause::Service if !head.from_service => {
                format!("{name}: not CloudWatch's own answer, but one of a proxy on the way to it")
            }
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
        Transport::NotConnected => {
            let place =
                circumstances.endpoint.map_or(format!("in {region}"), |url| format!("at {url}"));
            format!("no connection to CloudWatch {place}{hint}: {text}")
        }
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

fn access_denied(name: &str, message: &str, action: Action<'_>) -> String {
    if message.contains("explicit deny") {
        return format!(
            "{name}: a policy denies {} explicitly (the role's, its boundary, \
             the organization's or a VPC endpoint's): another Allow won't help: {message}",
            action.name()
        );
    }
    // The statement first: the message behind it may be cut.
    format!("{name}: the policy lacks {}: {message}", action.statement())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudwatch::statement;

    const NOW: Timestamp = Timestamp(1_795_443_660_000);

    fn circumstances() -> Circumstances<'static> {
        Circumstances {
            action: Action::PutMetricData { namespace: "EC2/Memory" },
            region: "eu-west-1",
            endpoint: None,
            credentials: Some("the instance's role (IMDS)"),
            signed_at: NOW,
        }
    }

    fn head(status: u16) -> Head {
        Head { status, from_service: true, date: Some(NOW), retry_after: None }
    }

    fn answer(head: Head, code: &str, message: &str) -> Outcome {
        let code = (!code.is_empty()).then(|| code.to_owned());
        let heard = Heard::Answer { head, code, message: Some(message.to_owned()) };
        outcome(&heard, &circumstances())
    }

    fn check(status: u16, from_service: bool, code: &str, expected: &str) {
        let found = answer(Head { from_service, ..head(status) }, code, "");
        let found = match found {
            Outcome::Accepted => "accepted".to_owned(),
            Outcome::Rejected { .. } => "rejected".to_owned(),
            Outcome::Retry { cause, ambiguous, .. } => {
                format!("{cause}{}", if ambiguous { ", ambiguous" } else { "" })
            }
        };
        assert_eq!(found, expected, "{status} {code:?}, from the service: {from_service}");
    }

    fn reason_of(outcome: Outcome) -> String {
        match outcome {
            Outcome::Accepted => "accepted".to_owned(),
            Outcome::Retry { reason, .. } | Outcome::Rejected { reason } => reason,
        }
    }

    #[test]
    fn answers_are_classified() {
        for (status, codes, expected) in TABLE {
            for code in codes.split(' ') {
                check(*status, true, if code == "-" { "" } else { code }, expected);
            }
        }
    }

    /// Status, codes (- is none), outcome.
    const TABLE: &[(u16, &str, &str)] = &[
        (200, "-", "accepted"),
        (400, "Throttling ThrottlingException ThrottledException SlowDown", "throttled"),
        (400, "RequestThrottled RequestThrottledException TooManyRequestsException", "throttled"),
        (400, "RequestLimitExceeded BandwidthLimitExceeded PriorRequestNotComplete", "throttled"),
        (400, "LimitExceeded LimitExceededException", "throttled"),
        (429, "- Anything", "throttled"),
        (503, "Throttling", "throttled"),
        (500, "- InternalServiceFault InternalServiceError", "service, ambiguous"),
        (503, "- ServiceUnavailable", "service"),
        (504, "-", "service, ambiguous"),
        (403, "ExpiredToken ExpiredTokenException InvalidClientTokenId", "credentials"),
        (403, "UnrecognizedClientException SignatureDoesNotMatch", "credentials"),
        (403, "MissingAuthenticationToken MissingAuthenticationTokenException", "credentials"),
        (400, "IncompleteSignature ExpiredTokenException", "credentials"),
        (403, "InvalidSignatureException", "credentials"),
        (403, "- AccessDenied AccessDeniedException Unheard", "access denied"),
        (400, "AccessDeniedException NotAuthorized OptInRequired", "access denied"),
        (401, "-", "access denied"),
        (400, "RequestExpired", "clock"),
        (403, "RequestTimeTooSkewed", "clock"),
        (400, "InvalidParameterValue InvalidParameterCombination InvalidFormat", "rejected"),
        (400, "MissingRequiredParameter MissingParameter ValidationError", "rejected"),
        (400, "SerializationException Unheard", "rejected"),
        (413, "- RequestEntityTooLarge", "rejected"),
        (404, "UnknownOperationException", "foreign answer"),
        (415, "UnsupportedMediaTypeException", "foreign answer"),
        (400, "-", "foreign answer"),
        (302, "-", "foreign answer"),
    ];

    #[test]
    fn answers_of_others_are_not_believed() {
        for status in [200, 204, 301, 400, 401, 403, 404, 407, 451] {
            check(status, false, "", "foreign answer");
        }
        check(502, false, "", "service, ambiguous");
        check(503, false, "", "service");
        check(413, false, "", "rejected");
    }

    #[test]
    fn a_skewed_clock_is_told_from_a_wrong_key() {
        let cause = |code, message, date| {
            let answer = answer(Head { date, ..head(403) }, code, message);
            let Outcome::Retry { cause, reason, .. } = answer else { panic!("{answer:?}") };
            (cause, reason)
        };
        let later = Some(Timestamp(NOW.0 + 600_000));
        let (found, reason) = cause("InvalidSignatureException", "", later);
        assert_eq!(found, RetryCause::Clock);
        assert!(reason.contains("600 s behind"), "{reason}");
        let message = "Signature not yet current: 20261123T142100Z is still later than ...";
        assert_eq!(cause("InvalidSignatureException", message, None).0, RetryCause::Clock);
        assert_eq!(cause("InvalidSignatureException", "", None).0, RetryCause::Credentials);
        assert_eq!(cause("SignatureDoesNotMatch", "", Some(NOW)).0, RetryCause::Credentials);
        assert_eq!(cause("ExpiredToken", "", later).0, RetryCause::Credentials);
        let earlier = Some(Timestamp(NOW.0 - 90_000));
        let (_, reason) = cause("RequestExpired", "", earlier);
        assert!(reason.contains("90 s ahead"), "{reason}");
    }

    #[test]
    fn a_refusal_names_the_missing_statement() {
        let message = "User: arn:aws:sts::123456789012:assumed-role/db/i-0 is not authorized to \
                       perform: cloudwatch:PutMetricData because no identity-based policy allows \
                       the cloudwatch:PutMetricData action";
        let reason = reason_of(answer(head(403), "AccessDenied", message));
        let statement = r#"{"Effect":"Allow","Action":"cloudwatch:PutMetricData","Resource":"*","Condition":{"StringEquals":{"cloudwatch:namespace":"EC2/Memory"}}}"#;
        assert!(reason.contains(statement) && reason.contains(message), "{reason}");
        assert_eq!(crate::cloudwatch::statement("EC2/Memory"), statement);
        let message = "... with an explicit deny in a service control policy";
        let reason = reason_of(answer(head(403), "AccessDenied", message));
        assert!(reason.contains("Allow won't help") && !reason.contains("lacks"), "{reason}");
    }

    #[test]
    fn waits_are_passed_on() {
        let after = Some(Duration::from_millis(1_500));
        let found = answer(Head { retry_after: after, ..head(400) }, "Throttling", "Rate exceeded");
        let reason = "Throttling (400): Rate exceeded".to_owned();
        let cause = RetryCause::Throttled;
        assert_eq!(found, Outcome::Retry { cause, after, reason, ambiguous: false });
    }

    #[test]
    fn silence_is_ambiguous_once_a_request_may_be_out() {
        let check = |transport, expected| {
            let heard = Heard::Silence { transport, text: "tcp connect error".to_owned() };
            let found = outcome(&heard, &circumstances());
            let Outcome::Retry { cause: RetryCause::Network, ambiguous, .. } = found else {
                panic!("{found:?}")
            };
            assert_eq!(ambiguous, expected);
        };
        check(Transport::NotConnected, false);
        check(Transport::Lost, true);
        check(Transport::TimedOut, true);
    }

    #[test]
    fn missing_credentials_name_their_sources() {
        let text = "the environment (AWS_ACCESS_KEY_ID): environment variable not set".to_owned();
        let heard = Heard::NoCredentials { missing: true, text: text.clone() };
        let Outcome::Retry { cause, reason, .. } = outcome(&heard, &circumstances()) else {
            panic!("they can come")
        };
        assert_eq!(cause, RetryCause::Credentials);
        assert!(reason.contains(&text), "{reason}");
        let heard = Heard::NoCredentials { missing: false, text: "time-out".to_owned() };
        let reason = reason_of(outcome(&heard, &circumstances()));
        assert_eq!(reason, "no credentials from the instance's role (IMDS): time-out");
    }

    #[test]
    fn reasons_are_one_bounded_line_without_secrets() {
        let token = "x-amz-security-token:IQoJb3JpZ2luX2VjE";
        for code in ["SignatureDoesNotMatch", "IncompleteSignature", "InvalidSignatureException"] {
            assert!(!reason_of(answer(head(403), code, token)).contains("IQo"));
        }
        assert_eq!(
            reason("a\n  b\tproxy http://user:pa@ss@host:3128/x/@y: refused\u{7}"),
            "a b proxy http://host:3128/x/@y: refused"
        );
        let long = reason(&"ä".repeat(1_000));
        assert!(long.len() <= MAX_REASON && long.ends_with(ELLIPSIS));
        let namespace = "n".repeat(255);
        let heard = Heard::Answer {
            head: head(403),
            code: Some("AccessDenied".to_owned()),
            message: Some("m".repeat(2_000)),
        };
        let action = Action::PutMetricData { namespace: &namespace };
        let circumstances = Circumstances { action, ..circumstances() };
        let reason = reason_of(outcome(&heard, &circumstances));
        assert!(reason.contains(&statement(&namespace)) && reason.len() <= MAX_REASON, "{reason}");
    }
}
