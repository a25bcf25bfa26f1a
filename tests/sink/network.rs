//! Ways to the service, and ways in which it can't be reached.

use crate::support::cloudwatch::{Behaviour, Double};
use crate::support::proxy::Proxy;
use crate::{ALONE, Agent, alone, now, options, reason, settings, word};
use cwmem::clock::Clock;
use cwmem::cloudwatch::{Environment, Options};
use cwmem::config;
use cwmem::environment::variable;
use cwmem::sink::Outcome;
use std::fs;
use std::time::Duration;

#[test]
fn silence_is_told_apart() {
    let mut double = Double::start();
    let mut agent = Agent::new(&double.url());
    let table = [
        (Behaviour::Hang, "network, ambiguous"),
        (Behaviour::HangAfterStoring, "network, ambiguous"),
        (Behaviour::Cut, "network, ambiguous"),
        (Behaviour::CutAfterStoring, "network, ambiguous"),
        (Behaviour::Slow(Duration::from_millis(50)), "accepted"),
    ];
    for (behaviour, expected) in table {
        double.next(behaviour.clone());
        let outcome = agent.outcome();
        assert_eq!(word(&outcome), expected, "{behaviour:?}: {outcome:?}");
    }
    double.stop();
    // As in the agent, where something always runs: the closed connection is noticed.
    agent.runtime.block_on(Clock::System.sleep(Duration::from_millis(100)));
    let outcome = agent.outcome();
    assert_eq!(word(&outcome), "network", "{outcome:?}");
    assert!(
        reason(&outcome).starts_with(&format!("no connection to CloudWatch at {}", double.url())),
        "{outcome:?}"
    );
    double.start_again();
    assert_eq!(agent.outcome(), Outcome::Accepted);
}

#[test]
fn a_name_that_nobody_knows_sends_nothing() {
    let outcome = Agent::new("http://cloudwatch.invalid").outcome();
    assert_eq!(word(&outcome), "network", "{outcome:?}");
}

#[test]
fn a_handshake_that_never_ends_is_given_up() {
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", mute.local_addr().unwrap());
    let mut options = options();
    options.timeouts.connect = Duration::from_millis(200);
    let started = now();
    let outcome = Agent::with(settings(&url), options).outcome();
    assert_eq!(word(&outcome), "network", "{outcome:?}");
    assert!(now().millis_since(started) < 5_000);
}

#[test]
fn tls_trusts_the_bundle_and_nobody_else() {
    let double = Double::builder().tls(true).start().unwrap();
    let outcome = Agent::new(&double.url()).outcome();
    assert_eq!(word(&outcome), "network", "{outcome:?}");
    assert!(reason(&outcome).contains("[cloudwatch] ca_bundle"), "{outcome:?}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authority.pem");
    let bundled = config::CloudWatch { ca_bundle: Some(path.clone()), ..settings(&double.url()) };
    let mut agent = Agent::with(bundled, options());
    let outcome = agent.outcome();
    assert_eq!(word(&outcome), "setup", "{outcome:?}");
    assert!(reason(&outcome).contains("authority.pem"), "{outcome:?}");
    // The file may come later.
    fs::write(&path, double.ca_pem()).unwrap();
    assert_eq!(agent.outcome(), Outcome::Accepted);
    assert_eq!(agent.outcome(), Outcome::Accepted);
    assert_eq!(double.seen().accepted.len(), 2);

    let environment =
        Environment { ca_bundle: Some(path.to_str().unwrap().to_owned()), ..Default::default() };
    let options = Options { environment, ..options() };
    assert_eq!(Agent::with(settings(&double.url()), options).outcome(), Outcome::Accepted);
}

/// Plain or TLS, by the configured proxy; returns what the proxy saw.
fn through(tls: bool, proxy: &Proxy, url: String) -> (Outcome, Vec<(String, bool)>) {
    let double = Double::builder().tls(tls).start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authority.pem");
    let mut settings = config::CloudWatch { proxy: Some(url), ..settings(&double.url()) };
    if tls {
        fs::write(&path, double.ca_pem()).unwrap();
        settings.ca_bundle = Some(path);
    }
    let outcome = Agent::with(settings, options()).outcome();
    let accepted = usize::from(outcome == Outcome::Accepted);
    assert_eq!(double.seen().accepted.len(), accepted);
    let seen = proxy.seen().into_iter();
    let target = double.address().to_string();
    assert!(seen.clone().all(|asked| asked.target == target));
    (outcome, seen.map(|asked| (asked.method, asked.admitted)).collect())
}

