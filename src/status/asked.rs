//! Gathers the report when somebody asks for it.

use crate::clock::{Boottime, Moment, Timestamp};
use crate::cluster::member::{self, words};
use crate::cluster::role::Standing;
use crate::config::Config;
use crate::dimension::{DimensionName, DimensionSet};
use crate::health::Cause;
use crate::identity::dress::{Publication, Publications};
use crate::identity::sets::{Resolution, resolve};
use crate::identity::{Identity, Name};
use crate::owner::Owner;
use crate::publisher::{Backlog, Whose};
use crate::sampler::Seen;
use crate::status::report::{self, Past, Report};
use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::watch;

/// Where everything that is told stands.
pub struct Asked {
    pub started: Moment,
    pub whose: Whose,
    pub seen: Rc<Cell<Seen>>,
    pub backlog: watch::Receiver<Option<Backlog>>,
    pub in_force: watch::Receiver<InForce>,
    /// Where the host is a member of a cluster.
    pub member: Option<Member>,
}

pub struct Member {
    pub cluster: String,
    /// Once it is known.
    pub name: Rc<OnceCell<String>>,
    pub seen: Rc<Cell<member::Seen>>,
}

/// What a reload changes.
pub struct InForce {
    config: report::Config,
    sets: Vec<DimensionSet>,
    identity: watch::Receiver<Identity>,
}

pub fn in_force(config: &Config, identity: watch::Receiver<Identity>) -> InForce {
    let publications = Publications::of(config, &identity.borrow());
    InForce { config: told(config, &publications), sets: publications.sets(), identity }
}

impl InForce {
    /// Until a reload.
    pub fn identity(&self) -> watch::Receiver<Identity> {
        self.identity.clone()
    }
}

impl Asked {
    pub fn report(&self, now: Moment) -> Report {
        let in_force = self.in_force.borrow();
        let seen = self.seen.get();
        let mut report = Report {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: env!("CWMEM_COMMIT").to_owned(),
            pid: std::process::id(),
            role: self.member.as_ref().map_or("none", Member::role).to_owned(),
            cluster: self.member.as_ref().map(|member| member.report(now)),
            now: now.wall.to_string(),
            started: self.started.wall.to_string(),
            uptime_seconds: seconds(now.boot.since(self.started.boot)),
            config: in_force.config.clone(),
            identity: identity(&in_force.identity.borrow(), &in_force.sets, &self.whose.owner),
            sample: report::Sample {
                last: seen.sampled.map(|last| past(last, now)),
                used_percent: seen.used_percent.map(|used| (used * 10.0).round() / 10.0),
                under_pressure: seen.pressure_since.map(|since| boot_past(since, now)),
            },
            recorder: report::Recorder {
                keeps: seen.recorder_keeps,
                since: seen.recorded_since.map(|since| wall_past(since.wall, now)),
            },
            ..Report::default()
        };
        if let Some(backlog) = &*self.backlog.borrow() {
            deliver(&mut report, backlog, now);
        }
        report
    }
}

impl Member {
    fn role(&self) -> &'static str {
        match self.seen.get().standing {
            None | Some(Standing::Follower | Standing::Trying) => "follower",
            Some(Standing::Leader) => "leader",
            Some(Standing::Abstaining { .. }) => "abstaining",
            Some(Standing::Stopping | Standing::Stopped) => "stopping",
        }
    }

    fn report(&self, now: Moment) -> report::Cluster {
        let seen = self.seen.get();
        report::Cluster {
            name: self.cluster.clone(),
            member: self.name.get().cloned().unwrap_or_default(),
            heard: seen.heard.map(|heard| past(heard, now)),
            failing: seen.failing.map(|since| boot_past(since, now)),
            obstacle: seen.obstacle.map(words),
        }
    }
}

fn deliver(report: &mut Report, backlog: &Backlog, now: Moment) {
    report.delivery = report::Delivery {
        last: backlog.last_delivery.map(|last| past(last, now)),
        delivered: backlog.delivered,
        failing: backlog.failing.map(|(cause, since)| report::Failing {
            cause: cause.to_string(),
            since: boot_past(since, now),
        }),
        waiting: backlog.publishes as u64,
        backlog_bytes: backlog.bytes,
    };
    report.disk.failing = backlog.disk_fails_since.map(|since| boot_past(since, now));
    let dropped = backlog.dropped.iter().zip(backlog.last_drops);
    report.dropped = dropped
        .map(|((cause, datums), last)| {
            let last = last.map(|last| boot_past(last, now));
            (Cause::as_str(*cause).to_owned(), report::Dropped { datums: *datums, last })
        })
        .collect();
}

