//! Every answer the service may give, and pages that aren't its own.

use crate::support::cloudwatch::{Behaviour, Clock, Double, Fault, Series};
use crate::{Agent, now, reason, word};
use cwmem::sink::Outcome;
use std::time::{Duration, UNIX_EPOCH};

#[test]
fn a_batch_arrives_as_it_is() {
    let double = Double::start();
    let mut agent = Agent::new(&double.url());
    let answer = agent.put();
    assert_eq!(answer.outcome, Outcome::Accepted);
    let service_time = answer.service_time.expect("the double has a clock");
    assert!(service_time.millis_since(now()).abs() < 5_000);
    assert_eq!(agent.outcome(), Outcome::Accepted);

    let seen = double.seen();
    assert_eq!((seen.accepted.len(), seen.refused.len(), seen.connections), (2, 0, 1));
    let request = &seen.accepted[0];
    assert_eq!(
        (request.region.as_str(), request.access_key_id.as_str()),
        ("eu-west-1", "AKIDTEST")
    );
    let version = concat!("lib/cwmem/", env!("CARGO_PKG_VERSION"));
    assert!(request.user_agent.contains(version), "{}", request.user_agent);
    assert_eq!(request.bytes, crate::batch().body_bytes());

    let series = Series::new("EC2/Memory", "MemoryUsedPercent").dimension("InstanceId", "i-0abc");
    let hour = Duration::from_secs(3_600);
    let statistics = seen.statistics(&series, UNIX_EPOCH + hour, 1_000_000 * hour).unwrap();
    assert_eq!((statistics.minimum, statistics.maximum), (15.9, 16.0));
    assert_eq!(statistics.sample_count, 1_200.0);
}

#[test]
fn every_fault_has_its_outcome() {
    let double = Double::start();
    let mut agent = Agent::new(&double.url());
    let table = [
        (Fault::throttled("Throttling"), "throttled"),
        (Fault::throttled("ThrottlingException"), "throttled"),
        (Fault::throttled("TooManyRequestsException").status(429), "throttled"),
        (Fault::limit_exceeded(), "throttled"),
        (Fault::internal(), "service, ambiguous"),
        (Fault::unavailable(), "service"),
        (Fault::expired_token(), "credentials"),
        (Fault::invalid_client_token_id(), "credentials"),
        (Fault::signature_does_not_match(), "credentials"),
        (Fault::missing_authentication(), "credentials"),
        (Fault::incomplete_signature("no"), "credentials"),
        (Fault::access_denied(), "access denied"),
        (Fault::request_expired(), "clock"),
        (Fault::request_time_too_skewed(), "clock"),
        (Fault::invalid_value("no"), "rejected"),
        (Fault::invalid_combination("no"), "rejected"),
        (Fault::missing("no"), "rejected"),
        (Fault::validation("no"), "rejected"),
        (Fault::serialization("no"), "rejected"),
        (Fault::too_large(2, 1), "rejected"),
    ];
    for (fault, expected) in table {
        double.next(fault.clone());
        let outcome = agent.outcome();
        assert_eq!(word(&outcome), expected, "{fault:?}: {outcome:?}");
        assert!(reason(&outcome).starts_with(&fault.code), "{outcome:?}");
    }
    assert_eq!(agent.outcome(), Outcome::Accepted);
}

#[test]
fn a_refusal_says_what_the_policy_lacks() {
    let double = Double::start();
    double.next(Fault::access_denied());
    let outcome = Agent::new(&double.url()).outcome();
    let statement = r#"{"Effect":"Allow","Action":"cloudwatch:PutMetricData","Resource":"*","Condition":{"StringEquals":{"cloudwatch:namespace":"EC2/Memory"}}}"#;
    assert!(reason(&outcome).contains(statement), "{outcome:?}");
    assert!(reason(&outcome).contains("assumed-role/database/i-0123456789abcdef0"), "{outcome:?}");
}

#[test]
fn the_service_s_wish_to_wait_is_heard() {
    let double = Double::start();
    let mut agent = Agent::new(&double.url());
    let mut check = |fault: Fault, expected: Duration| {
        double.next(fault);
        let Outcome::Retry { after, .. } = agent.outcome() else {
            panic!("the double didn't fail")
        };
        assert_eq!(after, Some(expected));
    };
    let (short, long) = (Duration::from_millis(1_500), Duration::from_secs(7));
    check(Fault::throttled("Throttling").amz_retry_after(short), short);
    check(Fault::unavailable().retry_after(long), long);
    check(Fault::unavailable().retry_after(long).amz_retry_after(short), short);
}

#[test]
fn pages_of_others_are_not_believed() {
    let double = Double::start();
    let mut agent = Agent::new(&double.url());
    let page = |status| Behaviour::html(status, "<html><body>no</body></html>");
    let table = [
        (Behaviour::captive_proxy(), "foreign answer"),
        (page(302), "foreign answer"),
        (page(403), "foreign answer"),
        (page(404), "foreign answer"),
        (page(407), "foreign answer"),
        (page(502), "service, ambiguous"),
    ];
    for (behaviour, expected) in table {
        double.next(behaviour.clone());
        let answer = agent.put();
        assert_eq!(word(&answer.outcome), expected, "{behaviour:?}: {answer:?}");
        assert_eq!(answer.service_time, None, "{behaviour:?}");
    }
    assert_eq!(agent.outcome(), Outcome::Accepted);
}

#[test]
fn a_skewed_clock_is_corrected_on_the_next_put() {
    for offset in [3_600, -86_400] {
        let double = Double::builder().clock(Clock::offset(offset)).check_skew(true).start();
        let double = double.unwrap();
        let mut agent = Agent::new(&double.url());
        let answer = agent.put();
        assert_eq!(word(&answer.outcome), "clock", "{answer:?}");
        let off = answer.service_time.unwrap().millis_since(now()) - offset * 1_000;
        assert!(off.abs() < 5_000, "{answer:?}");
        let signed = |agent: &mut Agent| word(&agent.outcome());
        // Signed in time; the datum itself is too far ahead, or not, for the service to say.
        assert_ne!(signed(&mut agent), "clock");
        // Once the clocks agree again, the correction goes.
        double.set_clock(Clock::system());
        assert_eq!(signed(&mut agent), "clock");
        assert_eq!(signed(&mut agent), "accepted");
    }
}
