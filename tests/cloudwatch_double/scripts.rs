//! Every failure the double can play, as the SDK sees it.

use super::*;

/// Each scripted behaviour: what the SDK makes of it, and how much is stored nevertheless.
#[test]
fn plays_what_is_scripted() {
    let denied = "403 AccessDenied: User: arn:aws:sts::123456789012:assumed-role/database/\
                  i-0123456789abcdef0 is not authorized to perform: cloudwatch:PutMetricData \
                  because no identity-based policy allows the cloudwatch:PutMetricData action";
    let after = Duration::from_millis(1_500);
    let cases: [(Behaviour, &str, usize); 21] = [
        (Behaviour::Serve, "accepted", 1),
        (Behaviour::Slow(Duration::from_millis(50)), "accepted", 1),
        (Fault::throttled("Throttling").into(), "400 Throttling: Rate exceeded", 0),
        (
            Fault::throttled("ThrottlingException").status(429).amz_retry_after(after).into(),
            "429 ThrottlingException: Rate exceeded, x-amz-retry-after 1500",
            0,
        ),
        (
            Fault::throttled("RequestLimitExceeded").retry_after(MINUTE).into(),
            "400 RequestLimitExceeded: Rate exceeded, retry-after 60",
            0,
        ),
        (
            Fault::internal().into(),
            "500 InternalServiceError: Request processing has failed due to some unknown error, \
             exception, or failure.",
            0,
        ),
        (Fault::unavailable().into(), "503 ServiceUnavailable: Service is unavailable.", 0),
        (Behaviour::html(503, "<html>503</html>"), "503 unreadable", 0),
        (Behaviour::Hang, "timed out", 0),
        (Behaviour::HangAfterStoring, "timed out", 1),
        (Behaviour::Cut, "not sent", 0),
        (Behaviour::CutAfterStoring, "not sent", 1),
        // The SDK believes a captive proxy: it is for the agent to look for the protocol's header.
        (Behaviour::captive_proxy(), "accepted", 0),
        (Fault::expired_token().into(), "403 ExpiredToken", 0),
        (Fault::invalid_client_token_id().into(), "403 InvalidClientTokenId", 0),
        (Fault::access_denied().into(), denied, 0),
        (Fault::request_expired().into(), "400 RequestExpired", 0),
        (Fault::request_time_too_skewed().into(), "403 RequestTimeTooSkewed", 0),
        (Fault::signature_does_not_match().into(), "403 SignatureDoesNotMatch", 0),
        (Fault::limit_exceeded().into(), "400 LimitExceeded", 0),
        (
            Fault::too_large(1_048_577, 1_048_576).into(),
            "413 RequestEntityTooLarge: Request size 1048577 exceeded 1048576 bytes",
            0,
        ),
    ];
    for (behaviour, expected, stored) in cases {
        check(&behaviour, expected, stored);
    }
}

#[test]
fn the_queue_comes_before_the_standing_behaviour() {
    let double = fixed();
    double.always(Fault::internal());
    double.for_time(TEN_SECONDS, Fault::unavailable());
    double.next_times(2, Fault::throttled("Throttling"));
    double.next(Behaviour::Serve);
    let outcomes: Vec<_> = (0..4).map(|_| put(&double, vec![datum("M").build()])).collect();
    let starts: Vec<_> = outcomes.iter().map(|it| it.split(' ').next().unwrap()).collect();
    assert_eq!(starts, ["400", "400", "accepted", "503"]);

    double.for_time(Duration::ZERO, Fault::unavailable());
    assert!(put(&double, vec![datum("M").build()]).starts_with("500"));
    double.heal();
    assert_eq!(put(&double, vec![datum("M").build()]), "accepted");
}

#[test]
fn poison_refuses_the_request_that_holds_it() {
    let double = fixed();
    double.poison(Poison::metric("Bad"));
    double.poison(Poison::dimension_value("i-bad"));
    let bad = "400 InvalidParameterValue: The value Bad for parameter MetricData.member.2.";
    let outcome = put(&double, vec![datum("M").build(), datum("Bad").build()]);
    assert!(outcome.starts_with(bad), "{outcome}");
    let outcome = put(&double, vec![datum("M").dimensions(dimension("I", "i-bad")).build()]);
    assert!(outcome.contains("The value i-bad for parameter MetricData.member.1."), "{outcome}");
    assert_eq!(put(&double, vec![datum("M").build()]), "accepted");
    assert_eq!(double.seen().datums().count(), 1);
}

#[test]
fn a_skewed_clock_breaks_signatures() {
    for (offset, expected) in [
        (600, "403 InvalidSignatureException: Signature expired: "),
        (-600, "403 InvalidSignatureException: Signature not yet current: "),
        (200, "accepted"),
    ] {
        let double = Double::builder().clock(Clock::offset(offset)).check_skew(true).start();
        let outcome = put(&double.unwrap(), vec![datum("M").build()]);
        assert!(outcome.starts_with(expected), "{offset}: {outcome}");
    }
}

#[test]
fn the_sdk_corrects_its_clock_by_ours() {
    let double = Double::builder().clock(Clock::offset(-3_600)).check_skew(true).start().unwrap();
    let retry = RetryConfig::standard().with_max_attempts(2);
    let config = config(&plain(), &double.url()).retry_config(retry).build();
    assert_eq!(send(config, "EC2/Memory", vec![datum("M").build()]), "accepted");
    assert_eq!((double.seen().requests, double.seen().refused.len()), (2, 1));
}

fn check(behaviour: &Behaviour, expected: &str, stored: usize) {
    let double = fixed();
    double.next(behaviour.clone());
    let patience = if expected == "timed out" { Duration::from_millis(300) } else { TEN_SECONDS };
    let patience = TimeoutConfig::builder().operation_timeout(patience).build();
    let config = config(&plain(), &double.url()).timeout_config(patience).build();
    let outcome = send(config, "EC2/Memory", vec![datum("M").build()]);
    assert!(outcome.starts_with(expected), "{behaviour:?}: {outcome}");
    let seen = double.seen();
    let kept = (seen.accepted.len(), seen.refused.len(), seen.requests);
    assert_eq!(kept, (stored, 1 - stored, 1), "{behaviour:?}");
    let withheld = seen.accepted.first().is_some_and(|request| request.answer_withheld);
    assert_eq!(withheld, stored == 1 && outcome != "accepted", "{behaviour:?}");
    // What was turned away can be told too.
    let told = seen.refused.first().map(|it| it.request.as_ref().unwrap().datums.len());
    assert!(told.is_none_or(|datums| datums == 1), "{behaviour:?}");
}
