//! A report in words, for people.

use crate::status::report::{Cluster, Past, Report};
use crate::table::Table;
use std::fmt::Write;
use std::time::Duration;

pub fn view(report: &Report) -> String {
    let Report { version, commit, pid, config, identity, .. } = report;
    let uptime = age(report.uptime_seconds);
    let mut text =
        format!("cwmem {version} (commit {commit}), process {pid}, running for {uptime}\n\n");
    let mut table = Table::new(&["WHAT", "NOW"]);
    table.row(["sampled", &sampled(report)]);
    table.row(["pressure", &since(&report.sample.under_pressure, "none")]);
    table.row(["recorder", &recorder(report)]);
    table.row(["published", &published(report)]);
    table.row(["CloudWatch", &service(report)]);
    table.row(["waiting", &waiting(report)]);
    table.row(["disk", &since(&report.disk.failing, "takes what it is given")]);
    table.row(["dropped", &dropped(report)]);
    if let Some(cluster) = &report.cluster {
        table.row(["cluster", &member(cluster, &report.role)]);
    }
    let place = if identity.ec2 { "on EC2" } else { "not on EC2" };
    let region = identity.region.as_deref().unwrap_or("no region known");
    table.row(["identity", &format!("{}, {place}, {region}", identity.owner)]);
    for set in &identity.sets {
        let pairs = set.dimensions.iter().map(|(name, value)| format!("{name}={value}"));
        let pairs = pairs.collect::<Vec<_>>().join(", ");
        let now = if pairs.is_empty() { &set.state } else { &pairs };
        table.row(["dimensions", &format!("{}: {now}", set.set)]);
    }
    table.row(["config", &in_force(report)]);
    table.row(["state", &format!("{}, {}", config.state_directory, config.runtime_directory)]);
    let _ = write!(text, "{table}");
    text
}

fn sampled(report: &Report) -> String {
    let Some(last) = &report.sample.last else { return "nothing yet".to_owned() };
    match report.sample.used_percent {
        Some(used) => format!("{} ago: {used:.1} % used", age(last.seconds_ago)),
        None => format!("{} ago", age(last.seconds_ago)),
    }
}

fn since(past: &Option<Past>, else_: &str) -> String {
    match (past, else_) {
        (None, words) => words.to_owned(),
        (Some(past), "none") => format!("for {}", age(past.seconds_ago)),
        (Some(past), _) => format!("takes nothing for {}", age(past.seconds_ago)),
    }
}

fn recorder(report: &Report) -> String {
    match (&report.recorder.since, report.recorder.keeps) {
        (_, false) => "keeps nothing: the log says why".to_owned(),
        (None, true) => "keeps each sample".to_owned(),
        (Some(since), true) => format!("keeps the last {}", age(since.seconds_ago)),
    }
}

fn published(report: &Report) -> String {
    let delivered = report.delivery.delivered;
    match &report.delivery.last {
        Some(last) => format!("{} ago; {delivered} datums since the start", age(last.seconds_ago)),
        None => "nothing yet".to_owned(),
    }
}

fn service(report: &Report) -> String {
    match (&report.delivery.failing, &report.delivery.last) {
        (Some(failing), _) => {
            format!("takes nothing for {}: {}", age(failing.since.seconds_ago), failing.cause)
        }
        (None, Some(_)) => "answers".to_owned(),
        (None, None) => "not asked yet".to_owned(),
    }
}

fn waiting(report: &Report) -> String {
    let (publishes, backlog) = (report.delivery.waiting, report.delivery.backlog_bytes);
    match (publishes, backlog) {
        (0, _) => "nothing".to_owned(),
        (_, 0) => format!("{publishes} publishes"),
        _ => format!("{publishes} publishes; the backlog takes {}", bytes(backlog)),
    }
}

fn dropped(report: &Report) -> String {
    let some = report.dropped.iter().filter(|(_, dropped)| dropped.datums > 0);
    let some = some.map(|(cause, dropped)| {
        let last = dropped.last.as_ref().map(|last| format!(", {} ago", age(last.seconds_ago)));
        format!("{} datums ({cause}{})", dropped.datums, last.unwrap_or_default())
    });
    let some = some.collect::<Vec<_>>().join(", ");
    if some.is_empty() { "nothing".to_owned() } else { some }
}

fn member(cluster: &Cluster, role: &str) -> String {
    let Cluster { name, member, heard, failing, obstacle } = cluster;
    let database = match (failing, heard) {
        (Some(failing), _) => format!("the database fails for {}", age(failing.seconds_ago)),
        (None, Some(heard)) => format!("the database answered {} ago", age(heard.seconds_ago)),
        (None, None) => "the database wasn't asked yet".to_owned(),
    };
    if member.is_empty() {
        return format!("{name}: waits for this host's InstanceId, its name there");
    }
    let obstacle = obstacle.as_ref().map(|obstacle| format!("; can't lead: {obstacle}"));
    format!("{name}: {member} is {role}; {database}{}", obstacle.unwrap_or_default())
}

