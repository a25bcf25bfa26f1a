//! What a configuration costs a month at CloudWatch, line by line, and what other settings would save.

mod prices;

pub use prices::Prices;

use crate::alarms::place::{Place, any_host};
use crate::alarms::recipe::plan;
use crate::batch;
use crate::config::Config;
use crate::series::{Series, Whose, series};
use std::collections::BTreeSet;
use std::time::Duration;

/// What is asked beside the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    pub on_ec2: bool,
    /// How many hosts have this configuration.
    pub hosts: u64,
    /// Whether the account's free tier is this configuration's to use.
    pub free_tier: bool,
}

/// US dollars a month, in a month in which no sparse metric is sent, and in one in which all of
/// them are sent in every hour.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Money {
    pub quiet: f64,
    pub busy: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub what: String,
    /// How many of it are billed, when all is busy.
    pub count: f64,
    pub money: Money,
}

/// What another setting would save.
#[derive(Debug, Clone, PartialEq)]
pub struct Saving {
    pub setting: String,
    pub money: Money,
    /// What is lost by it.
    pub price: &'static str,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    pub lines: Vec<Line>,
    pub total: Money,
    /// What would come to it, where it was put at CloudWatch.
    pub on_top: Vec<Line>,
    pub savings: Vec<Saving>,
}

pub fn estimate(config: &Config, question: &Question, prices: &Prices) -> Estimate {
    let lines = lines(config, question, prices);
    let total = sum(&lines);
    let savings = others(config, question).into_iter().filter_map(|(setting, price, other)| {
        let cheaper = sum(&self::lines(&other, question, prices));
        let money = Money { quiet: total.quiet - cheaper.quiet, busy: total.busy - cheaper.busy };
        (money.busy > HALF_A_CENT).then_some(Saving { setting, money, price })
    });
    let on_top = on_top(config, question, prices);
    Estimate { savings: savings.collect(), lines, total, on_top }
}

/// The alarms of `cwmem alarms`, and one dashboard, which shows any host.
fn on_top(config: &Config, question: &Question, prices: &Prices) -> Vec<Line> {
    let host = any_host(config, question.on_ec2);
    let plan = plan(config, Place::Template(&host));
    let count = |high: bool| -> u64 {
        let some = plan.alarms.iter().filter(|one| (one.alarm.period < MINUTE) == high);
        some.map(|one| if one.whose == Whose::Host { question.hosts } else { 1 }).sum()
    };
    let free = if question.free_tier { prices.free.clone() } else { Default::default() };
    let line = |what: &str, count: u64, free: u64, price: f64| {
        let money = count.saturating_sub(free) as f64 * price;
        let money = Money { quiet: money, busy: money };
        Line { what: what.to_owned(), count: count as f64, money }
    };
    let alarms = [
        line("alarms", count(false), free.alarms, prices.alarm.standard),
        line("high-resolution alarms", count(true), 0, prices.alarm.high_resolution),
    ];
    let alarms = alarms.into_iter().filter(|line| line.count > 0.0);
    alarms.chain([line("a dashboard", 1, free.dashboards, prices.dashboard)]).collect()
}

fn lines(config: &Config, question: &Question, prices: &Prices) -> Vec<Line> {
    let all = series(config, question.on_ec2);
    let count = |sparse: bool| -> u64 {
        let some = all.iter().filter(|one| one.sparse == sparse);
        some.map(|one| instances(one, question.hosts)).sum()
    };
    let (steady, sparse) = (count(false), count(true));
    let free = if question.free_tier { prices.free.clone() } else { Default::default() };
    let billed = |count: u64| count.saturating_sub(free.metrics);
    let metrics = Money {
        quiet: prices.metrics(billed(steady)),
        busy: prices.metrics(billed(steady + sparse)),
    };
    let alone = prices.metrics(billed(steady));
    let requests = requests(config, &all, question.hosts, prices.hours_a_month);
    let paid = (requests - free.requests as f64).max(0.0);
    let price = prices.requests(paid);
    vec![
        Line {
            what: "metrics sent in every period".to_owned(),
            count: steady as f64,
            money: Money { quiet: alone, busy: alone },
        },
        Line {
            what: "sparse metrics, billed in the hours that they are sent".to_owned(),
            count: sparse as f64,
            money: Money { quiet: metrics.quiet - alone, busy: metrics.busy - alone },
        },
        Line {
            what: "requests".to_owned(),
            count: requests,
            money: Money { quiet: price, busy: price },
        },
    ]
}

/// How many series of the service's a series of the configuration is.
fn instances(series: &Series<'_>, hosts: u64) -> u64 {
    match series.whose {
        Whose::Host => hosts,
        Whose::Shared => 1,
    }
}

