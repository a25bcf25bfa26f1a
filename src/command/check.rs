//! `cwmem check`: the configuration, then each thing that the agent depends on: its state, the
//! evidence, and what to do.

mod cost;
pub(super) mod scopes;

use crate::batch::Batch;
use crate::clock::Clock;
use crate::command::output;
use crate::command::outside;
use crate::config::{Config, ZfsArc, redacted};
use crate::exit::Exit;
use crate::identity::Identity;
use crate::identity::dress::Publications;
use crate::identity::sets::Resolution;
use crate::metric::{self, Formula};
use crate::pipeline::identity_of;
use crate::sample::{Needs, Sample, Sources};
use crate::sink::{Answer, Outcome, Sink};
use crate::source::kept::Report;
use crate::table::Table;
use tokio::sync::watch;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Look only at this host: ask neither the metadata service nor CloudWatch
    #[arg(long)]
    offline: bool,
}

/// One thing that was looked at.
struct Line {
    state: State,
    what: &'static str,
    evidence: String,
    remedy: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    /// Worth knowing; the agent does its work all the same.
    Note,
    /// Something doesn't work.
    Finding,
}

/// Exits with 1 where something doesn't work; a wrong configuration has exited with 78 before.
pub async fn run(config: &Config, options: &Options, clock: &Clock) -> Exit {
    let mut lines = vec![configuration(config)];
    lines.extend(kernel(config, clock));
    lines.extend(scopes::lines(config, clock.now()));
    let local = outside::local(config);
    let mut identity = identity_of(config, &local);
    if !options.offline {
        identity = outside::learn(identity, config, clock).await;
    }
    lines.extend(dimension_sets(config, &identity, options.offline));
    lines.extend(cost::line(config, &identity));
    if !options.offline {
        lines.push(cloudwatch(config, identity, clock).await);
    }
    let mut table = Table::new(&["STATE", "WHAT", "EVIDENCE"]);
    for line in &lines {
        table.row([line.state.as_str(), line.what, &line.evidence]);
    }
    let mut text = table.to_string();
    let mut separator = "\n";
    for line in lines.iter().filter(|line| !line.remedy.is_empty()) {
        text += &format!("{separator}{}: {}\n", line.what, line.remedy);
        separator = "";
    }
    let found = lines.iter().any(|line| line.state == State::Finding);
    output::show(text, if found { Exit::Findings } else { Exit::Ok })
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Note => "note",
            State::Finding => "finding",
        }
    }
}

fn ok(what: &'static str, evidence: String) -> Line {
    Line { state: State::Ok, what, evidence, remedy: String::new() }
}

fn configuration(config: &Config) -> Line {
    let metrics = config.metrics.of(0).count();
    let presets = config.metrics.presets.iter().enumerate().map(|(place, preset)| {
        let count = config.metrics.of(place + 1).count();
        format!(", {count} of {} in {}", preset.preset, preset.namespace)
    });
    let presets: String = presets.collect();
    let (period, every) = (config.publish.period, config.publish.every);
    let duration = humantime::format_duration;
    let evidence = format!(
        "{metrics} metrics in {}{presets}, sampled every {}, a datum each {}, a request each {}",
        config.metrics.namespace,
        duration(config.sample.interval.duration()),
        duration(period),
        duration(every),
    );
    ok("configuration", evidence)
}

fn kernel(config: &Config, clock: &Clock) -> Vec<Line> {
    let metrics = &config.metrics;
    let needs = metric::needs(&metrics.enabled, &metrics.meminfo, true);
    let needs = Needs { zfs: config.metrics.zfs_arc == ZfsArc::Reclaimable, ..needs };
    let now = clock.now();
    let mut sources = Sources::open(&config.sample.proc_root, &needs, now.boot);
    let mut sample = Sample::new(now, metrics.meminfo.len());
    sources.read(&mut sample, now);
    let reports: Vec<Report> = sources.reports().collect();
    let why = |wanted: &str| {
        let reason = reports.iter().find_map(|report| match report {
            Report::Lost { source, reason } if *source == wanted => Some(reason.clone()),
            _ => None,
        });
        reason.unwrap_or_default()
    };
    let mut lines = vec![memory(&sample, why("meminfo"))];
    lines.push(match sample.pressure {
        Some(_) => ok("pressure", "stall information is on".into()),
        None => Line {
            state: State::Note,
            what: "pressure",
            evidence: why("pressure/memory"),
            remedy: "the metrics of stalls stay absent".into(),
        },
    });
    lines.push(match sample.vmstat {
        Some(vmstat) if vmstat.oom_kill.is_some() => ok("vmstat", "OOM kills are counted".into()),
        Some(_) => Line {
            state: State::Note,
            what: "vmstat",
            evidence: "the kernel doesn't count OOM kills".into(),
            remedy: "OomKills needs Linux 4.13 or later".into(),
        },
        None => Line {
            state: State::Note,
            what: "vmstat",
            evidence: why("vmstat"),
            remedy: "OomKills and the rates of paging stay absent".into(),
        },
    });
    lines.extend(missing_fields(config, &sample));
    lines
}

