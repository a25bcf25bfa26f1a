//! What of the configuration each task needs.

use crate::config::{Config, ZfsArc};
use crate::datum::Resolution;
use crate::delivery::Schedule;
use crate::dimension::DimensionName;
use crate::identity::Identity;
use crate::identity::discover::Wanted;
use crate::identity::dress::Publications;
use crate::publisher;
use crate::sampler;
use crate::under_pressure::Levels;

pub(super) fn sampler_settings(config: &Config, place: f64) -> sampler::Settings {
    sampler::Settings {
        interval: config.sample.interval,
        pressure_interval: config.sample.pressure_interval,
        proc_root: config.sample.proc_root.clone(),
        metrics: config.metrics.enabled.clone(),
        extras: config.metrics.meminfo.clone(),
        zfs_reclaimable: config.metrics.zfs_arc == ZfsArc::Reclaimable,
        slow: config.slow(),
        form: config.metrics.statistics,
        levels: Levels {
            available_below: config.pressure.available_below,
            stall_above: config.pressure.stall_above,
        },
        schedule: Schedule {
            period: config.publish.period,
            every: config.publish.every,
            spread: config.publish.spread,
            place,
        },
    }
}

pub(super) fn publisher_settings(config: &Config, identity: &Identity) -> publisher::Settings {
    publisher::Settings {
        publications: Publications::of(config, identity),
        resolution: Resolution::of(config.publish.period),
        every: config.publish.every,
        health: config.metrics.health,
        max_requests_per_second: config.spool.max_requests_per_second,
        max_bytes: config.spool.max_bytes,
        max_age: config.spool.max_age,
    }
}

/// What a configuration has to know of the host.
pub fn wanted(identity: &Identity, config: &Config) -> Wanted {
    // The sink has to know where to send to, and a cluster's member its name.
    let member = config.cluster.as_ref().map(|_| DimensionName::InstanceId);
    let names = member.into_iter().chain([DimensionName::Region]).collect();
    Wanted { sets: Publications::of(config, identity).sets(), names }
}
