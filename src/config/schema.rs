//! Every key: its section, name, default, type and rule, each said here and nowhere else.

use crate::config::alarms;
use crate::config::cluster;
use crate::config::cost;
use crate::config::kind::{self, words};
use crate::config::metrics;
use crate::config::reader::{Reader, Section, Setting};
use crate::config::scopes;
use crate::config::sets;
use crate::config::{
    CloudWatch, Config, Format, Identity, Level, Log, OnEc2, Pressure, Publish, Recorder, Sample,
    Spool, State,
};
use crate::units::Tenths;
use std::path::PathBuf;
use std::time::Duration;

/// Walks the whole schema; what the files leave open or get wrong has its default.
pub fn read(reader: &mut Reader) -> Config {
    let (publish, period) = reader.section("publish", publish);
    let sample = reader.section("sample", |section| sample(section, &period));
    let pairs = reader.section("dimensions", sets::pairs);
    let metrics = reader.section("metrics", |section| metrics::read(section, &pairs));
    let cgroups = reader.section("cgroups", |section| scopes::cgroups(section, &metrics));
    let processes = reader.section("processes", |section| scopes::processes(section, &metrics));
    let alarms = reader.section("alarms", |section| alarms::read(section, &metrics));
    let dimensions = pairs.into_iter().filter_map(|pair| Some((pair.name, pair.value?))).collect();
    Config {
        sample,
        metrics,
        cgroups,
        processes,
        dimensions,
        publish,
        pressure: reader.section("pressure", pressure),
        cloudwatch: reader.section("cloudwatch", cloudwatch),
        identity: reader.section("identity", identity),
        state: reader.section("state", state),
        recorder: reader.section("recorder", recorder),
        spool: reader.section("spool", spool),
        cluster: reader.section("cluster", |section| cluster::read(section, &period)),
        alarms,
        cost: reader.section("cost", cost::read),
        log: reader.section("log", log),
    }
}

fn sample(section: &mut Section<'_>, period: &Setting<Duration>) -> Sample {
    let interval = section
        .value("interval", Tenths(10), |field| kind::tenths(field, SHORTEST_INTERVAL..=MINUTE * 5));
    let interval = section.check(
        interval,
        |interval| period.is_refused() || interval.duration() <= period.value,
        || format!("at most publish.period, which is {}", words(period.value)),
    );
    // An interval of 100 ms leaves no shorter one: the default never contradicts it.
    let pressure_interval = section.value("pressure_interval", Tenths(1), |field| {
        kind::tenths(field, SHORTEST_INTERVAL..=MINUTE * 5)
    });
    let pressure_interval = section.check(
        pressure_interval,
        |pressure_interval| interval.is_refused() || *pressure_interval <= interval.value,
        || format!("at most sample.interval, which is {}", words(interval.value.duration())),
    );
    Sample {
        interval: interval.value,
        pressure_interval: pressure_interval.value,
        proc_root: section.value("proc_root", PathBuf::from("/proc"), kind::path).value,
        sys_root: section.value("sys_root", PathBuf::from("/sys"), kind::path).value,
    }
}

/// And the period as a setting, because the sampling interval depends on it.
fn publish(section: &mut Section<'_>) -> (Publish, Setting<Duration>) {
    let period = section.value("period", MINUTE, |field| {
        kind::duration_that(field, EXPECTED_PERIOD, |period| is_period(period).then_some(period))
    });
    let every = section.value("every", default_every(period.value), |field| {
        kind::duration(field, SECOND..=MINUTE * 60)
    });
    let every = section.check(
        every,
        |every| {
            let whole = every.as_nanos().is_multiple_of(period.value.as_nanos());
            period.is_refused() || (whole && !every.is_zero())
        },
        || format!("a multiple of publish.period, which is {}", words(period.value)),
    );
    let spread = section.value("spread", default_spread(every.value), |field| {
        kind::duration(field, Duration::ZERO..=MINUTE * 10)
    });
    let spread = section.check(
        spread,
        |spread| period.is_refused() || every.is_refused() || *spread <= every.value / 6,
        || format!("at most {}, a sixth of publish.every", words(whole_millis(every.value / 6))),
    );
    let grace = section.value("grace", SECOND * 5, |field| {
        kind::duration(field, Duration::from_millis(100)..=MINUTE)
    });
    let (every, spread, grace) = (every.value, spread.value, grace.value);
    (Publish { period: period.value, every, spread, grace }, period)
}

