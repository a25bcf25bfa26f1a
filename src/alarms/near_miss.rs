//! Alarms that look at almost what is published, and so at nothing: CloudWatch finds a metric by its
//! namespace, its name and the exact set of its dimensions, letter by letter, and by its unit where
//! an alarm names one. Pure.

use crate::dimension::Dimension;
use crate::units::Unit;
use std::time::Duration;

/// A series of this host, as it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    pub namespace: String,
    pub metric: String,
    pub unit: Unit,
    pub dimensions: Vec<Dimension>,
    /// A further dimension, whose values the host tells as it goes: `Cgroup`, `Process`, `Cause`.
    pub beside: Option<&'static str>,
}

/// How all of them are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Manner {
    pub period: Duration,
    pub every: Duration,
    pub percentiles: bool,
}

/// What an alarm looks at: its metric, or one of those in its expression.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Looked {
    pub namespace: String,
    pub metric: String,
    pub dimensions: Vec<Dimension>,
    pub unit: Option<String>,
    /// Such as `Average` or `p99`.
    pub statistic: String,
    pub period: Duration,
    pub datapoints_to_alarm: u32,
    /// TreatMissingData is `breaching`.
    pub breaching: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Another host's, or something else altogether.
    Elsewhere,
    /// It looks at a series of this host; what keeps it from working, if anything does.
    Met(Vec<Difference>),
    Missed(Difference),
}

/// In words: what differs, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub what: String,
    pub remedy: String,
    /// It can only be this host's; else another host may publish just that.
    pub certain: bool,
}

/// `known`: every name that this host has, whether it publishes under it or not. `catalogue`: the
/// metrics that could be turned on.
pub fn judge(
    looked: &Looked,
    published: &[Published],
    known: &[Dimension],
    catalogue: &[&str],
    manner: Manner,
) -> Verdict {
    let named = |one: &&Published| one.namespace == looked.namespace && one.metric == looked.metric;
    let same: Vec<&Published> = published.iter().filter(named).collect();
    if let Some(met) = same.iter().find(|one| relation(looked, one, known) == Relation::Same) {
        return Verdict::Met(obstacles(looked, met, manner));
    }
    if !same.is_empty() {
        let differences = same.iter().filter_map(|one| dimensions_differ(looked, one, known));
        return most_certain(differences);
    }
    most_certain(published.iter().filter_map(|one| name_differs(looked, one, known, catalogue)))
}

fn most_certain(differences: impl Iterator<Item = Difference>) -> Verdict {
    let mut best: Option<Difference> = None;
    for difference in differences {
        if best.as_ref().is_none_or(|best| difference.certain && !best.certain) {
            best = Some(difference);
        }
    }
    best.map_or(Verdict::Elsewhere, Verdict::Missed)
}

/// How an alarm's dimensions stand to a series'.
#[derive(Debug, PartialEq, Eq)]
enum Relation {
    Same,
    /// The same but for the case of letters and blanks.
    Spelt,
    /// Another set of names, with nothing that would make it another host's; whether a value ties it
    /// to this one.
    OtherSet {
        certain: bool,
    },
    Elsewhere,
}

fn relation(looked: &Looked, one: &Published, known: &[Dimension]) -> Relation {
    // Whatever the value of the further dimension, it may be this host's.
    let is_beside = |pair: &&Dimension| one.beside.is_some_and(|beside| beside == pair.name);
    let theirs: Vec<&Dimension> =
        looked.dimensions.iter().filter(|pair| !is_beside(pair)).collect();
    let has_beside = theirs.len() < looked.dimensions.len();
    let complete = has_beside == one.beside.is_some();
    let ours: Vec<&Dimension> = one.dimensions.iter().collect();
    let as_many = theirs.len() == ours.len();
    if complete && as_many && theirs.iter().all(|pair| ours.contains(pair)) {
        return Relation::Same;
    }
    let alike = |pair: &&Dimension| {
        let mut ours = ours.iter();
        ours.any(|our| is_alike(&our.name, &pair.name) && is_alike(&our.value, &pair.value))
    };
    if complete && as_many && theirs.iter().all(alike) {
        return Relation::Spelt;
    }
    let host_s = |name: &str| {
        let mut all = ours.iter().copied().chain(known);
        all.find(|pair| is_alike(&pair.name, name)).map(|pair| pair.value.as_str())
    };
    let mut certain = false;
    for pair in &theirs {
        match host_s(&pair.name) {
            Some(value) if is_alike(value, &pair.value) => certain |= is_of_few(&pair.name),
            Some(_) => return Relation::Elsewhere,
            None => {}
        }
    }
    Relation::OtherSet { certain }
}

