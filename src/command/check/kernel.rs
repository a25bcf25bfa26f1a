//! What `cwmem check` finds of the kernel's files. What a configured metric needs and the kernel
//! doesn't give is a finding; what nothing needs is worth a note.

use crate::clock::Clock;
use crate::command::check::line::{Line, State, finding, line, note, ok};
use crate::config::{Config, ZfsArc};
use crate::metric::{self, Formula, Metric};
use crate::sample::{Needs, Sample, Sources};
use crate::source::kept::Report;
use std::fs::File;
use std::io::{ErrorKind, Read};

pub(super) fn lines(config: &Config, clock: &Clock) -> Vec<Line> {
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
    let mut lines = vec![memory(config, &sample, why("meminfo"))];
    lines.push(match sample.pressure {
        Some(_) => ok("pressure", "stall information is on"),
        None => pressure(config, why("pressure/memory")),
    });
    lines.push(vmstat(config, &sample, why("vmstat")));
    lines.extend(missing_fields(config, &sample));
    lines
}

fn memory(config: &Config, sample: &Sample, why: String) -> Line {
    match &sample.meminfo {
        Some(info) if info.available.is_some() => {
            let mib = info.total.0 / (1 << 20);
            ok("meminfo", format!("{mib} MiB of memory, MemAvailable is there"))
        }
        Some(_) => {
            let needed = needed_by(config, |metric| metric.columns.contains(&AVAILABLE));
            absent(
                "meminfo",
                "the kernel doesn't give MemAvailable".to_owned(),
                &needed,
                "it comes with Linux 3.14; a preset such as mon-scripts counts without it",
            )
        }
        None => finding("meminfo", why, "without it there is nothing to publish"),
    }
}

/// Where the file isn't there, this kernel has no stall information at all; where it is and can't be
/// read (Amazon Linux 2, RHEL 8), it was built in and left off.
fn pressure(config: &Config, why: String) -> Line {
    let stalls = |metric: &Metric| matches!(metric.formula, Formula::Stall(_));
    let path = config.sample.proc_root.join(PRESSURE);
    let read = File::open(path).and_then(|file| file.take(1).read_to_end(&mut Vec::new()));
    let (what, remedy) = match read.map_err(|error| error.kind()) {
        Ok(_) => ("its file isn't what it should be", "see what is there in its place"),
        Err(ErrorKind::NotFound) => {
            ("this kernel has no stall information", "it comes with Linux 4.20 and CONFIG_PSI")
        }
        Err(_) => (
            "stall information is built in, but off",
            "boot with psi=1 on the kernel's command line: `sudo grubby --update-kernel=ALL \
             --args=psi=1`, or GRUB_CMDLINE_LINUX in /etc/default/grub and update-grub; then reboot",
        ),
    };
    absent("pressure", format!("{what} ({why})"), &needed_by(config, stalls), remedy)
}

fn vmstat(config: &Config, sample: &Sample, why: String) -> Line {
    let rates = |metric: &Metric| matches!(metric.formula, Formula::Rate(_) | Formula::Events(_));
    let kills = |metric: &Metric| matches!(metric.formula, Formula::Events(_));
    match sample.vmstat {
        Some(vmstat) if vmstat.oom_kill.is_some() => ok("vmstat", "OOM kills are counted"),
        Some(_) => absent(
            "vmstat",
            "the kernel doesn't count OOM kills".to_owned(),
            &needed_by(config, kills),
            "they are counted from Linux 4.13 on",
        ),
        None => {
            absent("vmstat", why, &needed_by(config, rates), "see why /proc/vmstat can't be read")
        }
    }
}

/// Of what the kernel doesn't give, and which metrics stay absent for that.
fn absent(check: &'static str, evidence: String, needed_by: &[&str], remedy: &str) -> Line {
    let names = needed_by.join(", ");
    match needed_by.is_empty() {
        true => note(check, evidence, remedy),
        false => line(
            check,
            State::Finding,
            format!("{evidence}; absent for it: {names}"),
            format!("{remedy}; or take {names} out of metrics.enabled"),
        ),
    }
}

/// cwmem's own metrics that are on and need what `needs` says.
fn needed_by(config: &Config, needs: impl Fn(&Metric) -> bool) -> Vec<&str> {
    config.metrics.of(0).filter(|metric| needs(metric)).map(|metric| &*metric.name).collect()
}

/// Configured fields of /proc/meminfo that this kernel doesn't print.
fn missing_fields(config: &Config, sample: &Sample) -> Vec<Line> {
    let extras = config.metrics.enabled.iter().filter_map(|metric| match metric.formula {
        Formula::Extra(place) => Some((metric, sample.extras.get(place).copied().flatten())),
        _ => None,
    });
    let missing = extras.filter(|(_, value)| value.is_none() && sample.meminfo.is_some());
    let line = missing.map(|(metric, _)| {
        let evidence = format!("there is no line {}: in /proc/meminfo", metric.name);
        let remedy =
            format!("take {} out of metrics.meminfo, or correct its spelling", metric.name);
        finding("meminfo", evidence, remedy)
    });
    line.collect()
}

const AVAILABLE: &str = "meminfo:MemAvailable";
const PRESSURE: &str = "pressure/memory";