fn pressure(section: &mut Section<'_>) -> Pressure {
    Pressure {
        available_below: section.value("available_below", 0.15, kind::share).value,
        stall_above: section.value("stall_above", 0.05, kind::share).value,
    }
}

fn cloudwatch(section: &mut Section<'_>) -> CloudWatch {
    CloudWatch {
        region: section.optional("region", kind::region).value,
        endpoint_url: section.optional("endpoint_url", kind::endpoint).value,
        profile: section
            .optional("profile", |field| kind::text(field, "the name of a profile"))
            .value,
        assume_role: section.optional("assume_role", kind::role).value,
        proxy: section.optional("proxy", kind::proxy).value,
        ca_bundle: section.optional("ca_bundle", kind::path).value,
    }
}

fn identity(section: &mut Section<'_>) -> Identity {
    let ec2 = section.value("ec2", OnEc2::Auto, kind::on_ec2);
    let instance_id = section.optional("instance_id", kind::dimension_value);
    let instance_id = section.check(
        instance_id,
        |_| ec2.is_refused() || ec2.value != OnEc2::No,
        || "no instance id, because identity.ec2 is false".to_owned(),
    );
    let mut fixed = |name| section.optional(name, kind::dimension_value).value;
    Identity {
        instance_id: instance_id.value,
        instance_type: fixed("instance_type"),
        image_id: fixed("image_id"),
        availability_zone: fixed("availability_zone"),
        auto_scaling_group: fixed("auto_scaling_group"),
        host: fixed("host"),
        ec2: ec2.value,
        imds: section.value("imds", true, kind::boolean).value,
    }
}

fn state(section: &mut Section<'_>) -> State {
    let mut directory =
        |name, default: &str| section.value(name, PathBuf::from(default), kind::directory).value;
    State {
        directory: directory("directory", "/var/lib/cwmem"),
        runtime_directory: directory("runtime_directory", "/run/cwmem"),
    }
}

fn recorder(section: &mut Section<'_>) -> Recorder {
    let duration = section
        .value("duration", MINUTE * 60, |field| kind::duration(field, MINUTE..=MINUTE * 60 * 24));
    Recorder { duration: duration.value }
}

fn spool(section: &mut Section<'_>) -> Spool {
    let max_bytes = section
        .value("max_bytes", 64 * MEBIBYTE, |field| kind::size(field, MEBIBYTE..=10_240 * MEBIBYTE));
    let max_age =
        section.value("max_age", DAY * 14, |field| kind::duration(field, MINUTE * 60..=DAY * 14));
    let rate = section.value("max_requests_per_second", 5, |field| kind::integer(field, 1..=100));
    Spool {
        max_bytes: max_bytes.value,
        max_age: max_age.value,
        max_requests_per_second: rate.value,
    }
}

fn log(section: &mut Section<'_>) -> Log {
    let level =
        section.value("level", Level::default(), |field| kind::choice(field, &Level::NAMES));
    let format =
        section.value("format", Format::default(), |field| kind::choice(field, &Format::NAMES));
    Log { level: level.value, format: format.value }
}

/// Periods that start with each minute, or that whole ones make up a whole hour.
fn is_period(period: Duration) -> bool {
    let seconds = period.as_secs();
    period.subsec_nanos() == 0
        && (1..=300).contains(&seconds)
        && (60_u64.is_multiple_of(seconds) || seconds.is_multiple_of(60))
}

/// The period, but at least 10 s: the request costs more than the metric.
fn default_every(period: Duration) -> Duration {
    let mut every = period;
    while every < SECOND * 10 {
        every += period;
    }
    every
}