fn dimensions_differ(looked: &Looked, one: &Published, known: &[Dimension]) -> Option<Difference> {
    let (theirs, ours) = (shown(&looked.dimensions, None), shown(&one.dimensions, one.beside));
    match relation(looked, one, known) {
        Relation::Same | Relation::Elsewhere => None,
        Relation::Spelt => Some(Difference {
            what: format!("its dimensions are {theirs}, published is {ours}: case counts"),
            remedy: format!("give it {ours}"),
            certain: true,
        }),
        Relation::OtherSet { certain } => Some(Difference {
            what: format!("its dimensions are {theirs}, published is {ours}"),
            remedy: format!("give it {ours}, or add {} to the dimension sets", names(looked)),
            certain,
        }),
    }
}

fn name_differs(
    looked: &Looked,
    one: &Published,
    known: &[Dimension],
    catalogue: &[&str],
) -> Option<Difference> {
    let certain = match relation(looked, one, known) {
        Relation::Same | Relation::Spelt => true,
        Relation::OtherSet { certain } => certain,
        Relation::Elsewhere => return None,
    };
    let (namespace, metric) = (&one.namespace, &one.metric);
    if looked.namespace == *namespace {
        if catalogue.contains(&looked.metric.as_str()) {
            return Some(Difference {
                what: format!("{} isn't published", looked.metric),
                remedy: format!("add {} to metrics.enabled, or delete the alarm", looked.metric),
                certain,
            });
        }
        return is_nearly(&looked.metric, metric).then(|| Difference {
            what: format!("its metric is {}, published is {metric}", looked.metric),
            remedy: format!("give it the metric {metric}"),
            certain,
        });
    }
    let is_near = is_nearly(&looked.namespace, namespace) && is_alike(&looked.metric, metric);
    is_near.then(|| Difference {
        what: format!(
            "it looks at {} in {:?}, published is {metric} in {namespace:?}",
            looked.metric, looked.namespace
        ),
        remedy: format!("give it the namespace {namespace} and the metric {metric}"),
        certain,
    })
}

/// What keeps an alarm on the right series from working.
fn obstacles(looked: &Looked, one: &Published, manner: Manner) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut add = |what: String, remedy: String| {
        found.push(Difference { what, remedy, certain: true });
    };
    if let Some(unit) = looked.unit.as_deref().filter(|unit| *unit != one.unit.as_str()) {
        add(
            format!("its unit is {unit}, published is {}: it sees no datum", one.unit.as_str()),
            "leave its unit out".to_owned(),
        );
    }
    let seconds = |duration: Duration| duration.as_secs();
    let (period, every) = (manner.period, manner.every);
    if looked.period < period {
        add(
            format!(
                "its period is {} s, but a datum comes each {} s only",
                seconds(looked.period),
                seconds(period)
            ),
            format!("give it a period of {} s or more", seconds(period.max(MINUTE))),
        );
    }
    let late = every.as_millis() / looked.period.as_millis().max(1);
    if looked.breaching && every > period && late >= u128::from(looked.datapoints_to_alarm.max(1)) {
        add(
            format!(
                "missing data is breaching, and {late} of its periods are missing right before \
                 each request: it goes off for nothing"
            ),
            format!("give it a period of {} s or more", seconds(every)),
        );
    }
    if !manner.percentiles && is_percentile(&looked.statistic) {
        add(
            format!(
                "it looks at {}, but metrics.statistics = \"set\" sends none",
                looked.statistic
            ),
            "set metrics.statistics = \"values\", or give it another statistic".to_owned(),
        );
    }
    found
}

