//! What `cwmem check --alarms` finds of the account's alarms: those on what this host publishes, and
//! those that miss it by little.

use crate::alarms::near_miss::{Difference, Looked, Manner, Published, Verdict, judge};
use crate::cloudwatch::SeenAlarm;
use crate::cluster::summary;
use crate::command::check::line::{Line, State, finding, line, note, ok};
use crate::command::outside::CloudWatchHere;
use crate::config::Config;
use crate::dimension::{Dimension, DimensionName, DimensionSet};
use crate::identity::Identity;
use crate::identity::sets::{Resolution, resolve};
use crate::metric::NATIVE;
use crate::sink::{Outcome, RetryCause};
use crate::slow::Signal;
use crate::units::Unit;
use crate::window::Form;
use std::collections::BTreeSet;
use std::time::Duration;

pub(super) async fn lines(
    config: &Config,
    identity: &Identity,
    cloudwatch: &mut CloudWatchHere,
) -> Vec<Line> {
    let seen = match cloudwatch.alarms().await {
        Ok(seen) => seen,
        Err(outcome) => return vec![refused(outcome)],
    };
    let published = published(config, identity);
    let known = known(identity);
    let catalogue: Vec<&str> = NATIVE.iter().map(|metric| &*metric.name).collect();
    let manner = Manner {
        period: config.publish.period,
        every: config.publish.every,
        percentiles: config.metrics.statistics == Form::Values,
    };
    let (mut met, mut elsewhere) = (BTreeSet::new(), BTreeSet::new());
    let mut missed = Vec::new();
    for alarm in &seen {
        match judge(&looked(alarm), &published, &known, &catalogue, manner) {
            Verdict::Elsewhere => {
                elsewhere.insert(&alarm.name);
            }
            Verdict::Met(obstacles) => {
                met.insert(&alarm.name);
                missed.extend(obstacles.into_iter().map(|found| told(&alarm.name, found)));
            }
            Verdict::Missed(difference) => missed.push(told(&alarm.name, difference)),
        }
    }
    elsewhere.retain(|name| !met.contains(name));
    let others = format!("{} look elsewhere", elsewhere.len());
    let summary = match met.len() {
        0 => note(
            "alarms",
            format!("none looks at what this host publishes; {others}"),
            "without one nobody is told: `cwmem alarms` makes alarms to begin with",
        ),
        count => ok("alarms", format!("{count} on what this host publishes; {others}")),
    };
    [vec![summary], missed].concat()
}

fn told(alarm: &str, Difference { what, remedy, certain }: Difference) -> Line {
    let evidence = format!("{alarm:?}: {what}");
    match certain {
        true => finding("alarms", evidence, format!("{alarm:?}: {remedy}")),
        false => {
            let remedy = format!("{alarm:?}: unless another host publishes that, {remedy}");
            note("alarms", evidence, remedy)
        }
    }
}

fn refused(outcome: Outcome) -> Line {
    match outcome {
        Outcome::Retry { cause, reason, .. } => {
            let state = match cause {
                RetryCause::Network | RetryCause::Service | RetryCause::Throttled => {
                    State::Unavailable
                }
                _ => State::Finding,
            };
            line("alarms", state, format!("they can't be listed: {cause}"), reason)
        }
        Outcome::Rejected { reason } => finding("alarms", "they can't be listed", reason),
        Outcome::Accepted => {
            finding("alarms", "they can't be listed: the answer makes no sense", "")
        }
    }
}

fn looked(alarm: &SeenAlarm) -> Looked {
    let pair =
        |(name, value): &(String, String)| Dimension { name: name.clone(), value: value.clone() };
    Looked {
        namespace: alarm.namespace.clone(),
        metric: alarm.metric.clone(),
        dimensions: alarm.dimensions.iter().map(pair).collect(),
        unit: alarm.unit.clone(),
        statistic: alarm.statistic.clone(),
        period: Duration::from_secs(alarm.period.into()),
        datapoints_to_alarm: alarm.datapoints_to_alarm,
        breaching: alarm.missing_data == "breaching",
    }
}

/// Every series of this host whose dimensions are known, and its cluster's.
fn published(config: &Config, identity: &Identity) -> Vec<Published> {
    let metrics = &config.metrics;
    let complete = |sets: &[DimensionSet]| -> Vec<Vec<Dimension>> {
        let resolved = resolve(identity, sets).into_iter();
        let complete = resolved.filter_map(|one| match one {
            Resolution::Complete(dimensions) => Some(dimensions.to_vec()),
            _ => None,
        });
        complete.collect()
    };
    let mut all = Vec::new();
    let mut add = |namespace: &str,
                   sets: &[Vec<Dimension>],
                   metric: &str,
                   unit: Unit,
                   beside: Option<&'static str>| {
        all.extend(sets.iter().map(|dimensions| Published {
            namespace: namespace.to_owned(),
            metric: metric.to_owned(),
            unit,
            dimensions: dimensions.clone(),
            beside,
        }));
    };
    let own = complete(&identity.sets(metrics.dimensions.as_deref()));
    for metric in metrics.of(0) {
        add(&metrics.namespace, &own, &metric.name, metric.unit, None);
    }
    for signal in scoped(config) {
        let metric = signal.metric();
        add(&metrics.namespace, &own, &metric.name, metric.unit, signal.dimension());
    }
    if metrics.health {
        add(&metrics.namespace, &own, "AgentDropped", Unit::Count, Some("Cause"));
        add(&metrics.namespace, &own, "AgentSpoolBytes", Unit::Bytes, None);
    }
    for (place, preset) in metrics.presets.iter().enumerate() {
        let sets = complete(preset.sets(identity.is_on_ec2()));
        for metric in metrics.of(place + 1) {
            add(&preset.namespace, &sets, &metric.name, metric.unit, None);
        }
    }
    if let Some(cluster) = &config.cluster {
        let (name, value) = (summary::DIMENSION.to_owned(), cluster.name.clone());
        let sets = [vec![Dimension { name, value }]];
        for (name, unit) in summary::SUMMARIES {
            add(&metrics.namespace, &sets, name, unit, None);
        }
    }
    all
}

/// The signals of cgroups and processes that are on.
fn scoped(config: &Config) -> Vec<Signal> {
    let cgroups = config.cgroups.metrics.iter().filter(|_| !config.cgroups.paths.is_empty());
    let selected = !config.processes.selectors.is_empty();
    let processes = config.processes.metrics.iter().filter(|_| selected);
    cgroups.chain(processes).copied().collect()
}

/// What this host is called, whether it publishes that or not.
fn known(identity: &Identity) -> Vec<Dimension> {
    let names = DimensionName::BUILT_IN.into_iter().chain([DimensionName::LowerHost]);
    let known = names.filter_map(|name| {
        let value = identity.known(&name)?.to_owned();
        Some(Dimension { name: name.as_str().to_owned(), value })
    });
    known.collect()
}