/// A sixth of `every` in whole milliseconds, but at most 10 s.
fn default_spread(every: Duration) -> Duration {
    whole_millis(every / 6).min(SECOND * 10)
}

fn whole_millis(duration: Duration) -> Duration {
    duration - Duration::from_nanos(u64::from(duration.subsec_nanos() % 1_000_000))
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MEBIBYTE: u64 = 1024 * 1024;
const MINUTE: Duration = Duration::from_secs(60);
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
const EXPECTED_PERIOD: &str =
    "1, 2, 3, 4, 5, 6, 10, 12, 15, 20 or 30 seconds or 1, 2, 3, 4 or 5 minutes";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::problem::Problems;
    use crate::config::tree::Table;
    use crate::config::{OnEc2, ZfsArc, parse_str};
    use crate::metric;
    use crate::preset::PRESETS;
    use crate::window::Form;
    use std::collections::BTreeSet;

    /// The lines of the shipped file: its sections and the keys behind this mark, uncommented.
    fn uncommented(mark: &str) -> String {
        let is_key = |line: &str| {
            let name = line.split(" = ").next().unwrap();
            line.contains(" = ") && !name.contains(' ') && !name.starts_with('#')
        };
        let keep = |line: &'static str| match line.strip_prefix(mark) {
            Some(rest) if is_key(rest) => rest,
            _ if line.starts_with('[') => line,
            _ => "",
        };
        SHIPPED.lines().map(keep).collect::<Vec<_>>().join("\n")
    }

    fn keys(text: &str) -> Vec<(String, String)> {
        let mut section = "";
        let mut keys = Vec::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_end_matches(']');
            } else if let Some((name, _)) = line.split_once(" = ") {
                let name = match section {
                    "dimensions" => sets::ANY_NAME,
                    "processes" if name != "metrics" => scopes::ANY_NAME,
                    _ => name,
                };
                keys.push((section.to_owned(), name.to_owned()));
            }
        }
        keys
    }

    #[test]
    fn the_shipped_file_states_the_defaults() {
        assert_eq!(parse_str("shipped", SHIPPED), Ok(Config::default()));
        assert_eq!(parse_str("defaults", &uncommented(DEFAULTS)), Ok(Config::default()));
        let text = uncommented(DEFAULTS);
        let mut section = "";
        for line in text.lines() {
            if line.starts_with('[') {
                section = line;
            }
            let alone = format!("{section}\n{line}\n");
            if !line.contains(" = ") {
                continue;
            }
            assert_eq!(parse_str("alone", &alone), Ok(Config::default()), "{alone}");
        }
    }

    #[test]
    fn the_shipped_examples_are_accepted_and_are_no_defaults() {
        let names = PRESETS.iter().map(|preset| format!("{:?}", preset.name)).collect::<Vec<_>>();
        let presets = format!("[metrics]\npresets = [{}]\n", names.join(", "));
        let examples = uncommented(EXAMPLES).replace("[metrics]\n", &presets);
        let examples = parse_str("examples", &examples).unwrap();
        assert_eq!(examples.metrics.presets.len(), PRESETS.len());
        let default = Config::default();
        assert_eq!(examples.dimensions, [("Environment".to_owned(), "production".to_owned())]);
        assert_eq!(examples.metrics.dimensions.as_ref().map(Vec::len), Some(2));
        let CloudWatch { region, endpoint_url, profile, assume_role, proxy, ca_bundle } =
            &examples.cloudwatch;
        for text in [region, endpoint_url, profile, assume_role, proxy] {
            assert!(text.is_some());
        }
        assert!(ca_bundle.is_some());
        assert_eq!(examples.processes.selectors.len(), 1);
        assert_ne!(examples.identity, default.identity);
        assert_eq!(examples.publish, default.publish);
        let cluster = examples.cluster.as_ref().unwrap();
        assert!(cluster.password_file.is_some() && cluster.tls_ca.is_some());
    }

    #[test]
    fn the_shipped_file_has_every_key_once_and_no_other() {
        let mut reader = Reader::new(Table::default(), Problems::default());
        read(&mut reader);
        let (known, _) = reader.finish();
        let known: BTreeSet<_> =
            known.iter().map(|key| (key.section.to_owned(), key.name.to_owned())).collect();
        let mut shipped = keys(&uncommented(DEFAULTS));
        shipped.extend(keys(&uncommented(EXAMPLES)));
        let unique: BTreeSet<_> = shipped.iter().cloned().collect();
        assert_eq!(unique.len(), shipped.len());
        assert_eq!(unique, known);
    }

    #[test]
    fn the_shipped_file_lists_every_metric() {
        let comment = |line: &str| line.strip_prefix("# ").unwrap_or_default().to_owned();
        let comments = SHIPPED.lines().map(comment).collect::<Vec<_>>().join(" ");
        for metric in &metric::NATIVE {
            let name = &metric.name;
            let listed = [format!("{name},"), format!("{name}.")];
            assert!(listed.iter().any(|name| comments.contains(name)), "{name}");
        }
    }

    #[test]
    fn defaults() {
        let config = Config::default();
        assert_eq!(config.sample.interval, Tenths(10));
        assert_eq!(config.sample.pressure_interval, Tenths(1));
        assert_eq!(config.sample.proc_root, PathBuf::from("/proc"));
        assert_eq!(config.sample.sys_root, PathBuf::from("/sys"));
        assert_eq!(config.metrics.namespace, "EC2/Memory");
        let enabled: Vec<_> = config.metrics.enabled.iter().map(|metric| &*metric.name).collect();
        assert_eq!(enabled, metric::DEFAULT);
        assert!(config.metrics.meminfo.is_empty() && config.metrics.dimensions.is_none());
        assert!(config.metrics.health && config.metrics.statistics == Form::Values);
        assert!(config.dimensions.is_empty());
        assert!(config.cgroups.paths.is_empty() && config.processes.selectors.is_empty());
        assert_eq!((config.metrics.max_series, config.metrics.zfs_arc), (50, ZfsArc::Used));
        assert_eq!(config.publish.period, MINUTE);
        assert_eq!(config.publish.every, MINUTE);
        assert_eq!(config.publish.spread, SECOND * 10);
        assert_eq!(config.publish.grace, SECOND * 5);
        assert_eq!(config.pressure, Pressure { available_below: 0.15, stall_above: 0.05 });
        assert_eq!(config.cloudwatch, CloudWatch::default());
        assert!(config.identity.imds && config.identity.ec2 == OnEc2::Auto);
        assert_eq!(config.spool.max_requests_per_second, 5);
        assert_eq!(config.cluster, None);
        assert_eq!(config.log, Log { level: Level::Info, format: Format::Text });
    }

    #[test]
    fn every_and_spread_follow_the_period() {
        for (period, every, spread) in [
            ("1s", 10_000, 1_666),
            ("3s", 12_000, 2_000),
            ("4s", 12_000, 2_000),
            ("6s", 12_000, 2_000),
            ("10s", 10_000, 1_666),
            ("12s", 12_000, 2_000),
            ("30s", 30_000, 5_000),
            ("2m", 120_000, 10_000),
        ] {
            let publish =
                parse_str("x", &format!("publish.period = \"{period}\"")).unwrap().publish;
            assert_eq!(publish.every, Duration::from_millis(every), "{period}");
            assert_eq!(publish.spread, Duration::from_millis(spread), "{period}");
        }
    }

    #[test]
    fn periods_are_those_that_fit_a_minute_or_an_hour() {
        let periods: Vec<_> = (0..400).filter(|s| is_period(Duration::from_secs(*s))).collect();
        assert_eq!(periods, [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 300]);
        assert!(!is_period(Duration::from_millis(1_500)));
    }

    const SHIPPED: &str = include_str!("../../config/cwmem.toml");
    /// A key behind it has its default.
    const DEFAULTS: &str = "#";
    /// A key behind it is an example.
    const EXAMPLES: &str = "## ";
}
