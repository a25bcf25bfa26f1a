//! `[alarms]`: which alarms are made, where they speak, and what whom they tell.

use crate::config::Metrics;
use crate::config::kind;
use crate::config::reader::{Field, Section, Setting};
use crate::config::tree::shown;
use crate::dimension::{DimensionName, DimensionSet};
use std::collections::BTreeSet;

#[derive(Debug, Clone, PartialEq)]
pub struct Alarms {
    pub enabled: Vec<Recipe>,
    /// Each alarm's name begins with it; never empty.
    pub prefix: String,
    /// Percents, like all that follow.
    pub ticket_above: f64,
    pub page_from: f64,
    pub stall_warning_from: f64,
    pub stall_critical_from: f64,
    pub headroom_below: f64,
    /// ARNs, at most five; of what isn't urgent.
    pub actions: Vec<String>,
    pub urgent_actions: Vec<String>,
    pub ok_actions: Vec<String>,
    /// The share of a group's memory that target tracking keeps in use; `None`: no target tracking.
    pub target_used: Option<f64>,
    /// Whether target tracking may take instances away too.
    pub scale_in: bool,
}

/// What an alarm is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recipe {
    /// Memory is short: somebody should look at it in working hours.
    Ticket,
    /// Memory is all but gone.
    Page,
    /// Work waits for memory.
    StallWarning,
    /// Work stands still for want of memory.
    StallCritical,
    OomKill,
    /// Nothing is heard of the host.
    Silent,
    /// The others couldn't carry what the largest member of a cluster carries.
    Headroom,
    MembersMissing,
}

impl Recipe {
    pub const NAMES: [(&'static str, Recipe); 8] = [
        ("ticket", Recipe::Ticket),
        ("page", Recipe::Page),
        ("stall-warning", Recipe::StallWarning),
        ("stall-critical", Recipe::StallCritical),
        ("oom-kill", Recipe::OomKill),
        ("silent", Recipe::Silent),
        ("headroom", Recipe::Headroom),
        ("members-missing", Recipe::MembersMissing),
    ];

    pub fn as_str(self) -> &'static str {
        Recipe::NAMES.iter().find(|(_, recipe)| *recipe == self).map_or("", |(name, _)| name)
    }

    /// Worth waking somebody.
    pub const fn is_urgent(self) -> bool {
        match self {
            Recipe::Page | Recipe::StallCritical | Recipe::OomKill | Recipe::Silent => true,
            Recipe::Ticket | Recipe::StallWarning | Recipe::Headroom | Recipe::MembersMissing => {
                false
            }
        }
    }
}

pub fn read(section: &mut Section<'_>, metrics: &Metrics) -> Alarms {
    let all = Recipe::NAMES.map(|(_, recipe)| recipe).to_vec();
    let enabled = section.value("enabled", all, recipes).value;
    let prefix = section.value("prefix", "cwmem-".to_owned(), prefix).value;
    let [ticket_above, page_from] = rising(section, ["ticket_above", "page_from"], [90.0, 95.0]);
    let stalls = ["stall_warning_from", "stall_critical_from"];
    let [stall_warning_from, stall_critical_from] = rising(section, stalls, [10.0, 40.0]);
    let headroom_below = section.value("headroom_below", 0.0, kind::percent).value;
    let actions = section.value("actions", Vec::new(), actions_of).value;
    let urgent_actions = section.value("urgent_actions", actions.clone(), actions_of).value;
    let ok_actions = section.value("ok_actions", Vec::new(), actions_of).value;
    let target_used = section.optional("target_used", |field| {
        let percent = kind::percent(field)?;
        if percent > 0.0 { Some(percent) } else { field.refuse("a percentage above \"0%\"") }
    });
    let target_used = section.check(
        target_used,
        |_| group_sets(metrics).next().is_some(),
        || {
            "a set of the group alone in metrics.dimensions beside it, such as [\"AutoScalingGroupName\"], and MemoryUsedPercent in metrics.enabled"
                .to_owned()
        },
    );
    let scale_in = section.value("scale_in", false, kind::boolean);
    let scale_in = section.check(
        scale_in,
        |on| !on || target_used.is_refused() || target_used.value.is_some(),
        || "alarms.target_used beside it: without it nothing is scaled".to_owned(),
    );
    Alarms {
        enabled,
        prefix,
        ticket_above,
        page_from,
        stall_warning_from,
        stall_critical_from,
        headroom_below,
        actions,
        urgent_actions,
        ok_actions,
        target_used: target_used.value,
        scale_in: scale_in.value,
    }
}

