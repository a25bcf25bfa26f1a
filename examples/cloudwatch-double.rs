//! The tests' CloudWatch double, on its own: an endpoint to point an agent at, without AWS.
//!
//!     cargo run --example cloudwatch-double -- --listen 127.0.0.1:8125
//!
//! It prints a line a request and, at its end (Ctrl-C, SIGTERM, `--for`), a table of what arrived
//! per metric and period. It can be throttled, broken, hung, cut or closed for a while.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "that is what it is for")]

#[path = "../tests/support/cloudwatch/mod.rs"]
mod cloudwatch;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, ValueEnum};

use cloudwatch::{
    Behaviour, Clock, Datum, Double, Event, Fault, Poison, Request, Seen, Series, Statistics,
    Table, label,
};

/// A double of CloudWatch's PutMetricData endpoint, for trying an agent without AWS.
///
/// Point the agent at it with `endpoint_url` (and `ca_bundle`, with --tls); any credentials do.
#[derive(Parser)]
#[command(name = "cloudwatch-double")]
struct Cli {
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8125", value_parser = address)]
    listen: SocketAddr,

    /// Speak TLS, with a certificate authority made at start.
    #[arg(long, requires = "ca_file")]
    tls: bool,

    /// Where to write that authority's certificate, for the agent's `ca_bundle`.
    #[arg(long, value_name = "FILE", requires = "tls")]
    ca_file: Option<PathBuf>,

    /// End by itself after this long, as in 40s or 5m.
    #[arg(long = "for", value_name = "TIME", value_parser = span)]
    duration: Option<Duration>,

    /// What to print at the end.
    #[arg(long, value_enum, default_value_t)]
    summary: Summary,

    /// Print a line a datum, too: minimum, average, maximum and the number of samples.
    #[arg(long)]
    datums: bool,

    /// The length of the table's periods, as in 5s.
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = span)]
    period: Duration,

    /// Seconds the double's clock is ahead of the system's; negative: behind.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, allow_negative_numbers = true)]
    clock_offset: i64,

    /// Refuse requests signed more than five minutes off the double's clock.
    #[arg(long)]
    check_skew: bool,

    /// Refuse every request that holds a datum of this metric; may be given several times.
    #[arg(long, value_name = "METRIC")]
    poison: Vec<String>,

    #[command(flatten)]
    trouble: Trouble,
}

/// One trouble at most, from the start on.
#[derive(Args)]
#[group(multiple = false)]
struct Trouble {
    /// Throttle every request for this long.
    #[arg(long, value_name = "TIME", value_parser = span)]
    throttle_for: Option<Duration>,

    /// Answer 500 for this long.
    #[arg(long, value_name = "TIME", value_parser = span)]
    fail_for: Option<Duration>,

    /// Deny access for this long.
    #[arg(long, value_name = "TIME", value_parser = span)]
    deny_for: Option<Duration>,

    /// Accept requests but never answer for this long.
    #[arg(long, value_name = "TIME", value_parser = span)]
    hang_for: Option<Duration>,

    /// Close the connection instead of answering for this long.
    #[arg(long, value_name = "TIME", value_parser = span)]
    cut_for: Option<Duration>,

    /// Don't listen for this long: connecting is refused.
    #[arg(long, value_name = "TIME", value_parser = span)]
    refuse_for: Option<Duration>,
}