/// `p99`, `tm99`, `PR(:10)` and the like: what a StatisticSet can't tell.
fn is_percentile(statistic: &str) -> bool {
    !["Average", "Minimum", "Maximum", "Sum", "SampleCount", ""].contains(&statistic)
}

/// A value of such a name says whose the series is; many hosts share an image or a type.
fn is_of_few(name: &str) -> bool {
    !["imageid", "instancetype", "availabilityzone", "region"].contains(&&*folded(name))
}

fn is_alike(one: &str, other: &str) -> bool {
    folded(one) == folded(other)
}

/// The same but for case, blanks and punctuation, or a slip of the pen.
fn is_nearly(one: &str, other: &str) -> bool {
    let bare = |text: &str| -> String {
        folded(text).chars().filter(|letter| letter.is_ascii_alphanumeric()).collect()
    };
    let (one, other) = (bare(one), bare(other));
    let is_long = one.len().min(other.len()) >= LONG && one.len().max(other.len()) <= LONGEST;
    one == other || is_long && strsim::damerau_levenshtein(&one, &other) <= SLIPS
}

fn folded(text: &str) -> String {
    text.trim().to_ascii_lowercase()
}

fn shown(dimensions: &[Dimension], beside: Option<&str>) -> String {
    let pairs = dimensions.iter().map(|pair| format!("{}={}", pair.name, pair.value));
    let beside = beside.map(|name| format!("{name}=..."));
    format!("{{{}}}", pairs.chain(beside).collect::<Vec<_>>().join(", "))
}

fn names(looked: &Looked) -> String {
    let names = looked.dimensions.iter().map(|pair| format!("{:?}", pair.name));
    format!("[{}]", names.collect::<Vec<_>>().join(", "))
}

