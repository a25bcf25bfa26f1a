//! A day without the service, and what a long backlog costs.

use crate::host::Host;
use crate::kills::await_empty;
use crate::support::agent::{Agent, INSTANCE, Setup, publishing};
use crate::support::cloudwatch::{Behaviour, Double, Fault, Request};
use crate::{EACH_SECOND, PATIENCE, SECOND, used};
use cwmem::clock::{Boottime, Moment, Timestamp};
use cwmem::datum::{Datum, Resolution};
use cwmem::dimension::Dimension;
use cwmem::distribution::Statistics;
use cwmem::owner::Owner;
use cwmem::spool::Key;
use cwmem::spool::folder::Folder;
use cwmem::spool::text::{self, Content, Head};
use cwmem::units::Unit;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What an outage of so many minutes leaves: a file a minute, of the four metrics of the default.
/// Gives the first minute.
fn leave(state: &Path, minutes: u64) -> Timestamp {
    let owner = Owner::parse(INSTANCE);
    drop(Folder::open(state, &owner, "").unwrap());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let first = now / 60 * 60 - 60 * (minutes + 5);
    for minute in 0..minutes {
        let period = Timestamp(i64::try_from(first + 60 * minute).unwrap() * 1_000);
        let through = 60 * (minute + 1);
        let closed = Moment { wall: Timestamp(period.0 + 60_000), boot: Boottime(1) };
        let names = ["MemoryUsedPercent", "SwapUsedPercent", "MemoryStallPercent", "OomKills"];
        let datums = names.map(|name| datum(name, period, minute)).into();
        let head = Head::new(&owner.to_string(), "", through, closed);
        let text = text::write(&head, &Content { datums, pending: None });
        let key = Key { period, through, extra: 0 };
        fs::write(state.join(format!("spool/{key}.jsonl")), text).unwrap();
    }
    Timestamp(i64::try_from(first).unwrap() * 1_000)
}

fn datum(name: &'static str, timestamp: Timestamp, minute: u64) -> Datum {
    let values: Vec<f64> = (0..20).map(|step| (minute % 50 + step) as f64).collect();
    Datum {
        namespace: "EC2/Memory".into(),
        name: name.into(),
        dimensions: [Dimension { name: "InstanceId".into(), value: INSTANCE.into() }].into(),
        timestamp,
        unit: Unit::Percent,
        resolution: Resolution::Standard,
        statistics: Statistics::Values {
            counts: vec![30; values.len()].into(),
            values: values.into(),
        },
    }
}

#[test]
fn a_day_arrives_and_live_data_does_not_wait_for_it() {
    let (double, host) = (Double::start(), Host::start());
    let config = format!("{EACH_SECOND}spool.max_requests_per_second = 3\n{}", host.config());
    let setup = Setup::publishing(&double.url(), &config).nice();
    let first = leave(&setup.state(), DAY);
    let limit = first.plus(Duration::from_secs(60 * DAY)).system_time();
    double.always(Fault::unavailable());
    let mut agent = setup.start();
    std::thread::sleep(SECOND * 5);
    let while_down = double.seen().requests;
    double.always(Behaviour::Slow(SECOND / 5));
    await_empty(&setup.state(), PATIENCE);
    agent.signal("TERM");
    assert!(agent.wait(PATIENCE).0.success(), "{}", agent.said());
    let seen = double.seen();
    let old = |request: &&Request| request.datums.iter().any(|datum| datum.timestamp < limit);
    let drained: Vec<&Request> = seen.accepted.iter().filter(old).collect();
    println!("{while_down} requests in 5 s without the service, {} for a day", drained.len());
    // A probe at 0 s and then, with full jitter, at growing distances of at least 0.2 s.
    assert!(while_down <= 12, "{while_down}");
    // 5,760 datums, about 128 a request, and what a probe took.
    assert!((45..=50).contains(&drained.len()), "{}", drained.len());
    let mut minutes: BTreeMap<SystemTime, usize> = BTreeMap::new();
    for datum in drained.iter().flat_map(|request| &request.datums) {
        *minutes.entry(datum.timestamp).or_default() += usize::from(datum.timestamp < limit);
    }
    minutes.retain(|_, count| *count > 0);
    assert_eq!(minutes.len() as u64, DAY);
    assert!(minutes.values().all(|count| *count == 4), "each datum once: {minutes:?}");
    let rest = drained.iter().skip(1).flat_map(|it| &it.datums).map(|datum| datum.timestamp);
    assert!(rest.clone().zip(rest.skip(1)).all(|(one, next)| one <= next), "oldest first");
    for (late, request) in live_delays(&seen.accepted, drained[0], limit) {
        assert!(late <= SECOND * 2, "{late:?}: {request:?}");
    }
    assert!(seen.refused.iter().all(|refusal| refusal.scripted), "{:?}", seen.refused);
}

