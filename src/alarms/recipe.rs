//! The alarms that fit a configuration: on exactly the series that it publishes, with the patience
//! that its rhythm asks for.

mod criteria;

use crate::alarms::alarm::{Alarm, LowSamples};
use crate::alarms::patience::Rhythm;
use crate::alarms::place::{Place, Unresolved};
use crate::alarms::slot::Slots;
use crate::cluster::summary;
use crate::config::{Config, Recipe};
use crate::dimension::{Dimension, DimensionName};
use crate::series::{By, Series, Whose, series};
use criteria::{Share, criteria, description, share};
use humantime::format_duration;
use std::collections::BTreeSet;

/// The alarms, the parameters that their texts leave open, and what there is to say about them.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    pub alarms: Vec<Planned>,
    pub slots: Slots,
    pub notes: Vec<String>,
    /// Series are published, or will be, of whose dimensions not all are known here.
    pub is_partial: bool,
}

/// An alarm with whom it tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    pub recipe: Recipe,
    pub alarm: Alarm,
    pub whose: Whose,
    /// ARNs.
    pub actions: Vec<String>,
    pub ok_actions: Vec<String>,
}

struct Planner<'a> {
    config: &'a Config,
    place: Place<'a>,
    rhythm: Rhythm,
    plan: Plan,
    names: BTreeSet<String>,
    has_silent: bool,
}

pub fn plan(config: &Config, place: Place<'_>) -> Plan {
    let mut planner = Planner {
        config,
        place,
        rhythm: Rhythm::of(&config.publish),
        plan: Plan::default(),
        names: BTreeSet::new(),
        has_silent: false,
    };
    let all = series(config, place.identity().is_on_ec2());
    for one in &all {
        planner.consider(one);
    }
    planner.say_of_silence(&all);
    planner.say_of_time();
    planner.plan
}

