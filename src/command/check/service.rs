//! What `cwmem check` finds of the way to CloudWatch: whether it answers, whose credentials sign, how
//! far the clocks are apart, and whether the policy allows publishing.
//!
//! It asks with requests that have no datum in them, so there is nothing that could be stored. The
//! service refuses them (MissingParameter, "The parameter MetricData is required.": reported in
//! awslabs/cloudwatch-fluent-metrics, issue 13). How it does tells much, but not everything: neither
//! PutMetricData's reference nor the list of common errors says whether rights are looked at before
//! content. So the same request goes out for a namespace that
//! the least policy doesn't allow. If that one is denied and ours isn't, rights are looked at first,
//! and ours are there. If neither is, nothing is known but that nothing was denied.

use crate::batch::Batch;
use crate::clock::Clock;
use crate::command::check::line::{Line, State, finding, line, note, ok};
use crate::command::outside::CloudWatchHere;
use crate::command::status;
use crate::config::{Config, redacted};
use crate::sink::{Answer, Outcome, RetryCause, Sink};
use crate::status::report::Report;
use std::collections::BTreeSet;

/// What a namespace's empty request came to.
enum Asked {
    /// It was refused for what it holds.
    NotDenied,
    Denied {
        reason: String,
    },
}

pub(super) async fn lines(config: &Config, sink: &mut CloudWatchHere, clock: &Clock) -> Vec<Line> {
    let namespaces: BTreeSet<&str> = std::iter::once(config.metrics.namespace.as_str())
        .chain(config.metrics.presets.iter().map(|preset| preset.namespace.as_str()))
        .collect();
    let mut lines = Vec::new();
    let mut asked = Vec::new();
    for namespace in namespaces {
        let answer = ask(sink, namespace).await;
        if asked.is_empty() {
            lines.extend(way(config, sink, &answer, clock));
        }
        match found(answer.outcome) {
            Some(found) => asked.push((namespace, found)),
            // What keeps one request from being answered keeps the others too.
            None => return lines,
        }
    }
    let any_passed = asked.iter().any(|(_, asked)| matches!(asked, Asked::NotDenied));
    let rights_first = any_passed && {
        let control = ask(sink, CONTROL).await;
        matches!(found(control.outcome), Some(Asked::Denied { .. }))
    };
    let agent = status::report(&config.state.runtime_directory);
    lines.extend(
        asked
            .into_iter()
            .map(|(namespace, asked)| permission(namespace, asked, rights_first, agent.as_ref())),
    );
    lines
}

async fn ask(sink: &mut CloudWatchHere, namespace: &str) -> Answer {
    sink.put(&Batch { namespace: namespace.into(), datums: Vec::new() }).await
}

fn found(outcome: Outcome) -> Option<Asked> {
    match outcome {
        Outcome::Accepted | Outcome::Rejected { .. } => Some(Asked::NotDenied),
        Outcome::Retry { cause: RetryCause::AccessDenied, reason, .. } => {
            Some(Asked::Denied { reason })
        }
        Outcome::Retry { .. } => None,
    }
}

/// Whether the service answers, who asked, and what its clock said.
fn way(config: &Config, sink: &CloudWatchHere, answer: &Answer, clock: &Clock) -> Vec<Line> {
    let used = sink.used();
    let region = used.region.as_deref().map(|region| format!(" in {region}")).unwrap_or_default();
    let endpoint = config.cloudwatch.endpoint_url.as_deref();
    let place = endpoint.map(|url| format!(", at {}", redacted(url))).unwrap_or_default();
    let answers = || ok("CloudWatch", format!("answers{region}{place}"));
    let from = used.credentials.clone().unwrap_or_else(|| "an unknown source".to_owned());
    let credentials = || ok("credentials", format!("from {from}, known to the service"));
    let Outcome::Retry { cause, reason, .. } = &answer.outcome else {
        return [answers(), credentials()].into_iter().chain(offset(answer, clock)).collect();
    };
    let what = format!("{cause}{region}{place}");
    match cause {
        RetryCause::AccessDenied => {
            [answers(), credentials()].into_iter().chain(offset(answer, clock)).collect()
        }
        // An answer with a time shows that the way there works.
        RetryCause::Credentials if answer.service_time.is_some() => {
            let mut lines = vec![answers(), finding("credentials", format!("from {from}"), reason)];
            lines.extend(offset(answer, clock));
            lines
        }
        RetryCause::Credentials => {
            vec![finding("credentials", "there are none that could be used", reason)]
        }
        RetryCause::Clock => {
            vec![answers(), finding("clock", "the service refuses its time", reason)]
        }
        RetryCause::Network | RetryCause::Service | RetryCause::Throttled => {
            vec![line("CloudWatch", State::Unavailable, what, reason)]
        }
        RetryCause::Foreign | RetryCause::Setup => vec![finding("CloudWatch", what, reason)],
    }
}

/// The header has no fractions of a second, and the answer was on its way: a second is nothing.
fn offset(answer: &Answer, clock: &Clock) -> Option<Line> {
    let ahead = clock.now().wall.millis_since(answer.service_time?) / 1_000;
    let evidence = match ahead {
        -1..=1 => "agrees with CloudWatch's Date".to_owned(),
        2.. => format!("{ahead} s ahead of CloudWatch's Date"),
        _ => format!("{} s behind CloudWatch's Date", -ahead),
    };
    Some(match ahead.abs() > MOST_OFF {
        true => finding(
            "clock",
            evidence,
            "points fall into wrong minutes: set this host's clock, and keep it by chrony or \
             systemd-timesyncd (on EC2 from 169.254.169.123)",
        ),
        false => ok("clock", evidence),
    })
}

fn permission(namespace: &str, asked: Asked, rights_first: bool, agent: Option<&Report>) -> Line {
    let check = "permission";
    if let Asked::Denied { reason } = asked {
        let evidence = format!("PutMetricData to {namespace} is denied");
        return finding(check, evidence, reason);
    }
    if rights_first {
        let evidence = format!(
            "PutMetricData to {namespace} is allowed: an empty request is refused for its content, \
             and denied for another namespace"
        );
        return ok(check, evidence);
    }
    let published = agent.filter(|agent| {
        let presets = agent.config.presets.iter().map(|preset| &preset.namespace);
        std::iter::once(&agent.config.namespace).chain(presets).any(|one| one == namespace)
    });
    let published = published.filter(|agent| agent.delivery.failing.is_none());
    match published.and_then(|agent| agent.delivery.last.as_ref()) {
        Some(last) => {
            let ago = crate::status::view::age(last.seconds_ago);
            ok(check, format!("the running agent published to {namespace} {ago} ago"))
        }
        None => note(
            check,
            format!(
                "whether PutMetricData to {namespace} is allowed isn't known: an empty request is \
                 refused for its content, and so it is for another namespace"
            ),
            "either the policy allows every namespace, or the service looks at content before \
             rights; `cwmem once` publishes one sample and says",
        ),
    }
}

/// No policy that names namespaces names this one; nothing is ever published to it.
const CONTROL: &str = "cwmem/check/not-to-be-allowed";
/// Further off than this, in seconds, and points fall into the wrong minutes.
const MOST_OFF: i64 = 30;