/// Two thresholds of one metric, the second for what is worse.
fn rising(section: &mut Section<'_>, names: [&'static str; 2], defaults: [f64; 2]) -> [f64; 2] {
    let [less, more] = names;
    let low = section.value(less, defaults[0], kind::percent);
    let high = section.value(more, defaults[1], kind::percent);
    let stands = |setting: &Setting<f64>| setting.place().is_some();
    let agree = low.is_refused() || high.is_refused() || low.value <= high.value;
    let expected = |than: &str, other: &str, value: f64| {
        format!("{than} alarms.{other}, which is {}", shown(&format!("{value}%")))
    };
    // The one that stands in a file is at fault; where both do, the second.
    if stands(&high) {
        let (low, high) =
            (low.value, section.check(high, |_| agree, || expected("at least", less, low.value)));
        return [low, high.value];
    }
    let high = high.value;
    let low = section.check(low, |_| agree, || expected("at most", more, high));
    [low.value, high]
}

/// The sets that instances of a group publish under in common.
fn group_sets(metrics: &Metrics) -> impl Iterator<Item = &DimensionSet> {
    let used = metrics.of(0).any(|metric| metric.name == "MemoryUsedPercent");
    let sets = metrics.dimensions.iter().flatten().filter(move |_| used);
    sets.filter(|set| {
        let names = |name: &DimensionName| set.0.iter().any(|member| member.name == *name);
        names(&DimensionName::AutoScalingGroupName) && !set.is_of_one_host()
    })
}

fn recipes(field: &mut Field<'_>) -> Option<Vec<Recipe>> {
    let mut seen = BTreeSet::new();
    field.list("a list of alarms", |field| {
        let recipe = kind::choice(field, &Recipe::NAMES)?;
        if seen.insert(recipe) { Some(recipe) } else { field.refuse("each name once") }
    })
}

fn prefix(field: &mut Field<'_>) -> Option<String> {
    let expected = "what the names of alarms begin with: 1 to 64 letters, digits and - _ . / :";
    let text = field.text(expected)?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:".contains(&byte);
    let fine = (1..=64).contains(&text.len()) && text.bytes().all(allowed);
    if fine { Some(text.to_owned()) } else { field.refuse(expected) }
}

fn actions_of(field: &mut Field<'_>) -> Option<Vec<String>> {
    let actions = field.list("a list of ARNs", |field| {
        let expected =
            "an ARN such as \"arn:aws:sns:eu-central-1:123456789012:memory\", of any partition";
        let text = field.text(expected)?;
        let parts: Vec<&str> = text.split(':').collect();
        let fine = parts.len() >= 5
            && parts[0] == "arn"
            && parts[1].starts_with("aws")
            && !parts[2].is_empty()
            && parts.last().is_some_and(|last| !last.is_empty())
            // A list of them is joined by commas where templates take one.
            && text.bytes().all(|byte| byte.is_ascii_graphic() && !b",'\"\\`$".contains(&byte));
        if fine { Some(text.to_owned()) } else { field.refuse(expected) }
    })?;
    match actions.len() <= MAX_ACTIONS {
        true => Some(actions),
        false => {
            let hint = format!("it has {}", actions.len());
            field.refuse_with(format!("at most {MAX_ACTIONS} ARNs"), hint)
        }
    }
}

/// API reference, PutMetricAlarm, `AlarmActions`.
const MAX_ACTIONS: usize = 5;