#[derive(Clone, Copy, Default, PartialEq, ValueEnum)]
enum Summary {
    /// A line per metric and period.
    #[default]
    Table,
    /// One line of totals.
    Totals,
    None,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("cloudwatch-double: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), String> {
    let mut double = start(cli)?;
    match cli.trouble.refuse_for {
        None => println!("listening on {} (Ctrl-C ends it)", double.url()),
        Some(time) => {
            let time = humantime::format_duration(time);
            println!("refusing on {} for {time} (Ctrl-C ends it)", double.url());
        }
    }
    if let Some(path) = &cli.ca_file {
        std::fs::write(path, double.ca_pem())
            .map_err(|error| format!("can't write --ca-file {}: {error}", path.display()))?;
        println!("authority to trust: {}", path.display());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("can't start: {error}"))?;
    runtime.block_on(until_the_end(cli, &mut double))?;
    let seen = double.seen();
    drop(double);
    print_summary(cli, &seen);
    Ok(())
}

fn span(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; write it as 40s or 5m"))
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected ADDRESS:PORT, as in 127.0.0.1:8125".to_owned())
}

fn start(cli: &Cli) -> Result<Double, String> {
    let datums = cli.datums;
    let double = Double::builder()
        .listen(cli.listen)
        .tls(cli.tls)
        .clock(Clock::offset(cli.clock_offset))
        .check_skew(cli.check_skew)
        .observe(move |event| {
            println!("{}", line(event));
            if let (Event::Accepted(request), true) = (event, datums) {
                request
                    .datums
                    .iter()
                    .for_each(|it| println!("  {}", datum(&request.namespace, it)));
            }
        });
    let double = if cli.trouble.refuse_for.is_some() { double.reserve() } else { double.start() };
    let double =
        double.map_err(|error| format!("can't listen on --listen {}: {error}", cli.listen))?;
    for metric in &cli.poison {
        double.poison(Poison::metric(metric));
    }
    let trouble = &cli.trouble;
    let troubles: [(Option<Duration>, Behaviour); 5] = [
        (trouble.throttle_for, Fault::throttled("Throttling").into()),
        (trouble.fail_for, Fault::internal().into()),
        (trouble.deny_for, Fault::access_denied().into()),
        (trouble.hang_for, Behaviour::Hang),
        (trouble.cut_for, Behaviour::Cut),
    ];
    for (time, behaviour) in troubles {
        if let Some(time) = time {
            double.for_time(time, behaviour);
        }
    }
    Ok(double)
}

async fn until_the_end(cli: &Cli, double: &mut Double) -> Result<(), String> {
    let opening = async {
        if let Some(time) = cli.trouble.refuse_for {
            pause(Some(time)).await;
            double.start_again();
            println!("listening from now on");
        }
        std::future::pending().await
    };
    tokio::select! {
        () = opening => Ok(()),
        () = pause(cli.duration) => Ok(()),
        ended = terminated() => ended.map_err(|error| format!("can't wait for signals: {error}")),
    }
}

#[allow(clippy::disallowed_methods, reason = "an example's waiting is no test's time")]
async fn pause(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

#[cfg(unix)]
async fn terminated() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
    }
}

#[cfg(not(unix))]
async fn terminated() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// `14:21:07 accepted 12 datums of EC2/Memory, 3018 bytes (gzip, 11900 unpacked)`
fn line(event: &Event) -> String {
    match event {
        Event::Accepted(request) => {
            format!("{} accepted {}", time(request.at), content(request))
        }
        Event::Refused(refusal) => {
            let status = refusal.status.map_or(String::new(), |status| format!("{status} "));
            let what = refusal.request.as_ref().map_or("what can't be read".to_owned(), content);
            let (code, message) = (&refusal.code, refusal.message.replace('\n', " "));
            format!("{} {status}{code} for {what}: {message}", time(refusal.at))
        }
    }
}

fn content(request: &Request) -> String {
    let Request { datums, namespace, bytes_on_wire, bytes, .. } = request;
    let packed = if request.gzip { format!(" (gzip, {bytes} unpacked)") } else { String::new() };
    format!("{} datums of {namespace}, {bytes_on_wire} bytes{packed}", datums.len())
}

/// `EC2/Memory MemoryUsedPercent{Host=vm} Percent 3.1 3.2 3.4 60`
fn datum(namespace: &str, datum: &Datum) -> String {
    let series = label(&Series::of(namespace, datum));
    let Some(it) = Statistics::of([&datum.figures]) else { return series };
    format!("{series} {} {} {} {}", it.minimum, it.average(), it.maximum, it.sample_count)
}

/// The time of day, UTC.
fn time(at: std::time::SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(at).to_string();
    text.split('T').next_back().unwrap_or_default().trim_end_matches('Z').to_owned()
}

fn print_summary(cli: &Cli, seen: &Seen) {
    let table = Table::by(seen, cli.period).to_string();
    match cli.summary {
        Summary::Table => print!("\n{table}"),
        Summary::Totals => println!("{}", table.lines().next().unwrap_or_default()),
        Summary::None => {}
    }
}
