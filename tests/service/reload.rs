//! SIGHUP: a good configuration applies, a bad one is refused and the old one stays.

use crate::support::agent::{Setup, publishing};
use crate::support::cloudwatch::Double;
use crate::{EACH_SECOND, PATIENCE, SECOND, tenths};
use std::fs;

#[test]
fn a_broken_file_is_refused_and_everything_goes_on() {
    let double = Double::start();
    let setup = Setup::publishing(&double.url(), EACH_SECOND).notified();
    let mut agent = setup.start();
    double.wait_for(PATIENCE, |seen| !seen.accepted.is_empty()).unwrap();
    fs::write(agent.config(), "[sample]\ninterval = \"1ms\"\n[logg]\nlevel = 1\n[publish\n")
        .unwrap();
    agent.signal("HUP");
    agent.wait_for_line("is refused: the old one stays in force", PATIENCE);
    let wrong: Vec<_> =
        agent.said().lines().filter(|line| line.contains("is wrong")).map(str::to_owned).collect();
    let expected = ["cwmem.toml:2: sample.interval: ", "cwmem.toml:3: logg: ", "cwmem.toml:5: "];
    assert_eq!(wrong.len(), expected.len(), "{wrong:?}");
    for (line, expected) in wrong.iter().zip(expected) {
        assert!(line.contains(expected) && line.contains("ERROR"), "{line}");
    }
    // The service manager hears that the reload is over.
    let (reloading, ..) = agent.wait_for_notification(0, "RELOADING=1", PATIENCE);
    agent.wait_for_notification(reloading, "READY=1", PATIENCE);
    let before = tenths(&double.seen());
    double.wait_for(PATIENCE, |seen| tenths(seen) >= before + 30.0).unwrap();
    // A file that is gone is no configuration either.
    fs::remove_file(agent.config()).unwrap();
    agent.signal("HUP");
    agent.wait_for_line("cannot be read: No such file", PATIENCE);
    let before = tenths(&double.seen());
    double.wait_for(PATIENCE, |seen| tenths(seen) >= before + 20.0).unwrap();
    agent.signal("TERM");
    assert!(agent.wait(SECOND * 5).0.success());
}

#[test]
fn a_good_file_applies() {
    let (double, other) = (Double::start(), Double::start());
    let agent = Setup::publishing(&double.url(), EACH_SECOND).start();
    double.wait_for(PATIENCE, |seen| !seen.accepted.is_empty()).unwrap();
    assert!(agent.said().lines().all(|line| line.starts_with("20")), "{}", agent.said());
    // Another namespace, metric, static pair, endpoint, level and form of the log.
    let config = format!(
        r#"{}{EACH_SECOND}
metrics.namespace = "Other/Memory"
metrics.enabled = ["MemoryAvailable"]
metrics.dimensions = [["InstanceId", "Team"]]
dimensions.Team = "database"
log.level = "debug"
log.format = "json"
"#,
        publishing(&other.url())
    );
    fs::write(agent.config(), config).unwrap();
    agent.signal("HUP");
    agent.wait_for_line("the new configuration is in force", PATIENCE);
    let named = |namespace: &str, metric: &str, team: Option<&str>| {
        let (namespace, metric) = (namespace.to_owned(), metric.to_owned());
        let team = team.map(str::to_owned);
        move |seen: &crate::support::cloudwatch::Seen| {
            seen.accepted.iter().any(|request| {
                let mut datums = request.datums.iter();
                request.namespace == namespace
                    && datums.any(|datum| {
                        datum.name == metric && datum.dimension("Team") == team.as_deref()
                    })
            })
        }
    };
    let new = named("Other/Memory", "MemoryAvailable", Some("database"));
    let seen = other.wait_for(PATIENCE, new).unwrap();
    // What was closed under the old configuration keeps its names; nothing new has them.
    let old = named("EC2/Memory", "MemoryUsedPercent", None);
    assert!(old(&double.seen()));
    let mixed =
        seen.datums().any(|it| it.name == "MemoryUsedPercent" && it.dimension("Team").is_some());
    assert!(!mixed, "{seen:?}");
    // The level follows: each delivery is told now, in the new form.
    let line = agent.wait_for_line("\"namespace\":\"Other/Memory\"", PATIENCE);
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["level"], &line["message"]), (&"debug".into(), &"delivered".into()));
    assert!(double.seen().refused.is_empty() && other.seen().refused.is_empty());
}

/// A reload costs no sample: the period's parts add up over it.
#[test]
fn a_reload_loses_nothing() {
    let double = Double::start();
    let config = "publish.period = \"60s\"\nsample.interval = \"100ms\"";
    let mut agent = Setup::publishing(&double.url(), config).nice().start();
    let started = std::time::Instant::now();
    double.wait_for(PATIENCE, |seen| !seen.accepted.is_empty()).unwrap();
    for times in 1..=3 {
        agent.signal("HUP");
        let end = std::time::Instant::now() + PATIENCE;
        while agent.count_lines("the new configuration is in force") < times {
            assert!(std::time::Instant::now() < end, "{}", agent.said());
            std::thread::sleep(SECOND / 10);
        }
    }
    agent.signal("TERM");
    assert!(agent.wait(SECOND * 5).0.success());
    let (ran, all) = (started.elapsed().as_secs_f64() * 10.0, tenths(&double.seen()));
    assert!((ran - 5.0..=ran + 2.0).contains(&all), "{all} tenths of {ran}");
}