#[test]
fn requests_go_through_the_proxy() {
    for (tls, method) in [(false, "POST"), (true, "CONNECT")] {
        let proxy = Proxy::start();
        let (outcome, seen) = through(tls, &proxy, proxy.url());
        assert_eq!(outcome, Outcome::Accepted);
        assert_eq!(seen, [(method.to_owned(), true)]);
    }
}

#[test]
fn the_proxy_s_password_is_given_and_never_told() {
    // user:p@ss, the @ as a URL writes it.
    let (basic, user) = ("dXNlcjpwQHNz", "user:p%40ss");
    for (tls, method) in [(false, "POST"), (true, "CONNECT")] {
        let proxy = Proxy::with_password(Some(basic));
        let (outcome, seen) = through(tls, &proxy, proxy.url_for(user));
        assert_eq!(outcome, Outcome::Accepted);
        assert_eq!(seen, [(method.to_owned(), true)]);

        let proxy = Proxy::with_password(Some(basic));
        let (outcome, seen) = through(tls, &proxy, proxy.url_for("user:wr0ng"));
        assert_eq!(seen, [(method.to_owned(), false)]);
        assert_eq!(word(&outcome), if tls { "network" } else { "foreign answer" });
        let reason = reason(&outcome);
        assert!(reason.contains("[cloudwatch] proxy") && !reason.contains("wr0ng"), "{reason}");
    }
}

#[test]
fn a_proxy_that_is_down_is_the_network_s_fault() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://user:s3cr3t@{port}");
    let settings = config::CloudWatch { proxy: Some(url), ..settings("http://127.0.0.1:1") };
    let outcome = Agent::with(settings, options()).outcome();
    assert_eq!(word(&outcome), "network", "{outcome:?}");
    assert!(!reason(&outcome).contains("s3cr3t"), "{outcome:?}");
}

#[test]
fn the_environment_s_proxies_are_each_for_their_scheme() {
    let (double, http, https) = (Double::start(), Proxy::start(), Proxy::start());
    let put = |environment| {
        let options = Options { environment, ..options() };
        let outcome = Agent::with(settings(&double.url()), options).outcome();
        assert_eq!(outcome, Outcome::Accepted);
    };
    let environment = Environment {
        http_proxy: Some(http.url().trim_start_matches("http://").to_owned()),
        https_proxy: Some(https.url()),
        ..Default::default()
    };
    put(environment.clone());
    assert_eq!((http.seen().len(), https.seen().len()), (1, 0));
    put(Environment { no_proxy: Some("10.0.0.0/8,127.0.0.1".to_owned()), ..environment });
    assert_eq!((http.seen().len(), https.seen().len()), (1, 0));
}

#[test]
fn the_region_may_come_late() {
    if !alone("network::the_region_may_come_late", &[]) {
        return;
    }
    let double = Double::start();
    let settings = config::CloudWatch { region: None, ..settings(&double.url()) };
    let mut agent = Agent::with(settings, options());
    let outcome = agent.outcome();
    assert_eq!(word(&outcome), "setup", "{outcome:?}");
    assert!(reason(&outcome).contains("AWS_REGION"), "{outcome:?}");
    agent.sink.set_region(Some("ap-south-1".to_owned()));
    assert_eq!(agent.outcome(), Outcome::Accepted);
    assert_eq!(double.seen().accepted[0].region, "ap-south-1");
}

#[test]
fn the_sdk_s_environment_counts() {
    let test = "network::the_sdk_s_environment_counts";
    if variable(ALONE).is_none() {
        let double = Double::start();
        let url = double.url();
        alone(test, &[("AWS_ENDPOINT_URL_CLOUDWATCH", &url), ("AWS_REGION", "sa-east-1")]);
        assert_eq!(double.seen().accepted[0].region, "sa-east-1");
        return;
    }
    let mut agent = Agent::with(config::CloudWatch::default(), options());
    agent.sink.set_region(Some("ap-south-1".to_owned()));
    assert_eq!(agent.outcome(), Outcome::Accepted);
}
