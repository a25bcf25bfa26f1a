//! What a start finds: its own data, another's, another agent, another version's files.

use crate::host::Host;
use crate::kills::await_empty;
use crate::ledger::Ledger;
use crate::support::agent::{INSTANCE, Setup, publishing};
use crate::support::cloudwatch::{Double, Fault, Seen, Series};
use crate::{EACH_SECOND, PATIENCE, SECOND};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn config(host: &Host) -> String {
    format!("{EACH_SECOND}publish.grace = \"1s\"\n{}", host.config())
}

/// Runs for so long while nothing is taken, and is stopped.
fn run_without_service(double: &Double, setup: &Setup, seconds: u32) {
    double.always(Fault::unavailable());
    let mut agent = setup.start();
    std::thread::sleep(SECOND * seconds);
    agent.signal("TERM");
    let (status, _) = agent.wait(PATIENCE);
    assert!(status.success(), "{}", agent.said());
    agent.wait_for_line("waits in the state directory for the next start", PATIENCE);
    double.heal();
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn is_told(seen: &Seen, metric: &str) -> bool {
    seen.series().iter().any(|series| series.metric == metric)
}

#[test]
fn a_stop_without_a_service_leaves_all_for_the_next_start() {
    let (double, host) = (Double::start(), Host::start());
    let setup = Setup::publishing(&double.url(), &config(&host)).nice();
    run_without_service(&double, &setup, 5);
    assert!(double.seen().accepted.is_empty());
    let left = files(&setup.state().join("spool"));
    assert!(left.iter().filter(|name| name.ends_with(".jsonl")).count() >= 4, "{left:?}");
    let mut ledger = Ledger::new(1);
    ledger.gather(&setup.runtime());
    // The runtime directory goes with a reboot: what waits doesn't need it.
    fs::remove_dir_all(setup.runtime()).unwrap();
    let mut agent = setup.start();
    double.wait_for(PATIENCE, |seen| seen.accepted.len() >= 3).unwrap();
    await_empty(&setup.state(), PATIENCE);
    agent.signal("TERM");
    assert!(agent.wait(PATIENCE).0.success(), "{}", agent.said());
    ledger.gather(&setup.runtime());
    let seen = double.seen();
    assert_eq!(ledger.compare(&seen, &BTreeMap::new()), 0);
    assert!(!is_told(&seen, "AgentDropped"));
}

#[test]
fn a_second_agent_ends_at_once() {
    let double = Double::start();
    let setup = Setup::publishing(&double.url(), EACH_SECOND);
    let _agent = setup.start();
    double.wait_for(PATIENCE, |seen| !seen.accepted.is_empty()).unwrap();
    let second = setup.output();
    assert_eq!(second.code, Some(75), "{second:?}");
    let state = setup.state().display().to_string();
    assert!(second.stderr.contains("another cwmem already runs"), "{second:?}");
    assert!(second.stderr.contains(&state), "{second:?}");
}

/// An image is baked from a host that has data waiting: what starts from it sends none of it.
#[test]
fn what_another_host_left_is_never_sent() {
    let (double, host) = (Double::start(), Host::start());
    let setup = Setup::publishing(&double.url(), &config(&host)).nice();
    run_without_service(&double, &setup, 5);
    fs::remove_dir_all(setup.runtime()).unwrap();
    let waited = files(&setup.state().join("spool"));
    let waited = waited.iter().filter(|name| name.ends_with(".jsonl")).count();
    let new = "i-0fedcba9876543210";
    setup.configure(&format!(
        "{}{}",
        publishing(&double.url()).replace(INSTANCE, new),
        config(&host)
    ));
    let mut agent = setup.start();
    let foreign = Series::new("EC2/Memory", "AgentDropped").dimension("InstanceId", new);
    let foreign = foreign.dimension("Cause", "foreign");
    let lost = |seen: &Seen| seen.periods(&foreign, SECOND).values().map(|it| it.sum).sum::<f64>();
    double
        .wait_for(PATIENCE, |seen| lost(seen) > 0.0)
        .unwrap_or_else(|error| panic!("{error}{}", agent.said()));
    std::thread::sleep(SECOND * 2);
    agent.signal("TERM");
    assert!(agent.wait(PATIENCE).0.success(), "{}", agent.said());
    let seen = double.seen();
    let mut hosts = seen.datums().map(|datum| datum.dimension("InstanceId").unwrap());
    assert!(hosts.all(|instance| instance == new), "{seen:?}");
    assert!(lost(&seen) >= waited as f64, "{} of {waited}", lost(&seen));
    let aside = files(&setup.state().join("quarantine/foreign.0"));
    assert_eq!(aside.iter().filter(|name| name.ends_with(".jsonl")).count(), waited);
    assert!(setup.state().join("ring.foreign").exists(), "{:?}", files(&setup.state()));
}

/// After a downgrade: what a newer version left stays as it is, out of the way.
#[test]
fn files_of_a_newer_format_are_set_aside_untouched() {
    let double = Double::start();
    let setup = Setup::publishing(&double.url(), EACH_SECOND).nice();
    let spool = setup.state().join("spool");
    fs::create_dir_all(&spool).unwrap();
    fs::create_dir_all(setup.runtime()).unwrap();
    let part = b"{\"cwmem_spool\":2,\"owner\":{\"anything\":[1]}}\n{\"else\":true}\n\x00\xff";
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let name = format!("{:010}-{:012}.jsonl", now.as_secs() - 600, 77);
    fs::write(spool.join(&name), part).unwrap();
    let mut ring = vec![0xa5; 9_000];
    ring[..12].copy_from_slice(b"cwmemrng\x02\0\0\0");
    let places = [setup.runtime(), setup.state()];
    for folder in &places {
        fs::write(folder.join("ring"), &ring).unwrap();
    }
    let mut agent = setup.start();
    double
        .wait_for(PATIENCE, |seen| seen.accepted.len() >= 3)
        .unwrap_or_else(|error| panic!("{error}{}", agent.said()));
    let aside = setup.state().join("quarantine").join(format!("newer.{name}"));
    agent.wait_for_line("its format is version 2", PATIENCE);
    assert_eq!(fs::read(aside).unwrap(), part);
    for folder in &places {
        assert_eq!(fs::read(folder.join("ring.newer")).unwrap(), ring, "{}", folder.display());
    }
    agent.signal("TERM");
    assert!(agent.wait(PATIENCE).0.success(), "{}", agent.said());
    // It isn't lost: the newer version takes it up again.
    assert!(!is_told(&double.seen(), "AgentDropped"));
}
