//! `cwmem cost`: what this configuration costs a month at CloudWatch, and what would cost less.

use crate::command::output::{self, complain};
use crate::command::outside;
use crate::config::{Config, MAX_HOSTS};
use crate::cost::{Estimate, Line, Prices, Question, Saving, estimate};
use crate::exit::Exit;
use crate::table::Table;
use serde_json::{Value, json};
use std::fmt::Write;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many hosts have this configuration [default: cost.hosts]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_HOSTS)))]
    hosts: Option<u32>,
    /// Reckon with the account's free tier, as if nothing else used it
    #[arg(long)]
    free_tier: bool,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

/// Exit code 1 where it is more than `cost.max_monthly_cost`.
pub fn run(config: &Config, options: &Options) -> Exit {
    let prices = match Prices::shipped() {
        Ok(prices) => prices,
        Err(error) => {
            complain(format_args!("the price list cannot be read: {error}"));
            return Exit::Bug;
        }
    };
    let question = Question {
        on_ec2: outside::identity(config).is_on_ec2(),
        hosts: options.hosts.unwrap_or(config.cost.hosts).into(),
        free_tier: options.free_tier,
    };
    let estimate = estimate(config, &question, &prices);
    let limit = config.cost.max_monthly_cost;
    let exit = match limit {
        Some(limit) if estimate.total.busy > limit => Exit::Findings,
        _ => Exit::Ok,
    };
    match options.json {
        true => {
            output::show(format_args!("{}\n", object(&estimate, &question, &prices, limit)), exit)
        }
        false => output::show(text(&estimate, &question, &prices, limit), exit),
    }
}

fn text(estimate: &Estimate, question: &Question, prices: &Prices, limit: Option<f64>) -> String {
    let mut table = Table::new(&["A MONTH", "COUNT", "QUIET", "BUSY"]).with_figures(1..4);
    for Line { what, count, money } in &estimate.lines {
        let row = [what.clone(), format!("{count:.0}"), dollars(money.quiet), dollars(money.busy)];
        table.row(row);
    }
    let total = estimate.total;
    let hosts = match question.hosts {
        1 => "one host".to_owned(),
        many => format!("{many} hosts"),
    };
    table.row([format!("all, {hosts}"), String::new(), dollars(total.quiet), dollars(total.busy)]);
    let mut text = format!("{table}\n{LEGEND}\n");
    let _ = writeln!(
        text,
        "List prices of {} in {}, US dollars: {}",
        prices.date, prices.region, prices.source
    );
    let mut on_top = Table::new(&["ON TOP, WHERE PUT", "COUNT", "A MONTH"]).with_figures(1..3);
    for Line { what, count, money } in &estimate.on_top {
        on_top.row([what.clone(), format!("{count:.0}"), dollars(money.busy)]);
    }
    let _ = write!(text, "\n{on_top}");
    if let Some(limit) = limit.filter(|limit| total.busy > *limit) {
        let _ = writeln!(
            text,
            "\nMore than cost.max_monthly_cost, which is {}: {} too much.",
            dollars(limit),
            dollars(total.busy - limit)
        );
    }
    if !estimate.savings.is_empty() {
        let mut table =
            Table::new(&["WOULD SAVE", "QUIET", "BUSY", "AT A PRICE"]).with_figures(1..3);
        for Saving { setting, money, price } in &estimate.savings {
            table.row([setting, &dollars(money.quiet), &dollars(money.busy), *price]);
        }
        let _ = write!(text, "\n{table}");
    }
    text
}

fn object(estimate: &Estimate, question: &Question, prices: &Prices, limit: Option<f64>) -> Value {
    let lines = estimate.lines.iter().map(|line| {
        json!({"what": line.what, "count": line.count, "quiet": cents(line.money.quiet), "busy": cents(line.money.busy)})
    });
    let savings = estimate.savings.iter().map(|saving| {
        json!({"setting": saving.setting, "quiet": cents(saving.money.quiet), "busy": cents(saving.money.busy), "price": saving.price})
    });
    let on_top = estimate.on_top.iter().map(
        |line| json!({"what": line.what, "count": line.count, "cost": cents(line.money.busy)}),
    );
    json!({
        "hosts": question.hosts,
        "free_tier": question.free_tier,
        "lines": lines.collect::<Vec<_>>(),
        "quiet": cents(estimate.total.quiet),
        "busy": cents(estimate.total.busy),
        "on_top": on_top.collect::<Vec<_>>(),
        "max_monthly_cost": limit,
        "savings": savings.collect::<Vec<_>>(),
        "prices": {"source": prices.source, "date": prices.date, "region": prices.region},
    })
}

fn dollars(value: f64) -> String {
    format!("${value:.2}")
}

fn cents(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

const LEGEND: &str = "QUIET: no sparse metric is sent. BUSY: each of them is sent in every hour.";