/// How long after its period's end each live datum arrived since the drain began; a sixth of a
/// period is the host's place.
fn live_delays<'a>(
    accepted: &'a [Request],
    since: &Request,
    limit: SystemTime,
) -> Vec<(Duration, &'a Request)> {
    let mut delays = Vec::new();
    for request in accepted.iter().filter(|request| request.at > since.at) {
        let own = request.datums.iter().filter(|datum| datum.name == used().metric);
        for datum in own.filter(|it| it.timestamp >= since.at && it.timestamp > limit) {
            let late = request.at.duration_since(datum.timestamp + SECOND).unwrap_or_default();
            delays.push((late, request));
        }
    }
    assert!(delays.len() >= 3, "live data came meanwhile: {delays:?}");
    delays
}

/// The release binary at its defaults: its memory doesn't grow with what waits on the disk. While it
/// is sent, it holds a request or two: 2,000 files take long enough to see what that is.
#[test]
fn twenty_thousand_files_take_no_more_memory_than_ten() {
    let hosts = [10, 2_000, 20_000].map(|minutes| {
        let double = Double::start();
        double.always(Fault::unavailable());
        let config = "spool.max_bytes = \"1GiB\"\nspool.max_requests_per_second = 40\n";
        let setup = Setup::of(&release_binary(), &(publishing(&double.url()) + config));
        leave(&setup.state(), minutes);
        (double, setup.start(), setup)
    });
    let resident = || hosts.each_ref().map(|(_, agent, _)| resident_kib(agent));
    std::thread::sleep(SECOND * 8);
    let waiting = resident();
    for (double, agent, _) in &hosts {
        double.heal();
        // What failed before is tried at once.
        agent.signal("HUP");
    }
    let (mut peaks, end) = (waiting, Instant::now() + PATIENCE * 2);
    let files = |setup: &Setup| fs::read_dir(setup.state().join("spool")).unwrap().count();
    while files(&hosts[2].2) > 5 {
        let now = resident();
        peaks = [0, 1, 2].map(|place| peaks[place].max(now[place]));
        assert!(Instant::now() < end, "{} left: {}", files(&hosts[2].2), hosts[2].1.said());
        std::thread::sleep(SECOND / 20);
    }
    println!(
        "resident KiB with 10, 2,000 and 20,000 files: {waiting:?} while nothing is taken, at most \
         {peaks:?} while they are sent, in {} requests",
        hosts[2].0.seen().accepted.len()
    );
    assert!(waiting[2] <= waiting[0] + 1_024, "{waiting:?}");
    assert!(peaks[2] <= peaks[1] + 1_024, "{peaks:?}");
}

fn resident_kib(agent: &Agent) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", agent.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn release_binary() -> PathBuf {
    let debug = Path::new(env!("CARGO_BIN_EXE_cwmem"));
    let binary = debug.parent().and_then(Path::parent).unwrap().join("release/cwmem");
    assert!(binary.exists(), "{} is missing: `make test` builds it", binary.display());
    binary
}

/// Of minutes.
const DAY: u64 = 1_440;
