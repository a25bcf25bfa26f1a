//! Where credentials come from, and what is said where they don't.

use crate::support::cloudwatch::{Double, Fault};
use crate::support::proxy::Proxy;
use crate::{Agent, alone, now, options, reason, settings, word};
use cwmem::cloudwatch::{Environment, Metadata, Options};
use cwmem::config;
use cwmem::sink::Outcome;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// An instance's metadata service with a role; its key has a new number each time it is asked for.
/// Returns its URL and how often it was asked for anything.
fn metadata_service() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    thread::spawn(move || {
        let mut number = 0;
        for mut stream in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::SeqCst);
            let mut lines =
                BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let request = lines.next().unwrap_or_default();
            lines.find(String::is_empty);
            let body = match request.split(' ').nth(1) {
                Some("/latest/api/token") => "TOKEN".to_owned(),
                Some("/latest/meta-data/iam/security-credentials/") => "role".to_owned(),
                Some("/latest/meta-data/iam/security-credentials/role") => {
                    number += 1;
                    format!(
                        r#"{{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"ASIA{number}",
                        "SecretAccessKey":"s3cr3t","Token":"t0k3n",
                        "Expiration":"2099-01-01T00:00:00Z","LastUpdated":"2026-01-01T00:00:00Z"}}"#
                    )
                }
                _ => String::new(),
            };
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\
                 content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
        }
    });
    (url, asked)
}

fn sources(metadata: Metadata) -> Options {
    Options { metadata, credentials: None, ..options() }
}

#[test]
fn the_instance_s_role_is_asked_past_the_proxy_and_again_after_a_refusal() {
    let test = "credentials::the_instance_s_role_is_asked_past_the_proxy_and_again_after_a_refusal";
    if !alone(test, &[]) {
        return;
    }
    let (double, proxy, (metadata, asked)) = (Double::start(), Proxy::start(), metadata_service());
    let settings = config::CloudWatch { proxy: Some(proxy.url()), ..settings(&double.url()) };
    let mut agent = Agent::with(settings, sources(Metadata::At(metadata)));
    assert_eq!(agent.outcome(), Outcome::Accepted);
    assert_eq!(agent.outcome(), Outcome::Accepted);
    // Token, role, credentials; then they are kept.
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    double.next(Fault::expired_token());
    let outcome = agent.outcome();
    assert_eq!(word(&outcome), "credentials", "{outcome:?}");
    let reason = reason(&outcome);
    assert!(reason.contains("the instance's role (IMDS)") && !reason.contains("t0k3n"), "{reason}");
    assert_eq!(agent.outcome(), Outcome::Accepted);
    let keys: Vec<String> =
        double.seen().accepted.iter().map(|request| request.access_key_id.clone()).collect();
    assert_eq!(keys, ["ASIA1", "ASIA1", "ASIA2"]);
    assert!(proxy.seen().iter().all(|asked| asked.target == double.address().to_string()));
}

#[test]
fn no_source_has_any() {
    if !alone("credentials::no_source_has_any", &[]) {
        return;
    }
    let double = Double::start();
    let outcome = Agent::with(settings(&double.url()), sources(Metadata::Off)).outcome();
    assert_eq!(word(&outcome), "credentials", "{outcome:?}");
    assert!(reason(&outcome).contains("AWS_ACCESS_KEY_ID"), "{outcome:?}");
    assert_eq!(double.seen().requests, 0);
}

#[test]
fn a_mute_metadata_service_is_given_up() {
    if !alone("credentials::a_mute_metadata_service_is_given_up", &[]) {
        return;
    }
    let (double, mute) = (Double::start(), TcpListener::bind("127.0.0.1:0").unwrap());
    let metadata = Metadata::At(format!("http://{}", mute.local_addr().unwrap()));
    let mut options = sources(metadata);
    options.timeouts.credentials = Duration::from_millis(300);
    let started = now();
    let outcome = Agent::with(settings(&double.url()), options).outcome();
    assert!(now().millis_since(started) < 3_000, "{outcome:?}");
    assert_eq!(word(&outcome), "credentials", "{outcome:?}");
    assert!(reason(&outcome).contains("the instance's role (IMDS)"), "{outcome:?}");
}

#[test]
fn the_environment_s_and_the_profile_s_are_used() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials");
    let profile = "[other]\naws_access_key_id = PROFILE\naws_secret_access_key = s3cr3t\n";
    std::fs::write(&file, profile).unwrap();
    let variables = [
        ("AWS_ACCESS_KEY_ID", "ENVIRONMENT"),
        ("AWS_SECRET_ACCESS_KEY", "s3cr3t"),
        ("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap()),
    ];
    if !alone("credentials::the_environment_s_and_the_profile_s_are_used", &variables) {
        return;
    }
    let double = Double::start();
    let settings = settings(&double.url());
    let named = config::CloudWatch { profile: Some("other".to_owned()), ..settings.clone() };
    let missing = config::CloudWatch { profile: Some("missing".to_owned()), ..settings.clone() };
    assert_eq!(Agent::with(settings, sources(Metadata::Off)).outcome(), Outcome::Accepted);
    assert_eq!(Agent::with(named, sources(Metadata::Off)).outcome(), Outcome::Accepted);
    let keys: Vec<String> =
        double.seen().accepted.iter().map(|request| request.access_key_id.clone()).collect();
    assert_eq!(keys, ["ENVIRONMENT", "PROFILE"]);
    let outcome = Agent::with(missing, sources(Metadata::Off)).outcome();
    assert_eq!(word(&outcome), "credentials", "{outcome:?}");
    assert!(reason(&outcome).contains("missing"), "{outcome:?}");
}

#[test]
fn a_role_is_assumed_through_the_proxy() {
    if !alone("credentials::a_role_is_assumed_through_the_proxy", &[]) {
        return;
    }
    let (double, proxy) = (Double::start(), Proxy::start());
    let role = "arn:aws:iam::123456789012:role/publisher";
    let settings =
        config::CloudWatch { assume_role: Some(role.to_owned()), ..settings(&double.url()) };
    let environment = Environment { https_proxy: Some(proxy.url()), ..Default::default() };
    let outcome = Agent::with(settings, Options { environment, ..options() }).outcome();
    assert_eq!(word(&outcome), "credentials", "{outcome:?}");
    assert!(reason(&outcome).contains(role), "{outcome:?}");
    let targets: Vec<String> = proxy.seen().into_iter().map(|asked| asked.target).collect();
    assert_eq!(targets, ["sts.eu-west-1.amazonaws.com:443"]);
    assert_eq!(double.seen().requests, 0);
}
