//! Ways to CloudWatch that only the environment names.

use crate::support::agent::Setup;
use crate::support::cloudwatch::Double;
use crate::support::proxy::Proxy;
use crate::{EACH_SECOND, PATIENCE};
use std::fs;

#[test]
fn authority_and_proxy_come_from_the_environment() {
    let double = Double::builder().tls(true).start().unwrap();
    let proxy = Proxy::with_password(Some("dXNlcjpwYXNzd29yZA=="));
    let setup = Setup::publishing(&double.url(), EACH_SECOND);
    let ca = setup.folder().join("ca.pem");
    fs::write(&ca, double.ca_pem()).unwrap();
    let setup = setup
        .variable("AWS_CA_BUNDLE", ca.to_str().unwrap())
        .variable("HTTPS_PROXY", &proxy.url_for("user:password"));
    let agent = setup.start();
    let seen = double.wait_for(PATIENCE, |seen| !seen.accepted.is_empty()).unwrap();
    assert_eq!(seen.failed_handshakes, 0);
    let asked = proxy.seen();
    let target = double.address().to_string();
    assert!(!asked.is_empty());
    for asked in asked {
        assert!(asked.admitted && asked.method == "CONNECT" && asked.target == target, "{asked:?}");
    }
    assert!(!agent.said().contains("password"), "{}", agent.said());
}

#[test]
fn an_unknown_authority_is_said_and_exceptions_are_heeded() {
    let double = Double::builder().tls(true).start().unwrap();
    let proxy = Proxy::start();
    let setup = Setup::publishing(&double.url(), EACH_SECOND)
        .variable("HTTPS_PROXY", &proxy.url())
        .variable("NO_PROXY", "localhost,127.0.0.1");
    let agent = setup.start();
    let line = agent.wait_for_line("CloudWatch takes nothing", PATIENCE);
    assert!(line.contains("[cloudwatch] ca_bundle"), "{line}");
    double.wait_for(PATIENCE, |seen| seen.failed_handshakes > 0).unwrap();
    assert!(proxy.seen().is_empty(), "{:?}", proxy.seen());
}

/// One that isn't there: told by name, and tried again.
#[test]
fn a_missing_bundle_is_named() {
    let double = Double::builder().tls(true).start().unwrap();
    let setup = Setup::publishing(&double.url(), EACH_SECOND);
    let ca = setup.folder().join("later.pem");
    let agent = setup.variable("AWS_CA_BUNDLE", ca.to_str().unwrap()).start();
    let line = agent.wait_for_line("CloudWatch takes nothing", PATIENCE);
    assert!(line.contains("AWS_CA_BUNDLE") && line.contains("later.pem"), "{line}");
    fs::write(&ca, double.ca_pem()).unwrap();
    double.wait_for(PATIENCE * 2, |seen| !seen.accepted.is_empty()).unwrap();
    agent.wait_for_line("CloudWatch answers again", PATIENCE);
}