fn in_force(report: &Report) -> String {
    let config = &report.config;
    let presets = config.presets.iter().map(|preset| {
        format!(", {} of {} in {}", preset.metrics.len(), preset.name, preset.namespace)
    });
    format!(
        "{} metrics in {}{}, sampled every {}, a datum each {}, a request each {}",
        config.metrics.len(),
        config.namespace,
        presets.collect::<String>(),
        age(config.interval_seconds),
        age(config.period_seconds),
        age(config.every_seconds),
    )
}

/// In whole seconds, or what a shorter time has of tenths; never of the last hours' seconds.
pub fn age(seconds: f64) -> String {
    let time = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
    let whole = match time.as_secs() {
        0 => Duration::from_millis((seconds.max(0.0) * 10.0).round() as u64 * 100),
        1..3_600 => Duration::from_secs(time.as_secs()),
        minutes => Duration::from_secs(minutes / 60 * 60),
    };
    humantime::format_duration(whole).to_string()
}

pub fn bytes(bytes: u64) -> String {
    match bytes as f64 {
        few if few < 1_024.0 => format!("{bytes} bytes"),
        some if some < 1_048_576.0 => format!("{:.1} KiB", some / 1_024.0),
        many => format!("{:.1} MiB", many / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::report::{Dropped, Failing, Set};
    use expect_test::expect;

    fn ago(seconds_ago: f64) -> Past {
        Past { at: "2026-11-23T14:00:00Z".to_owned(), seconds_ago }
    }

    #[test]
    fn a_bad_day_in_words() {
        let mut report = Report {
            version: "0.1.0".to_owned(),
            commit: "abc".to_owned(),
            pid: 7,
            uptime_seconds: 93_784.5,
            ..Report::default()
        };
        report.config.namespace = "EC2/Memory".to_owned();
        report.config.interval_seconds = 1.0;
        report.config.period_seconds = 60.0;
        report.config.every_seconds = 60.0;
        report.config.state_directory = "/var/lib/cwmem".to_owned();
        report.config.runtime_directory = "/run/cwmem".to_owned();
        report.sample.last = Some(ago(0.4));
        report.sample.used_percent = Some(97.3);
        report.sample.under_pressure = Some(ago(75.0));
        report.recorder.keeps = true;
        report.recorder.since = Some(ago(3_599.0));
        report.delivery.last = Some(ago(312.0));
        report.delivery.delivered = 9;
        report.delivery.failing =
            Some(Failing { cause: "throttled".to_owned(), since: ago(300.0) });
        (report.delivery.waiting, report.delivery.backlog_bytes) = (5, 20_480);
        report.disk.failing = Some(ago(12.0));
        let lost = Dropped { datums: 2, last: Some(ago(60.0)) };
        report.dropped.insert("rejected".to_owned(), lost);
        report.dropped.insert("damaged".to_owned(), Dropped::default());
        report.identity.owner = "i-1".to_owned();
        report.identity.ec2 = true;
        report.identity.sets = vec![
            Set {
                set: "{InstanceId}".to_owned(),
                state: "complete".to_owned(),
                dimensions: vec![("InstanceId".to_owned(), "i-1".to_owned())],
            },
            Set { set: "{tag:Role}".to_owned(), state: "waiting".to_owned(), dimensions: vec![] },
        ];
        expect![[r#"
            cwmem 0.1.0 (commit abc), process 7, running for 1day 2h 3m

            WHAT        NOW
            sampled     400ms ago: 97.3 % used
            pressure    for 1m 15s
            recorder    keeps the last 59m 59s
            published   5m 12s ago; 9 datums since the start
            CloudWatch  takes nothing for 5m: throttled
            waiting     5 publishes; the backlog takes 20.0 KiB
            disk        takes nothing for 12s
            dropped     2 datums (rejected, 1m ago)
            identity    i-1, on EC2, no region known
            dimensions  {InstanceId}: InstanceId=i-1
            dimensions  {tag:Role}: waiting
            config      0 metrics in EC2/Memory, sampled every 1s, a datum each 1m, a request each 1m
            state       /var/lib/cwmem, /run/cwmem
        "#]]
        .assert_eq(&view(&report));
    }

    #[test]
    fn ages_and_sizes() {
        let ages =
            [0.0, 0.04, 0.26, 1.9, 59.9, 3_599.9, 3_661.0, 90_061.0, -1.0, f64::MAX].map(age);
        assert_eq!(ages[..8], ["0s", "0s", "300ms", "1s", "59s", "59m 59s", "1h 1m", "1day 1h 1m"]);
        assert_eq!(
            [0, 1_023, 1_024, 1_048_576].map(bytes),
            ["0 bytes", "1023 bytes", "1.0 KiB", "1.0 MiB"]
        );
    }
}