/// A month's calls of PutMetricData by all hosts: one each `publish.every`, and more where a
/// request can't take all datums.
fn requests(config: &Config, all: &[Series<'_>], hosts: u64, hours: f64) -> f64 {
    let publish = &config.publish;
    let periods = publish.every.as_nanos() / publish.period.as_nanos().max(1);
    let datums = all.len() as u64 * u64::try_from(periods).unwrap_or(u64::MAX);
    let each = datums.div_ceil(batch::MAX_DATUMS as u64).max(1);
    let times = hours * 3_600.0 / publish.every.as_secs_f64();
    hosts as f64 * times * each as f64
}

/// The same configuration with one thing less of it: the setting, what it loses, and the result.
fn others(config: &Config, question: &Question) -> Vec<(String, &'static str, Config)> {
    let mut others = Vec::new();
    if config.publish.every < FIVE_MINUTES {
        let mut other = config.clone();
        other.publish.every = FIVE_MINUTES;
        others.push((
            "publish.every = \"5m\"".to_owned(),
            "data come up to five minutes later, in bursts",
            other,
        ));
    }
    let published = series(config, question.on_ec2);
    let sets: BTreeSet<String> = published
        .iter()
        .filter(|one| one.namespace == config.metrics.namespace && !one.set.0.is_empty())
        .map(|one| one.set.to_string())
        .collect();
    if let (Some(own), true) = (&config.metrics.dimensions, sets.len() > 1) {
        for place in 0..own.len() {
            let mut other = config.clone();
            let mut left = own.clone();
            let set = left.remove(place);
            other.metrics.dimensions = Some(left);
            let setting = format!("metrics.dimensions without {set}");
            others.push((setting, "alarms and dashboards on that set see nothing", other));
        }
    }
    for (place, metric) in config.metrics.enabled.iter().enumerate() {
        if config.metrics.enabled.len() > 1 {
            let mut other = config.clone();
            other.metrics.enabled.remove(place);
            others.push((
                format!("without {}", metric.name),
                "alarms and dashboards on it see nothing",
                other,
            ));
        }
    }
    others
}

fn sum(lines: &[Line]) -> Money {
    lines.iter().fold(Money::default(), |sum, line| Money {
        quiet: sum.quiet + line.money.quiet,
        busy: sum.busy + line.money.busy,
    })
}

const MINUTE: Duration = Duration::from_secs(60);
const FIVE_MINUTES: Duration = Duration::from_secs(300);
/// What isn't worth a line.
const HALF_A_CENT: f64 = 0.005;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_str;

    fn total(text: &str, hosts: u64, free_tier: bool) -> Money {
        let config = parse_str("test", text).unwrap();
        let question = Question { on_ec2: true, hosts, free_tier };
        estimate(&config, &question, &Prices::shipped().unwrap()).total
    }

    /// The worked examples of the price list's facts, to the cent.
    #[test]
    fn worked_examples() {
        let one = "[metrics]\nenabled = [\"MemoryUsedPercent\"]\n";
        let four = "[metrics]\nenabled = [\"MemoryUsedPercent\", \"MemoryUsed\", \"MemoryAvailable\", \"SwapUsed\"]\n";
        let cases = [
            (four, 1, false, 1.64),
            (one, 1, false, 0.74),
            (
                "[metrics]\nenabled = [\"MemoryUsedPercent\"]\n[publish]\nevery = \"5m\"\n",
                1,
                false,
                0.39,
            ),
            (four, 1, true, 0.0),
            // 40 metrics and 438,000 requests: 10 and all of them are free.
            (four, 10, true, 9.0),
            (one, 10_000, false, 3_000.0 + 4_380.0),
        ];
        for (text, hosts, free, expected) in cases {
            let Money { quiet, busy } = total(text, hosts, free);
            assert_eq!((format!("{quiet:.2}"), quiet), (format!("{expected:.2}"), busy), "{text}");
        }
    }

    #[test]
    fn sparse_metrics_cost_only_when_they_speak_and_shared_series_once() {
        let Money { quiet, busy } = total("", 1, false);
        assert_eq!((format!("{quiet:.2}"), format!("{busy:.2}")), ("0.74".into(), "1.64".into()));
        let shared = "[metrics]\nenabled = [\"MemoryUsedPercent\"]\ndimensions = [[\"AutoScalingGroupName\"]]\n";
        assert_eq!(format!("{:.2}", total(shared, 100, false).busy), "44.10");
    }

    #[test]
    fn alarms_and_dashboards_come_on_top() {
        let told = |text: &str, hosts, free_tier| {
            let config = parse_str("test", text).unwrap();
            let question = Question { on_ec2: true, hosts, free_tier };
            let estimate = estimate(&config, &question, &Prices::shipped().unwrap());
            let line = |line: &Line| format!("{} {} {:.2}", line.count, line.what, line.money.busy);
            estimate.on_top.iter().map(line).collect::<Vec<_>>()
        };
        assert_eq!(told("", 1, false), ["6 alarms 0.60", "1 a dashboard 3.00"]);
        assert_eq!(told("", 10, true), ["60 alarms 5.00", "1 a dashboard 0.00"]);
        let group = "metrics.dimensions = [[\"InstanceId\"], [\"AutoScalingGroupName\"]]\n";
        // Five of each host, and five of the group.
        assert_eq!(told(group, 100, false)[0], "505 alarms 50.50");
        let fast = "publish.period = \"10s\"\n";
        assert_eq!(told(fast, 2, true)[0], "12 high-resolution alarms 3.60");
    }

    #[test]
    fn savings_are_differences() {
        let config = parse_str("test", "").unwrap();
        let question = Question { on_ec2: true, hosts: 1, free_tier: false };
        let estimate = estimate(&config, &question, &Prices::shipped().unwrap());
        let every = &estimate.savings[0];
        assert_eq!(every.setting, "publish.every = \"5m\"");
        assert_eq!(format!("{:.2}", every.money.busy), "0.35");
        assert!(estimate.savings.iter().all(|saving| saving.money.busy > 0.0));
    }
}
