//! The log: what an operator sees, in which form, how often, and never a secret.

use crate::support::agent::{Agent, Setup, publishing};
use crate::support::cloudwatch::{Behaviour, Double, Fault};
use crate::support::proxy::Proxy;
use crate::{EACH_SECOND, PATIENCE, SECOND};
use std::time::SystemTime;

fn stop(mut agent: Agent) -> String {
    agent.signal("TERM");
    assert!(agent.wait(SECOND * 8).0.success(), "{}", agent.said());
    agent.wait_for_line("stopped", PATIENCE);
    agent.said()
}

#[test]
fn json_has_time_level_and_message() {
    let double = Double::start();
    double.next_times(2, Fault::internal());
    let config = format!("{EACH_SECOND}log.format = \"json\"\nlog.level = \"debug\"");
    let begun = SystemTime::now() - SECOND;
    let agent = Setup::publishing(&double.url(), &config).start();
    agent.wait_for_line("CloudWatch answers again", PATIENCE);
    let said = stop(agent);
    let mut levels = Vec::new();
    for line in said.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let time = line["time"].as_str().unwrap();
        assert!(time.ends_with('Z') && time.len() == "2026-11-23T14:21:00.123Z".len(), "{time}");
        let time = humantime::parse_rfc3339(time).unwrap();
        assert!(time > begun && time < SystemTime::now(), "{line}");
        assert!(line["message"].as_str().is_some_and(|message| !message.is_empty()), "{line}");
        levels.push(line["level"].as_str().unwrap().to_owned());
    }
    for level in ["debug", "info", "warn"] {
        assert!(levels.iter().any(|found| found == level), "no {level}: {said}");
    }
}

#[test]
fn the_journal_is_told_priorities_and_nothing_else_is() {
    let double = Double::start();
    double.next(Fault::internal());
    for (format, after) in [("text", 's'), ("json", '{')] {
        double.next(Fault::internal());
        let config = format!("{EACH_SECOND}log.format = {format:?}");
        let agent = Setup::publishing(&double.url(), &config).start_in_journal();
        agent.wait_for_line("CloudWatch answers again", PATIENCE);
        let said = stop(agent);
        for line in said.lines() {
            let priority = line.strip_prefix('<').and_then(|rest| rest.split_once('>')).unwrap();
            assert!(["3", "4", "6"].contains(&priority.0), "{line}");
            assert_eq!(priority.0 == "4", line.contains("takes nothing"), "{line}");
        }
        // No time of its own: the journal has one.
        let first = said.lines().next().unwrap();
        assert!(first.starts_with(&format!("<6>{after}")), "{first}");
    }
    // A shell within a service inherits the variable; its errors may go elsewhere.
    let setup = Setup::publishing(&double.url(), EACH_SECOND).variable("JOURNAL_STREAM", "8:12345");
    let agent = setup.start();
    agent.wait_for_line("sampling begins", PATIENCE);
    let said = stop(agent);
    assert!(said.lines().all(|line| line.starts_with("20")), "{said}");
}

/// A state that lasts is said once, however many requests fail.
#[test]
fn a_throttle_is_one_line() {
    let double = Double::start();
    let agent = Setup::publishing(&double.url(), EACH_SECOND).start();
    double.wait_for(PATIENCE, |seen| !seen.accepted.is_empty()).unwrap();
    double.always(Fault::throttled("ThrottlingException"));
    double.wait_for(PATIENCE * 2, |seen| seen.refused.len() >= 4).unwrap();
    double.heal();
    agent.wait_for_line("CloudWatch answers again", PATIENCE * 2);
    let said = stop(agent);
    assert_eq!(said.matches("CloudWatch takes nothing").count(), 1, "{said}");
    assert_eq!(said.matches("CloudWatch answers again").count(), 1, "{said}");
    let warned = said.lines().find(|line| line.contains("takes nothing")).unwrap();
    assert!(warned.contains("WARN") && warned.contains("cause=throttled"), "{warned}");
    assert!(warned.contains("ThrottlingException"), "{warned}");
    // Start, failure, recovery, stop: no line a request.
    assert!(said.lines().count() <= 8, "{said}");
}

#[test]
fn access_denied_says_the_statement_once() {
    let double = Double::start();
    double.always(Fault::access_denied());
    let agent = Setup::publishing(&double.url(), EACH_SECOND).start();
    double.wait_for(PATIENCE * 2, |seen| seen.refused.len() >= 3).unwrap();
    let line = agent.wait_for_line("access denied", PATIENCE);
    assert!(line.contains("cloudwatch:PutMetricData"), "{line}");
    double.heal();
    agent.wait_for_line("CloudWatch answers again", PATIENCE * 2);
    let said = stop(agent);
    assert_eq!(said.matches("cloudwatch:namespace").count(), 1, "{said}");
}

/// Whatever the service, the proxy or the configuration does, and however much is logged.
#[test]
fn no_secret_is_ever_printed() {
    let double = Double::start();
    let quoting = "The Canonical String should have been x-amz-security-token:token-example";
    let proxy = Proxy::with_password(Some("bm9ib2R5Om5vdGhpbmc="));
    let through = |url: &str| format!("{}cloudwatch.proxy = {url:?}\n", publishing(&double.url()));
    let wrong_proxy = through(&proxy.url_for("user:hunter2"));
    let dead_proxy = through("http://user:hunter2@127.0.0.1:9");
    let plain = publishing(&double.url());
    let refusal = |status, code| Behaviour::from(Fault::new(status, code, code, quoting));
    let (signature, service) = (["finding", "credentials"], ["unavailable", "CloudWatch"]);
    let table: &[(&str, Behaviour, [&str; 2])] = &[
        (&plain, refusal(403, "SignatureDoesNotMatch"), signature),
        (&plain, refusal(400, "IncompleteSignature"), signature),
        (&plain, Fault::expired_token().into(), signature),
        (&plain, Behaviour::Cut, service),
        (&wrong_proxy, Behaviour::Serve, ["finding", "CloudWatch"]),
        (&dead_proxy, Behaviour::Serve, service),
    ];
    for (config, behaviour, amiss) in table {
        double.heal();
        double.always(behaviour.clone());
        let config =
            format!("{config}{EACH_SECOND}publish.grace = \"200ms\"\nlog.level = \"debug\"");
        let secret = |setup: Setup| {
            let setup = setup.variable("AWS_SESSION_TOKEN", "token-example");
            setup.variable("RUST_LOG", "trace").variable("CWMEM_LOG", "debug")
        };
        let mut said = Vec::new();
        for arguments in [&["check"][..], &["once"], &["once", "--dry-run"], &["explain"]] {
            let output = secret(Setup::new(&config)).arguments(arguments).output();
            said.push(output.stdout + &output.stderr);
        }
        let is_amiss = |line: &str| line.split_whitespace().take(2).eq(amiss.iter().copied());
        assert!(said[0].lines().any(is_amiss), "{behaviour:?}: {said:?}");
        let agent = secret(Setup::new(&config)).start();
        agent.wait_for_line("CloudWatch takes nothing", PATIENCE);
        said.push(stop(agent));
        for said in said {
            for secret in ["secret-example", "token-example", "hunter2", "dXNlcjpodW50ZXIy"] {
                assert!(!said.contains(secret), "{behaviour:?} {config}: {said}");
            }
        }
    }
}
