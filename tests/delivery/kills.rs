//! `kill -9` at any instant, while the service takes what it likes: for each period, what the
//! flight recorder says was measured is what arrives.

use crate::host::Host;
use crate::ledger::{Ledger, Place, places};
use crate::support::agent::Setup;
use crate::support::cloudwatch::{Behaviour, Double, Fault, Seen};
use crate::{EACH_SECOND, PATIENCE, SECOND};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[test]
fn killed_a_hundred_times_it_loses_nothing() {
    play(1);
}

#[test]
fn killed_another_hundred_times_it_loses_nothing() {
    play(2);
}

fn play(seed: u64) {
    let all: usize = std::env::var("CWMEM_KILLS").map_or(200, |text| text.parse().unwrap());
    let (double, host) = (Double::start(), Host::start());
    let config = format!(
        "{EACH_SECOND}publish.grace = \"20s\"\nrecorder.duration = \"1m\"\nlog.level = \"warn\"\n{}",
        host.config()
    );
    let mut setup = Setup::publishing(&double.url(), &config);
    let mut ledger = Ledger::new(1);
    let mut cuts = Vec::new();
    let began = Instant::now();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| weather(&double, seed, &over));
        // A failed assertion must end the weather too, or the scope never does.
        let _end = End(&over);
        let mut random = fastrand::Rng::with_seed(seed);
        for life in 0..all / 2 {
            setup.set(KEY, &format!("LIFE{life}"));
            let mut agent = setup.start();
            std::thread::sleep(Duration::from_millis(random.u64(20..1_000)));
            agent.kill();
            cuts.push(ledger.unsettled(&setup));
        }
    });
    double.heal();
    let killed = began.elapsed();
    setup.set(KEY, &format!("LIFE{}", all / 2));
    let mut agent = setup.start();
    let last = format!("LIFE{}", all / 2);
    let lives = |seen: &Seen| seen.accepted.iter().any(|request| request.access_key_id == last);
    double.wait_for(PATIENCE, lives).unwrap();
    await_empty(&setup.state(), PATIENCE);
    agent.signal("TERM");
    let (status, _) = agent.wait(PATIENCE);
    assert!(status.success(), "{}", agent.said());
    ledger.gather(&setup.runtime());
    let seen = double.seen();
    let repeats = ledger.compare(&seen, &may_repeat(&seen, &cuts));
    let withheld = seen.accepted.iter().filter(|request| request.answer_withheld).count();
    println!(
        "seed {seed}: {} kills in {killed:?}, {} samples, {} s covered, {} requests stored \
         ({withheld} without an answer), {} refused, {repeats} periods with a repeat",
        cuts.len(),
        ledger.len(),
        ledger.tenths() / 10,
        seen.accepted.len(),
        seen.refused.len(),
    );
    assert!(seen.refused.iter().all(|refusal| refusal.scripted), "{:?}", seen.refused);
    let dropped = |series: &crate::support::cloudwatch::Series| series.metric == "AgentDropped";
    assert!(!seen.series().iter().any(dropped), "{:?}", seen.series());
}

fn life_of(key: &str) -> usize {
    key.strip_prefix("LIFE").unwrap().parse().unwrap()
}

/// How often what was measured may come once more: for each answer that was withheld, and for each
/// life that was cut off between the service's storing of it and its own settling, as its disk says.
fn may_repeat(seen: &Seen, cuts: &[BTreeSet<Place>]) -> BTreeMap<Place, usize> {
    let mut may: BTreeMap<Place, usize> = BTreeMap::new();
    let mut stored_by: BTreeMap<Place, usize> = BTreeMap::new();
    for request in &seen.accepted {
        for place in places(request).into_keys() {
            *may.entry(place).or_default() += usize::from(request.answer_withheld);
            let life = life_of(&request.access_key_id);
            stored_by.entry(place).and_modify(|first| *first = life.min(*first)).or_insert(life);
        }
    }
    for (life, unsettled) in cuts.iter().enumerate() {
        let stored = |place: &&Place| stored_by.get(*place).is_some_and(|first| *first <= life);
        for place in unsettled.iter().filter(stored) {
            *may.entry(*place).or_default() += 1;
        }
    }
    may
}

/// The service takes about half of what it gets, and sometimes doesn't say so.
fn weather(double: &Double, seed: u64, over: &AtomicBool) {
    let mut random = fastrand::Rng::with_seed(seed ^ 0x5eed);
    while !over.load(Ordering::Relaxed) {
        double.always(match random.u8(0..12) {
            0 => Behaviour::Fail(Fault::throttled("ThrottlingException")),
            1 => Behaviour::Fail(Fault::internal()),
            2 => Behaviour::Cut,
            3 | 4 => Behaviour::CutAfterStoring,
            5 | 6 => Behaviour::Slow(Duration::from_millis(100)),
            _ => Behaviour::Serve,
        });
        std::thread::sleep(Duration::from_millis(random.u64(50..400)));
    }
}

struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Until nothing waits in the spool's folder that was there at the call.
pub fn await_empty(state: &Path, patience: Duration) {
    let files = || -> BTreeSet<String> {
        let entries = fs::read_dir(state.join("spool")).into_iter().flatten();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".jsonl")).collect()
    };
    let (there, end) = (files(), Instant::now() + patience);
    while !files().is_disjoint(&there) {
        assert!(Instant::now() < end, "still there: {:?}", files());
        std::thread::sleep(SECOND / 10);
    }
}

/// Each life signs with a key of its own: a request tells who sent it.
const KEY: &str = "AWS_ACCESS_KEY_ID";