fn memory(sample: &Sample, why: String) -> Line {
    match &sample.meminfo {
        Some(info) if info.available.is_some() => {
            let mib = info.total.0 / (1 << 20);
            ok("meminfo", format!("{mib} MiB of memory, MemAvailable is there"))
        }
        Some(_) => Line {
            state: State::Note,
            what: "meminfo",
            evidence: "the kernel doesn't give MemAvailable".into(),
            remedy: "MemoryUsedPercent needs Linux 3.14 or later and stays absent".into(),
        },
        None => Line {
            state: State::Finding,
            what: "meminfo",
            evidence: why,
            remedy: "without it there is nothing to publish".into(),
        },
    }
}

/// Configured fields of /proc/meminfo that this kernel doesn't print.
fn missing_fields(config: &Config, sample: &Sample) -> Vec<Line> {
    let extras = config.metrics.enabled.iter().filter_map(|metric| match metric.formula {
        Formula::Extra(place) => Some((metric, sample.extras.get(place).copied().flatten())),
        _ => None,
    });
    let missing = extras.filter(|(_, value)| value.is_none() && sample.meminfo.is_some());
    let line = missing.map(|(metric, _)| Line {
        state: State::Finding,
        what: "meminfo",
        evidence: format!("there is no line {}: in /proc/meminfo", metric.name),
        remedy: format!("take {} out of metrics.meminfo, or correct its spelling", metric.name),
    });
    line.collect()
}

fn dimension_sets(config: &Config, identity: &Identity, offline: bool) -> Vec<Line> {
    let described = Publications::of(config, identity).describe(identity);
    let line = described.into_iter().map(|set| {
        let evidence = format!("{}: {}", set.set, resolution(&set.resolution));
        let state = match (set.remedies.is_empty(), offline && identity.may_learn()) {
            (true, _) => State::Ok,
            (false, true) => State::Note,
            (false, false) => State::Finding,
        };
        Line { state, what: "dimensions", evidence, remedy: set.remedies.join("; ") }
    });
    line.collect()
}

fn resolution(resolution: &Resolution) -> String {
    match resolution {
        Resolution::Complete(dimensions) => {
            let pairs = dimensions.iter().map(|pair| format!("{}={}", pair.name, pair.value));
            pairs.collect::<Vec<_>>().join(", ")
        }
        Resolution::Waiting(_) => "not known yet".into(),
        Resolution::Impossible(_) => "this host hasn't all of it".into(),
        Resolution::Repeated => "said already".into(),
        Resolution::Empty => "nothing is left of it".into(),
    }
}

/// Asks CloudWatch with a request that has no datum in it: the service refuses it, so nothing is
/// stored, and how it refuses tells that the way there works.
async fn cloudwatch(config: &Config, identity: Identity, clock: &Clock) -> Line {
    let (_sender, names) = watch::channel(identity);
    let mut sink = outside::cloudwatch(config, names, clock.clone());
    let batch = Batch { namespace: config.metrics.namespace.as_str().into(), datums: Vec::new() };
    let Answer { outcome, service_time } = sink.put(&batch).await;
    let what = "CloudWatch";
    match outcome {
        Outcome::Accepted | Outcome::Rejected { .. } => {
            let ahead = service_time.map(|time| clock.now().wall.millis_since(time) / 1_000);
            let clock =
                ahead.map_or(String::new(), |ahead| format!(", this clock is {ahead:+} s off"));
            let off = ahead.is_some_and(|ahead| ahead.abs() > MOST_OFF);
            Line {
                state: if off { State::Finding } else { State::Ok },
                what,
                evidence: format!("answers and knows the credentials{clock}"),
                remedy: if off {
                    "set this host's clock: run chrony or systemd-timesyncd".into()
                } else {
                    String::new()
                },
            }
        }
        Outcome::Retry { cause, reason, .. } => {
            let endpoint = config.cloudwatch.endpoint_url.as_deref();
            let place = endpoint.map(|url| format!(", at {}", redacted(url))).unwrap_or_default();
            Line {
                state: State::Finding,
                what,
                evidence: format!("{cause}{place}"),
                remedy: reason,
            }
        }
    }
}

/// Further off than this, in seconds, and points fall into the wrong minutes.
const MOST_OFF: i64 = 30;
