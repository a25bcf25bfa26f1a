//! `cwmem alarms`: the alarms that fit this configuration: shown, as templates, put and verified.

use crate::alarms::alarm::Alarm;
use crate::alarms::difference::{ACTIONS, Change, Difference, OK_ACTIONS, differences, is_about};
use crate::alarms::place::{Place, any_host};
use crate::alarms::properties::properties;
use crate::alarms::recipe::{Plan, Planned, plan};
use crate::alarms::scaling::scaling;
use crate::alarms::template::{Sheet, cloudformation, shell, terraform};
use crate::clock::Clock;
use crate::command::output::{self, complain};
use crate::command::outside;
use crate::command::replay;
use crate::config::Config;
use crate::console::Console;
use crate::exit::Exit;
use crate::identity::Identity;
use crate::series::Whose;
use crate::table::Table;
use serde_json::Value;
use std::fmt::Write;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Print them in this form
    #[arg(long, value_enum, conflicts_with_all = ["apply", "verify"])]
    format: Option<Format>,
    /// For any EC2 instance with this configuration: nothing of this host is in it
    #[arg(long, requires = "format")]
    any_host: bool,
    /// Only those of each host by itself, or only those on series that hosts share
    #[arg(long, value_enum, value_name = "WHOSE")]
    only: Option<Only>,
    /// Show what would be created and changed at CloudWatch; with --yes, do it
    #[arg(long, conflicts_with = "verify")]
    apply: bool,
    /// Put what --apply shows
    #[arg(long, requires = "apply")]
    yes: bool,
    /// Compare what is at CloudWatch with what should be, orphans too
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    replay: replay::Options,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A CloudFormation template
    Cloudformation,
    /// Terraform resources
    Terraform,
    /// A shell script of AWS CLI commands
    AwsCli,
    /// A list of PutMetricAlarm's inputs
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Only {
    /// A template for each host
    Host,
    /// A template for all of them together, the cluster's alarms among its own
    Shared,
}

/// Exit code 1 where something is to be put, or isn't as it should be.
pub async fn run(config: &Config, options: &Options, clock: &Clock) -> Exit {
    if options.any_host && options.format == Some(Format::Json) {
        complain("--format json has no parameters, so that it is of this host only");
        return Exit::Usage;
    }
    let identity = match options.any_host {
        true => any_host(config, true),
        false => outside::learn(outside::identity(config), config, clock).await,
    };
    match options.format {
        Some(Format::Json) | None => {
            let plan = chosen(plan(config, Place::Here(&identity)), options);
            if options.replay.is_wanted() {
                return replay(config, options, &plan);
            }
            if options.apply || options.verify {
                return compare(config, &identity, &plan, options, clock).await;
            }
            let text = match options.format {
                Some(_) => format!("{:#}\n", inputs(&plan)),
                None => text(&plan),
            };
            show(text, &plan)
        }
        Some(format) => {
            let place = Place::Template(&identity);
            let mut plan = chosen(plan(config, place), options);
            let scaling = scaling(config, place, &mut plan.slots);
            let scaling = scaling.filter(|_| options.only != Some(Only::Host));
            let sheet = Sheet {
                plan: &plan,
                alarms: &config.alarms,
                scaling: scaling.as_ref(),
                region: config.cloudwatch.region.as_deref(),
            };
            let text = match format {
                Format::Cloudformation => cloudformation(&sheet),
                Format::Terraform => terraform(&sheet),
                Format::AwsCli | Format::Json => shell(&sheet),
            };
            show(text, &plan)
        }
    }
}

fn chosen(mut plan: Plan, options: &Options) -> Plan {
    let wanted = options.only.map(|only| match only {
        Only::Host => Whose::Host,
        Only::Shared => Whose::Shared,
    });
    plan.alarms.retain(|planned| wanted.is_none_or(|wanted| planned.whose == wanted));
    let has = |whose: Whose| plan.alarms.iter().any(|planned| planned.whose == whose);
    let is_template = !matches!(options.format, None | Some(Format::Json));
    if is_template && has(Whose::Host) && has(Whose::Shared) {
        plan.notes.push(BOTH.to_owned());
    }
    plan
}

/// What a host records is a part only of the series that it shares with others: unless they are asked
/// for, the alarms on those aren't replayed.
fn replay(config: &Config, options: &Options, plan: &Plan) -> Exit {
    let own = |planned: &&Planned| options.only.is_some() || planned.whose == Whose::Host;
    let alarms: Vec<Alarm> =
        plan.alarms.iter().filter(own).map(|planned| planned.alarm.clone()).collect();
    if alarms.is_empty() {
        return show(String::new(), &Plan { alarms: Vec::new(), ..plan.clone() });
    }
    replay::replay(&alarms, config, &options.replay)
}

/// A plan without alarms is a finding: whoever asks for alarms expects some.
fn show(text: String, plan: &Plan) -> Exit {
    if plan.alarms.is_empty() {
        let notes = plan.notes.iter().map(|note| format!("\n  {note}"));
        complain(format_args!("no alarm fits this configuration{}", notes.collect::<String>()));
        return Exit::Findings;
    }
    output::show(text, Exit::Ok)
}

