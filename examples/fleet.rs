//! A cluster of thousands of simulated members against one MySQL or MariaDB server, timed.
//!
//!     cargo run --example fleet -- --members 10000 --factor 4
//!
//! Without `--url` it starts a MariaDB server of its own, as the tests do. What it prints is
//! explained in docs/cluster-scale.md.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "that is what it is for")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "the server is the tests', in real time"
)]

#[path = "../tests/support/load/mod.rs"]
mod load;
#[path = "../tests/support/mariadb.rs"]
#[allow(dead_code, reason = "it needs a part of it")]
mod mariadb;

use clap::Parser;
use load::{Kind, Outcome, Plan, run};
use mariadb::{PASSWORD, Server};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Has thousands of simulated members report to one database, and says what that costs it.
#[derive(Parser)]
#[command(name = "fleet")]
struct Cli {
    /// How many members.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    members: u64,

    /// The members' period.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    period: Duration,

    /// How many times as fast the period is lived through; whole seconds have to be left, at least 2.
    #[arg(long, value_name = "N", default_value_t = 1)]
    factor: u32,

    /// How many periods are measured, after two that aren't.
    #[arg(long, value_name = "N", default_value_t = 3)]
    periods: u32,

    /// Another server than one of its own: mysql://user@host:port/schema. Its tables are made.
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// A file that holds the user's password.
    #[arg(long, value_name = "FILE", requires = "url")]
    password_file: Option<PathBuf>,

    /// Draws the members' places and figures.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    match simulate(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("fleet: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn simulate(cli: &Cli) -> Result<(), String> {
    // Gone at the end of this function.
    let own = cli.url.is_none().then(Server::start);
    let password = match (&own, &cli.password_file) {
        (Some(_), _) => Some(PASSWORD.to_owned()),
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file);
            let text = text.map_err(|error| format!("{}: {error}", file.display()))?;
            Some(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        (None, None) => None,
    };
    let url = own.as_ref().map(|server| format!("{}/cwmem", server.url())).or(cli.url.clone());
    let plan = Plan {
        url: url.unwrap_or_default(),
        password,
        members: cli.members,
        period: cli.period / cli.factor.max(1),
        periods: cli.periods,
        seed: cli.seed,
    };
    println!(
        "{} members, a period of {:?} lived through in {:?}, {} periods",
        plan.members, cli.period, plan.period, plan.periods
    );
    let outcome = run(&plan)?;
    show(&plan, &outcome);
    Ok(())
}

fn show(plan: &Plan, outcome: &Outcome) {
    let Outcome { tally, measured, server, own_cpu } = outcome;
    let share = |cpu: &Duration| 100.0 * cpu.as_secs_f64() / measured.as_secs_f64();
    let upserts = tally.count(Kind::Upsert) as f64;
    println!("{tally}");
    println!("upserts a second: {:.1}", upserts / measured.as_secs_f64());
    println!("visits in the busiest second: {}", tally.busiest_second());
    println!("connections at a time: at most {}", tally.most_open());
    print!("{server}");
    println!("server's processor time: {:.1} % of one", share(&server.cpu));
    println!("of that for a visit: {:.0} µs", server.cpu.as_micros() as f64 / upserts.max(1.0));
    println!("this process's processor time: {:.1} % of one", share(own_cpu));
    let bytes = server.table_bytes as f64 / plan.members.max(1) as f64;
    println!("bytes a row: {bytes:.0}");
}
