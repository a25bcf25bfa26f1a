//! A cluster's members under a simulated clock: thousands of lives with everything that can go wrong
//! between them, their database and the service, and protections taken away, which is to be noticed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "these are tests, and say how long they took"
)]

#[path = "support/cluster_simulation/mod.rs"]
mod cluster_simulation;

use cluster_simulation::{Bug, Failure, Options, Tally, run};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// More for `make soak`, one to see what happens in it: CWMEM_CLUSTER_SEEDS=17..18.
fn seeds() -> Range<u64> {
    let Ok(given) = std::env::var("CWMEM_CLUSTER_SEEDS") else { return 0..2_000 };
    let (from, to) = given.split_once("..").unwrap();
    from.parse().unwrap()..to.parse().unwrap()
}

/// The lowest seed that fails, if one does.
fn run_all(seeds: Range<u64>, options: &Options) -> Result<Tally, Failure> {
    let next = AtomicU64::new(seeds.start);
    let outcome = Mutex::new((Tally::default(), None::<Failure>));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let result = run(seed, options);
                    let mut outcome = outcome.lock().unwrap();
                    match result {
                        Ok(tally) => outcome.0.add(&tally),
                        Err(failure) => {
                            next.store(seeds.end, Ordering::Relaxed);
                            if outcome.1.as_ref().is_none_or(|other| failure.seed < other.seed) {
                                outcome.1 = Some(failure);
                            }
                        }
                    }
                }
            });
        }
    });
    let (tally, failure) = outcome.into_inner().unwrap();
    failure.map_or(Ok(tally), Err)
}

#[test]
fn two_thousand_lives_keep_every_promise() {
    let seeds = seeds();
    let options = Options { verbose: seeds.end - seeds.start == 1, ..Options::default() };
    let began = Instant::now();
    match run_all(seeds.clone(), &options) {
        Ok(tally) => {
            let seconds = began.elapsed().as_secs_f64();
            println!("{} seeds in {seconds:.1} s: {tally:?}", seeds.end - seeds.start);
        }
        Err(Failure { seed, what }) => panic!(
            "seed {seed} fails at {what}\nreplay it: CWMEM_CLUSTER_SEEDS={seed}..{} cargo test \
             --test cluster_simulation two_thousand -- --nocapture",
            seed + 1
        ),
    }
}

#[test]
fn what_is_taken_away_is_missed() {
    for (bug, symptom) in [
        (Bug::NoClaim, "2 summaries of the period"),
        (Bug::NoWaitTimeout, "no summary within"),
        (Bug::Impatient, "still believes in a lock"),
    ] {
        let options = Options { bug: Some(bug), ..Options::default() };
        let Err(failure) = run_all(0..2_000, &options) else { panic!("{bug:?} isn't noticed") };
        println!("{bug:?}: seed {} fails at {}", failure.seed, failure.what);
        assert!(failure.what.contains(symptom), "{bug:?}: {}", failure.what);
    }
}