fn inputs(plan: &Plan) -> Value {
    let input = |planned: &Planned| {
        let mut input = properties(&planned.alarm);
        input.insert("AlarmName".to_owned(), planned.alarm.name.as_str().into());
        input.insert(ACTIONS.to_owned(), planned.actions.clone().into());
        input.insert(OK_ACTIONS.to_owned(), planned.ok_actions.clone().into());
        Value::from(input)
    };
    plan.alarms.iter().map(input).collect()
}

fn text(plan: &Plan) -> String {
    let mut table = Table::new(&["ALARM", "METRIC", "WHEN", "DATAPOINTS", "MISSING"]);
    for Planned { alarm, .. } in &plan.alarms {
        let metric = format!("{} {}", alarm.namespace, alarm.metric);
        let missing = alarm.missing_data.as_str();
        table.row([&alarm.name, &metric, &when(alarm), &datapoints(alarm), missing]);
    }
    let notes = plan.notes.iter().map(|note| format!("\n{note}\n"));
    format!("{table}{}", notes.collect::<String>())
}

fn when(alarm: &Alarm) -> String {
    let (statistic, sign) = (alarm.statistic.words(), alarm.comparison.sign());
    format!("{statistic} {sign} {}", alarm.threshold)
}

fn datapoints(alarm: &Alarm) -> String {
    let (least, most) = (alarm.datapoints_to_alarm, alarm.evaluation_periods);
    format!("{least} of {most}, each {}", humantime::format_duration(alarm.period))
}

async fn compare(
    config: &Config,
    identity: &Identity,
    plan: &Plan,
    options: &Options,
    clock: &Clock,
) -> Exit {
    let console = match outside::console(config, identity, clock).await {
        Ok(console) => console,
        Err(error) => return unavailable(&error),
    };
    let existing = match console.alarms(&config.alarms.prefix).await {
        Ok(existing) => existing,
        Err(error) => return unavailable(&error),
    };
    let cluster = config.cluster.as_ref().map(|cluster| cluster.name.as_str());
    let is_ours = |existing: &_| is_about(identity, cluster, existing);
    let differences = differences(plan, &existing, is_ours);
    let text = listed(&differences, &plan.notes);
    let is_to_put =
        |it: &&Difference<'_>| matches!(it, Difference::Create(_) | Difference::Change(..));
    let to_put: Vec<&Difference<'_>> = differences.iter().filter(is_to_put).collect();
    let all_well =
        !plan.is_partial && differences.iter().all(|it| matches!(it, Difference::Unchanged(_)));
    if options.verify {
        return output::show(text, if all_well { Exit::Ok } else { Exit::Findings });
    }
    if !options.yes && !to_put.is_empty() {
        return output::show(format!("{text}Nothing was put: add --yes.\n"), Exit::Findings);
    }
    match output::show(text, Exit::Ok) {
        Exit::Ok => put(&console, &to_put).await,
        exit => exit,
    }
}

async fn put(console: &Console, differences: &[&Difference<'_>]) -> Exit {
    for difference in differences {
        if let Difference::Create(planned) | Difference::Change(planned, _) = difference
            && let Err(error) = console.put_alarm(planned).await
        {
            return unavailable(&error);
        }
    }
    match differences.len() {
        0 => Exit::Ok,
        many => output::show(format_args!("{many} put.\n"), Exit::Ok),
    }
}

fn unavailable(error: &str) -> Exit {
    complain(error);
    Exit::Unavailable
}

/// A line each, with what changes below it; then how many of which.
fn listed(differences: &[Difference<'_>], notes: &[String]) -> String {
    let mut text = String::new();
    let mut counts = [0; 4];
    let mut orphans = Vec::new();
    for difference in differences {
        let place = match difference {
            Difference::Create(Planned { alarm, .. }) => {
                let Alarm { name, metric, .. } = alarm;
                let _ = writeln!(
                    text,
                    "create     {name}: {metric}, {}, {}",
                    when(alarm),
                    datapoints(alarm)
                );
                0
            }
            Difference::Change(planned, changes) => {
                let _ = writeln!(text, "change     {}", planned.alarm.name);
                for Change { property, from, to } in changes {
                    let _ = writeln!(text, "             {property}: {from} → {to}");
                }
                1
            }
            Difference::Unchanged(planned) => {
                let _ = writeln!(text, "unchanged  {}", planned.alarm.name);
                2
            }
            Difference::Orphan(name) => {
                let _ = writeln!(text, "orphan     {name}");
                orphans.push(name.as_str());
                3
            }
        };
        counts[place] += 1;
    }
    let [create, change, unchanged, orphan] = counts;
    let _ = writeln!(
        text,
        "{create} to create, {change} to change, {unchanged} unchanged, {orphan} that no longer belong"
    );
    if !orphans.is_empty() {
        let names = orphans.join("' '");
        let _ = writeln!(
            text,
            "To be rid of those: aws cloudwatch delete-alarms --alarm-names '{names}'"
        );
    }
    for note in notes {
        let _ = writeln!(text, "{note}");
    }
    text
}

const BOTH: &str = "a stack for each host would make the alarms on shared series again and again: --only host and --only shared make two templates";
