//! What `cwmem check` finds of cgroups, processes, ZFS's cache, and of being in a container.

use crate::clock::Moment;
use crate::command::check::line::{Line, finding, note, ok};
use crate::config::{Config, ZfsArc};
use crate::slow::{Groups, Reading, Scanner, Signal};
use crate::source::cgroup::{Hierarchy, Limit, Version};
use crate::source::container::Container;
use crate::source::zfs;

pub(super) fn lines(config: &Config, now: Moment) -> Vec<Line> {
    let settings = config.slow();
    let mut lines = Vec::new();
    lines.extend(container(config).map(|(evidence, remedy)| note("container", evidence, remedy)));
    lines.extend((config.metrics.zfs_arc == ZfsArc::Reclaimable).then(|| arc(config)));
    if settings.is_needed() {
        let reading = Scanner::new(settings).scan(now);
        let problem = |problem: &String| finding("readings", problem.clone(), "");
        lines.extend(reading.problems.iter().map(problem));
        if let Some(groups) = &reading.groups {
            lines.extend(cgroups(config, groups));
        }
        lines.extend(processes(config, &reading));
    }
    lines
}

/// What `run` says once at its start; nothing where the host's own /proc is watched on purpose.
pub(in crate::command) fn container(config: &Config) -> Option<(String, String)> {
    let proc_root = &config.sample.proc_root;
    if *proc_root != Config::default().sample.proc_root {
        return None;
    }
    let container = Container::find(proc_root)?;
    let evidence = format!(
        "this is a container ({}), and /proc/meminfo shows the whole host",
        container.words()
    );
    let remedy = match container {
        Container::Namespace => {
            "for the container's own memory set cgroups.paths = [\"/\"]".to_owned()
        }
        Container::Layers => {
            "for the container's own memory name its cgroup (/proc/self/cgroup) in cgroups.paths"
                .to_owned()
        }
    };
    Some((evidence, remedy))
}

fn cgroups(config: &Config, groups: &Groups) -> Vec<Line> {
    let version = match Hierarchy::find(&config.sample.sys_root).map(|found| found.version) {
        Ok(Version::One) => "version 1 (no stalls)",
        _ => "version 2",
    };
    let count = groups.read.len() + groups.unread;
    let mut lines = vec![ok("cgroups", format!("{version}, {count} match cgroups.paths"))];
    for (place, pattern) in config.cgroups.paths.iter().enumerate() {
        if groups.unread == 0 && !groups.read.iter().any(|group| group.place == place) {
            let evidence = format!("no cgroup {pattern} now, or an earlier path means it too");
            lines.push(note("cgroups", evidence, "correct it, if it should be there"));
        }
    }
    let free = groups.read.iter().filter(|group| group.usage.limit == Limit::Unlimited);
    if let (free @ 1.., false) =
        (free.count(), config.cgroups.metrics.contains(&Signal::CgroupMemoryUsed))
    {
        let evidence = format!("{free} have no limit, so CgroupUsedPercent is absent for them");
        lines.push(note("cgroups", evidence, "CgroupMemoryUsed needs no limit"));
    }
    if groups.unread > 0 {
        let evidence = format!("{} more than metrics.max_series has room for", groups.unread);
        lines.push(finding("cgroups", evidence, "raise it, or narrow cgroups.paths"));
    }
    lines
}

fn processes(config: &Config, reading: &Reading) -> Vec<Line> {
    let selectors = config.processes.selectors.iter().zip(&reading.processes);
    let line = selectors.map(|((name, selector), (_, selected))| {
        let mib = selected.resident as f64 / f64::from(1 << 20);
        let evidence = format!("{name}: {} with {mib:.1} MiB ({selector})", selected.count);
        match selected.count {
            0 => note("processes", evidence, format!("correct processes.{name}, if one runs")),
            _ => ok("processes", evidence),
        }
    });
    line.collect()
}

fn arc(config: &Config) -> Line {
    let reader = zfs::Reader::open(&config.sample.proc_root);
    match reader.and_then(|mut reader| Ok((reader.is_there(), reader.read()?))) {
        Ok((true, bytes)) => {
            ok("zfs", format!("its cache would give back {} MiB", bytes.0 / (1 << 20)))
        }
        Ok((false, _)) => note("zfs", "there is no ZFS here", ""),
        Err(error) => {
            let remedy = "metrics that need MemAvailable stay absent";
            finding("zfs", error.to_string(), remedy)
        }
    }
}
