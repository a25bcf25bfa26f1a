//! The seeded simulation of the agent's core (`tests/support/simulation`), on its own.
//!
//!     cargo build --profile simulation --example simulation
//!     target/simulation/examples/simulation --seeds 0..2000
//!     target/simulation/examples/simulation --seed 17 --verbose
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "that is what it is for")]
#![allow(clippy::disallowed_methods, reason = "it says how long it took")]

#[path = "../tests/support/simulation/mod.rs"]
mod simulation;

use clap::Parser;
use simulation::{Bug, Failure, Options, Tally, run};
use std::ops::Range;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Lives through simulated days and holds the agent's core to its promises.
#[derive(Parser)]
#[command(name = "simulation")]
struct Cli {
    /// The seeds to run, as in 0..2000.
    #[arg(long, value_name = "A..B", default_value = "0..100", value_parser = range)]
    seeds: Range<u64>,

    /// One seed alone.
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,

    /// Simulated hours a seed.
    #[arg(long, default_value_t = 24)]
    hours: u32,

    /// Plant a bug, which is to be found.
    #[arg(long, value_name = "NAME", value_parser = bug)]
    bug: Option<Bug>,

    /// Print all that happens, with one seed.
    #[arg(long, requires = "seed")]
    verbose: bool,

    #[arg(long, default_value_t = 2)]
    threads: usize,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let seeds = cli.seed.map_or(cli.seeds, |seed| seed..seed + 1);
    let options = Options { hours: cli.hours, bug: cli.bug, verbose: cli.verbose };
    let began = Instant::now();
    let (tally, ran, failure) = run_all(seeds, &options, cli.threads);
    let seconds = began.elapsed().as_secs_f64();
    if let Some(Failure { seed, what }) = failure {
        println!("seed {seed} fails at {what}");
        let bug = Bug::ALL.iter().find(|(_, bug)| Some(*bug) == cli.bug);
        let bug = bug.map_or_else(String::new, |(name, _)| format!(" --bug {name}"));
        println!(
            "replay it: target/simulation/examples/simulation --seed {seed} --hours {}{bug} --verbose",
            cli.hours
        );
        return ExitCode::FAILURE;
    }
    println!("{ran} seeds of {} hours each in {seconds:.1} s: {tally:?}", cli.hours);
    ExitCode::SUCCESS
}

/// The lowest seed that fails stops the others.
fn run_all(seeds: Range<u64>, options: &Options, threads: usize) -> (Tally, u64, Option<Failure>) {
    let next = AtomicU64::new(seeds.start);
    let ran = AtomicU64::new(0);
    let outcome = Mutex::new((Tally::default(), None::<Failure>));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let result = run(seed, options);
                    ran.fetch_add(1, Ordering::Relaxed);
                    let Ok(mut outcome) = outcome.lock() else { return };
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
    let (tally, failure) = outcome.into_inner().unwrap_or_default();
    (tally, ran.into_inner(), failure)
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let parsed =
        text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    parsed.ok_or_else(|| format!("expected two numbers as in 0..2000, found {text:?}"))
}

fn bug(text: &str) -> Result<Bug, String> {
    let names: Vec<_> = Bug::ALL.iter().map(|(name, _)| *name).collect();
    Bug::named(text).ok_or_else(|| format!("expected one of {}", names.join(", ")))
}