impl Planner<'_> {
    fn consider(&mut self, series: &Series<'_>) {
        let recipes: &[Recipe] = match (series.by, &*series.metric) {
            (By::Cwmem, "MemoryUsedPercent") => &[Recipe::Ticket, Recipe::Page, Recipe::Silent],
            (By::Cwmem, "MemoryStallPercent") => &[Recipe::StallWarning, Recipe::StallCritical],
            (By::Cwmem, "OomKills") => &[Recipe::OomKill],
            (By::Preset(metric), name) => match share(metric) {
                Share::Used => &[Recipe::Ticket, Recipe::Page, Recipe::Silent],
                Share::WithCache => {
                    let why =
                        "counts the page cache as used, so that it is near 100 % on a healthy host";
                    self.note(format!("no alarm on {} {name}: it {why}", series.namespace));
                    &[]
                }
                Share::Other => &[],
            },
            (By::Leader, summary::HEADROOM) => &[Recipe::Headroom],
            (By::Leader, summary::MISSING) => &[Recipe::MembersMissing],
            _ => &[],
        };
        let enabled = |recipe: &&Recipe| self.config.alarms.enabled.contains(recipe);
        let recipes: Vec<Recipe> = recipes.iter().filter(enabled).copied().collect();
        if recipes.is_empty() {
            return;
        }
        let Some(dimensions) = self.dimensions(series) else { return };
        for recipe in recipes {
            let fits = recipe != Recipe::Silent
                || (series.whose == Whose::Host && !self.has_silent && !self.is_in_group(series));
            if fits {
                self.add(recipe, series, &dimensions);
            }
        }
    }

    fn dimensions(&mut self, series: &Series<'_>) -> Option<Vec<Dimension>> {
        if let (By::Leader, Some(cluster)) = (series.by, &self.config.cluster) {
            let name = summary::DIMENSION.to_owned();
            return Some(vec![Dimension { name, value: cluster.name.clone() }]);
        }
        match self.place.dimensions(&series.set, &mut self.plan.slots) {
            Ok(dimensions) => {
                let optional = series.set.0.iter().filter(|member| member.optional);
                let names =
                    |name: &DimensionName| dimensions.iter().any(|it| it.name == name.as_str());
                let gone = optional.filter(|member| !names(&member.name));
                let gone: Vec<String> = gone.map(|member| member.name.to_string()).collect();
                if matches!(self.place, Place::Template(_)) && !gone.is_empty() {
                    self.note(format!(
                        "{} is taken without {}: of hosts that have it the alarms find nothing; give it a fixed value in [identity], or name it without its \"?\"",
                        series.set,
                        gone.join(", ")
                    ));
                }
                Some(dimensions)
            }
            Err(Unresolved::Absent) => None,
            Err(Unresolved::Unknown(names)) => {
                self.plan.is_partial = true;
                let names: Vec<String> = names.iter().map(ToString::to_string).collect();
                self.note(format!(
                    "no alarm on {}: {} isn't known here; `cwmem check` says how to make it known, --format a template where it is a parameter",
                    series.set,
                    names.join(", ")
                ));
                None
            }
        }
    }

    fn add(&mut self, recipe: Recipe, series: &Series<'_>, dimensions: &[Dimension]) {
        let alarms = &self.config.alarms;
        let test = criteria(recipe, alarms);
        let counts = self.rhythm.counts(test.patience);
        let same = |other: &Planned| {
            let alarm = &other.alarm;
            other.recipe == recipe
                && alarm.namespace == series.namespace
                && alarm.metric == series.metric
                && same_dimensions(&alarm.dimensions, dimensions)
        };
        // The optional names fell away and left what an earlier set says already.
        if self.plan.alarms.iter().any(same) {
            return;
        }
        let alarm = Alarm {
            name: self.name(recipe, series, dimensions),
            description: description(recipe, series.whose),
            namespace: series.namespace.to_owned(),
            metric: series.metric.clone().into_owned(),
            dimensions: dimensions.to_vec(),
            unit: series.unit,
            statistic: test.statistic,
            period: self.rhythm.alarm_period(),
            evaluation_periods: counts.evaluation_periods,
            datapoints_to_alarm: counts.datapoints_to_alarm,
            comparison: test.comparison,
            threshold: test.threshold,
            missing_data: test.missing_data,
            low_samples: LowSamples::Evaluate,
        };
        self.has_silent |= recipe == Recipe::Silent;
        let actions = if recipe.is_urgent() { &alarms.urgent_actions } else { &alarms.actions };
        let (actions, ok_actions) = (actions.clone(), alarms.ok_actions.clone());
        let whose = series.whose;
        self.plan.alarms.push(Planned { recipe, alarm, whose, actions, ok_actions });
    }

    /// Says what for, and of whom; the metric's name only where it isn't cwmem's own.
    fn name(&mut self, recipe: Recipe, series: &Series<'_>, dimensions: &[Dimension]) -> String {
        let values: Vec<&str> = dimensions.iter().map(|pair| pair.value.as_str()).collect();
        let mut name = format!("{}{}", self.config.alarms.prefix, recipe.as_str());
        if let By::Preset(_) = series.by {
            name = format!("{name}-{}", series.metric);
        }
        name =
            format!("{name}-{}", if values.is_empty() { "all".into() } else { values.join("-") });
        if self.names.contains(&name) {
            name = format!("{name}-{}", series.namespace);
        }
        if self.names.contains(&name) {
            let names: Vec<&str> = dimensions.iter().map(|pair| pair.name.as_str()).collect();
            name = format!("{name}-by-{}", names.join("-"));
        }
        let name = shortened(name);
        self.names.insert(name.clone());
        name
    }

    /// Instances of a group come and go: each that is scaled in would be an alarm.
    fn is_in_group(&self, series: &Series<'_>) -> bool {
        let names_group = |series: &Series<'_>| {
            let mut members = series.set.0.iter();
            members.any(|member| {
                member.name == DimensionName::AutoScalingGroupName && !member.optional
            })
        };
        let all = crate::series::series(self.config, self.place.identity().is_on_ec2());
        self.place.is_in_group() || names_group(series) || all.iter().any(names_group)
    }

    fn say_of_silence(&mut self, all: &[Series<'_>]) {
        let wanted = self.config.alarms.enabled.contains(&Recipe::Silent);
        let of_host = all.iter().find(|one| one.whose == Whose::Host);
        let (true, false, Some(series)) = (wanted, self.has_silent, of_host) else { return };
        let instead = match self.config.cluster {
            Some(_) => "the alarm members-missing stands in for it",
            None => "a [cluster] counts its missing members",
        };
        if self.is_in_group(series) {
            self.note(format!(
                "no alarm on silence: instances of an Auto Scaling group come and go; {instead}"
            ));
        } else if self.place.dimensions(&series.set, &mut Slots::default()).is_ok() {
            self.note(
                "no alarm on silence: it looks at MemoryUsedPercent, or at a preset's share of used memory, of a single host"
                    .to_owned(),
            );
        }
    }

    fn say_of_time(&mut self) {
        let Rhythm { period, every, .. } = self.rhythm;
        let alarm = self.rhythm.alarm_period();
        if alarm != period {
            self.note(format!(
                "alarms have periods of 10, 20 or 30 seconds or whole minutes: with publish.period = \"{}\" they look at {}",
                format_duration(period),
                format_duration(alarm)
            ));
        }
        if every > period {
            self.note(format!(
                "with publish.every = \"{}\" data come in bursts: each alarm looks at so many more periods, and may speak by so much later",
                format_duration(every)
            ));
        }
        if alarm.as_secs() < 60 {
            self.note("alarms on periods under a minute are billed as high-resolution ones, three times as much".to_owned());
        }
    }

    fn note(&mut self, note: String) {
        if !self.plan.notes.contains(&note) {
            self.plan.notes.push(note);
        }
    }
}

/// A metric's identity doesn't depend on the order of its dimensions.
pub fn same_dimensions(one: &[Dimension], other: &[Dimension]) -> bool {
    one.len() == other.len() && one.iter().all(|dimension| other.contains(dimension))
}

/// As long as a name may be; a shortened one ends in a mark of the whole.
fn shortened(name: String) -> String {
    if name.len() <= LONGEST_NAME || !name.is_ascii() {
        return name;
    }
    let mark = crc32fast::hash(name.as_bytes());
    format!("{}-{mark:08x}", &name[..LONGEST_NAME - 9])
}

/// API reference, PutMetricAlarm, `AlarmName`.
const LONGEST_NAME: usize = 255;

#[cfg(test)]
mod tests;