/// Two slips in a short name make another one.
const SLIPS: usize = 2;
const LONG: usize = 8;
/// A namespace's and a metric's greatest length.
const LONGEST: usize = 255;
const MINUTE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn dimensions(pairs: &str) -> Vec<Dimension> {
        let pair = |text: &str| {
            let (name, value) = text.split_once('=').unwrap();
            Dimension { name: name.into(), value: value.into() }
        };
        pairs.split_whitespace().map(pair).collect()
    }

    /// `NAMESPACE METRIC PAIRS`
    fn looked(text: &str) -> Looked {
        let mut words = text.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default();
        Looked {
            namespace: word().to_owned(),
            metric: word().to_owned(),
            dimensions: dimensions(word()),
            statistic: "Average".to_owned(),
            period: MINUTE,
            datapoints_to_alarm: 5,
            ..Looked::default()
        }
    }

    fn published(text: &str, unit: Unit, beside: Option<&'static str>) -> Published {
        let Looked { namespace, metric, dimensions, .. } = looked(text);
        Published { namespace, metric, unit, dimensions, beside }
    }

    const MANNER: Manner = Manner { period: MINUTE, every: MINUTE, percentiles: true };

    fn judged(looked: &Looked, manner: Manner) -> Verdict {
        let published = [
            published("EC2/Memory MemoryUsedPercent InstanceId=i-1", Unit::Percent, None),
            published("EC2/Memory OomKills InstanceId=i-1", Unit::Count, None),
            published("CWAgent mem_used_percent InstanceId=i-1 ImageId=ami-1", Unit::Percent, None),
            published("EC2/Memory AgentDropped InstanceId=i-1", Unit::Count, Some("Cause")),
        ];
        let known = dimensions("InstanceId=i-1 ImageId=ami-1 AutoScalingGroupName=web");
        judge(looked, &published, &known, &["MemoryUsedPercent", "SwapUsed"], manner)
    }

    #[test]
    fn differences_are_told_from_other_hosts_alarms() {
        let table = [
            ("EC2/Memory MemoryUsedPercent InstanceId=i-1", "met"),
            ("CWAgent mem_used_percent ImageId=ami-1 InstanceId=i-1", "met"),
            ("EC2/Memory AgentDropped InstanceId=i-1 Cause=too_old", "met"),
            ("EC2/Memory MemoryUsedPercent InstanceId=i-2", "elsewhere"),
            ("EC2/Memory MemoryUsedPercent InstanceId=i-2 InstanceType=m7i.large", "elsewhere"),
            ("EC2/Memory MemoryUsedPercent AutoScalingGroupName=db", "elsewhere"),
            ("AWS/EC2 CPUUtilization InstanceId=i-1", "elsewhere"),
            ("EC2/Memory MemoryUsedPercent InstanceID=i-1", "case counts"),
            ("EC2/Memory MemoryUsedPercent InstanceId=I-1", "case counts"),
            ("EC2/Memory AgentDropped InstanceId=i-1", "published is {InstanceId=i-1, Cause=...}"),
            (
                "CWAgent mem_used_percent InstanceId=i-1",
                "published is {InstanceId=i-1, ImageId=ami-1}",
            ),
            (
                "EC2/Memory MemoryUsedPercent AutoScalingGroupName=web",
                "published is {InstanceId=i-1}",
            ),
            ("EC2/Memory MemoryUsedPercent", "perhaps its dimensions are {}"),
            ("EC2/Memory MemoryUsedPercent Stage=test", "perhaps its dimensions are {Stage=test}"),
            ("EC2/Memory SwapUsed InstanceId=i-1", "SwapUsed isn't published"),
            ("EC2/Memory MemoryUsedPercentage InstanceId=i-1", "elsewhere"),
            ("EC2/Memory MemoryUsedPercnt InstanceId=i-1", "published is MemoryUsedPercent"),
            ("EC2/Memory memoryusedpercent InstanceId=i-1", "published is MemoryUsedPercent"),
            ("ec2/memory MemoryUsedPercent InstanceId=i-1", "in \"EC2/Memory\""),
            ("EC2Memory OomKills InstanceId=i-1", "in \"EC2/Memory\""),
            ("cwagent mem_used_percent InstanceId=i-1 ImageId=ami-1", "in \"CWAgent\""),
            ("ec2/memory MemoryUsedPercent InstanceId=i-2", "elsewhere"),
        ];
        for (text, expected) in table {
            let found = match judged(&looked(text), MANNER) {
                Verdict::Elsewhere => "elsewhere".to_owned(),
                Verdict::Met(differences) if differences.is_empty() => "met".to_owned(),
                Verdict::Met(differences) => format!("{differences:?}"),
                Verdict::Missed(Difference { what, certain: true, .. }) => what,
                Verdict::Missed(Difference { what, .. }) => format!("perhaps {what}"),
            };
            assert!(found.contains(expected), "{text}: {found}");
        }
    }

    #[test]
    fn an_alarm_on_the_right_series_may_fail_all_the_same() {
        let base = looked("EC2/Memory MemoryUsedPercent InstanceId=i-1");
        let bursts = Manner { every: MINUTE * 5, ..MANNER };
        let table = [
            (Looked { unit: Some("Percent".into()), ..base.clone() }, MANNER, ""),
            (Looked { unit: Some("Bytes".into()), ..base.clone() }, MANNER, "its unit is Bytes"),
            (Looked { period: MINUTE / 6, ..base.clone() }, MANNER, "its period is 10 s"),
            (Looked { breaching: true, ..base.clone() }, MANNER, ""),
            (Looked { breaching: true, ..base.clone() }, bursts, "goes off for nothing"),
            (Looked { period: MINUTE * 5, breaching: true, ..base.clone() }, bursts, ""),
            (Looked { statistic: "p99".into(), ..base.clone() }, MANNER, ""),
            (
                Looked { statistic: "p99".into(), ..base },
                Manner { percentiles: false, ..MANNER },
                "it looks at p99",
            ),
        ];
        for (looked, manner, expected) in table {
            let Verdict::Met(found) = judged(&looked, manner) else { panic!("{looked:?}") };
            let found: String = found.into_iter().map(|difference| difference.what).collect();
            assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{found}");
        }
    }
}