fn told(config: &Config, publications: &Publications) -> report::Config {
    let path = |path: &Path| path.display().to_string();
    let names = |set: &DimensionSet| set.0.iter().map(ToString::to_string).collect();
    let sets = |publication: &Publication| publication.sets.iter().map(names).collect();
    let metrics = |number: usize| {
        config.metrics.of(number).map(|metric| metric.name.to_string()).collect::<Vec<_>>()
    };
    let presets = config.metrics.presets.iter().zip(&publications.presets).enumerate();
    let presets = presets.map(|(place, (published, publication))| report::Preset {
        name: published.preset.to_owned(),
        namespace: published.namespace.clone(),
        metrics: metrics(place + 1),
        dimensions: sets(publication),
    });
    report::Config {
        state_directory: path(&config.state.directory),
        runtime_directory: path(&config.state.runtime_directory),
        proc_root: path(&config.sample.proc_root),
        sys_root: path(&config.sample.sys_root),
        namespace: config.metrics.namespace.clone(),
        metrics: metrics(0),
        presets: presets.collect(),
        interval_seconds: seconds(config.sample.interval.duration()),
        period_seconds: seconds(config.publish.period),
        every_seconds: seconds(config.publish.every),
        spread_seconds: seconds(config.publish.spread),
        recorder_seconds: seconds(config.recorder.duration),
        spool_max_bytes: config.spool.max_bytes,
        spool_max_age_seconds: seconds(config.spool.max_age),
        dimensions: sets(&publications.native),
    }
}

fn identity(identity: &Identity, sets: &[DimensionSet], owner: &Owner) -> report::Identity {
    let mut owner = owner.clone();
    if let Some(id) = identity.known(&DimensionName::InstanceId) {
        owner.instance_id = Some(id.to_owned());
    }
    let members = sets.iter().flat_map(|set| &set.0).map(|member| &member.name);
    let name = |name: &DimensionName| match identity.state(name) {
        Name::Known(value) => {
            report::Name { state: "known".to_owned(), value: Some(value.clone()) }
        }
        Name::Absent => report::Name { state: "absent".to_owned(), value: None },
        Name::Unknown => report::Name { state: "unknown".to_owned(), value: None },
    };
    let names: BTreeMap<_, _> = members.map(|member| (member.to_string(), name(member))).collect();
    report::Identity {
        owner: owner.to_string(),
        ec2: identity.is_on_ec2(),
        region: identity.known(&DimensionName::Region).map(str::to_owned),
        names,
        sets: sets
            .iter()
            .zip(resolve(identity, sets))
            .map(|(set, now)| told_set(set, now))
            .collect(),
    }
}

fn told_set(set: &DimensionSet, resolution: Resolution) -> report::Set {
    let (state, dimensions) = match resolution {
        Resolution::Complete(dimensions) => {
            let pairs = dimensions.iter().map(|pair| (pair.name.clone(), pair.value.clone()));
            ("complete", pairs.collect())
        }
        Resolution::Waiting(_) => ("waiting", Vec::new()),
        Resolution::Impossible(_) => ("impossible", Vec::new()),
        Resolution::Repeated => ("repeated", Vec::new()),
        Resolution::Empty => ("empty", Vec::new()),
    };
    report::Set { set: set.to_string(), state: state.to_owned(), dimensions }
}

/// What happened in this boot: how long ago by the clock that is never stepped.
fn past(then: Moment, now: Moment) -> Past {
    Past { at: then.wall.to_string(), seconds_ago: seconds(now.boot.since(then.boot)) }
}

fn boot_past(then: Boottime, now: Moment) -> Past {
    let ago = now.boot.since(then);
    let millis = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
    let at = Timestamp(now.wall.0.saturating_sub(millis));
    Past { at: at.to_string(), seconds_ago: seconds(ago) }
}

/// What may have been in an earlier boot.
fn wall_past(then: Timestamp, now: Moment) -> Past {
    let ago = u64::try_from(now.wall.millis_since(then)).unwrap_or(0);
    Past { at: then.to_string(), seconds_ago: seconds(Duration::from_millis(ago)) }
}

/// To the tenth: no one needs more.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10.0).round() / 10.0
}
