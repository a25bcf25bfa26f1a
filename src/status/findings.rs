//! What is amiss by a report.

use crate::status::report::{Past, Report};
use crate::status::view::{age, bytes};
use std::time::Duration;

/// One sentence for each thing that is wrong; none where the agent does what it should.
pub fn findings(report: &Report) -> Vec<String> {
    let config = &report.config;
    let mut findings = Vec::new();
    let silence = |last: &Option<Past>| match last {
        Some(last) => last.seconds_ago,
        None => report.uptime_seconds,
    };
    let sampled = silence(&report.sample.last);
    if sampled > (INTERVALS * config.interval_seconds).max(LEAST_SECONDS) {
        let interval = age(config.interval_seconds);
        findings
            .push(format!("nothing was sampled for {}, expected each {interval}", age(sampled)));
    }
    let patience = INTERVALS * config.every_seconds + config.spread_seconds;
    let published = silence(&report.delivery.last);
    if published > patience {
        let every = age(config.every_seconds);
        findings
            .push(format!("nothing was published for {}, expected each {every}", age(published)));
    }
    if let Some(failing) = &report.delivery.failing
        && failing.since.seconds_ago > patience
    {
        let (time, waiting) = (age(failing.since.seconds_ago), report.delivery.waiting);
        let backlog = bytes(report.delivery.backlog_bytes);
        findings.push(format!(
            "CloudWatch takes nothing for {time} ({}); {waiting} publishes wait, {backlog}: `cwmem check` and the log say what to do",
            failing.cause
        ));
    }
    if let Some(since) = &report.disk.failing {
        let (time, state) = (age(since.seconds_ago), &config.state_directory);
        findings.push(format!(
            "the state directory {state} takes nothing for {time}: undelivered data waits in memory"
        ));
    }
    for (cause, dropped) in &report.dropped {
        if let Some(last) = dropped.last.as_ref().filter(|last| last.seconds_ago < LATELY) {
            let (time, datums) = (age(last.seconds_ago), dropped.datums);
            findings.push(format!(
                "data was given up {time} ago ({cause}): {datums} datums since the start"
            ));
        }
    }
    findings
}

/// So many missing samples or publishes are no hiccup any more.
const INTERVALS: f64 = 3.0;
/// A busy host may be late by a few intervals of 100 ms.
const LEAST_SECONDS: f64 = 1.0;
const LATELY: f64 = Duration::from_secs(3_600).as_secs() as f64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::report::{Config, Delivery, Dropped, Failing};
    use expect_test::{Expect, expect};

    fn ago(seconds_ago: f64) -> Past {
        Past { at: "2026-11-23T14:00:00Z".to_owned(), seconds_ago }
    }

    /// An agent of an hour that does what it should, then what `change` makes of it.
    fn check(change: impl Fn(&mut Report), expected: Expect) {
        let mut report = Report { uptime_seconds: 3_600.0, ..Report::default() };
        report.config = Config {
            interval_seconds: 1.0,
            every_seconds: 60.0,
            spread_seconds: 10.0,
            state_directory: "/var/lib/cwmem".to_owned(),
            ..Config::default()
        };
        report.sample.last = Some(ago(0.4));
        report.delivery.last = Some(ago(42.0));
        report.dropped.insert("rejected".to_owned(), Dropped::default());
        change(&mut report);
        expected.assert_eq(&findings(&report).join("\n"));
    }

    #[test]
    fn what_works_is_no_finding() {
        check(|_| {}, expect![""]);
        check(|report| report.sample.last = Some(ago(3.0)), expect![""]);
        check(|report| report.delivery.last = Some(ago(190.0)), expect![""]);
        check(
            |report| {
                *report = Report {
                    uptime_seconds: 2.0,
                    config: report.config.clone(),
                    ..Report::default()
                };
            },
            expect![""],
        );
        check(
            |report| {
                report.delivery.failing =
                    Some(Failing { cause: "throttled".to_owned(), since: ago(100.0) });
            },
            expect![""],
        );
        check(
            |report| {
                let dropped = Dropped { datums: 3, last: Some(ago(3_700.0)) };
                report.dropped.insert("rejected".to_owned(), dropped);
            },
            expect![""],
        );
    }

    #[test]
    fn silence_is_one() {
        check(
            |report| report.sample.last = Some(ago(3.2)),
            expect!["nothing was sampled for 3s, expected each 1s"],
        );
        check(
            |report| report.delivery.last = Some(ago(191.0)),
            expect!["nothing was published for 3m 11s, expected each 1m"],
        );
        check(
            |report| (report.sample.last, report.delivery.last) = (None, None),
            expect![[r#"
                nothing was sampled for 1h, expected each 1s
                nothing was published for 1h, expected each 1m"#]],
        );
        // Nothing was read in 100 ms: three of them pass quickly on a busy host.
        let quick = |seconds| {
            move |report: &mut Report| {
                report.config.interval_seconds = 0.1;
                report.sample.last = Some(ago(seconds));
            }
        };
        check(quick(0.9), expect![""]);
        check(quick(1.1), expect!["nothing was sampled for 1s, expected each 100ms"]);
    }

    #[test]
    fn what_fails_and_what_is_lost_is_one() {
        check(
            |report| {
                report.delivery = Delivery {
                    last: Some(ago(20.0)),
                    failing: Some(Failing { cause: "throttled".to_owned(), since: ago(300.0) }),
                    waiting: 4,
                    backlog_bytes: 12_288,
                    ..Delivery::default()
                };
                report.disk.failing = Some(ago(5.0));
                let dropped = Dropped { datums: 3, last: Some(ago(3_599.0)) };
                report.dropped.insert("rejected".to_owned(), dropped);
            },
            expect![[r#"
                CloudWatch takes nothing for 5m (throttled); 4 publishes wait, 12.0 KiB: `cwmem check` and the log say what to do
                the state directory /var/lib/cwmem takes nothing for 5s: undelivered data waits in memory
                data was given up 59m 59s ago (rejected): 3 datums since the start"#]],
        );
    }
}
