//! What each recipe looks for, in which of the presets' metrics too, and what it says.

use crate::alarms::alarm::{Comparison, MissingData, Statistic};
use crate::alarms::patience::Patience;
use crate::config::{Alarms, Recipe};
use crate::formula::{Combination, Term};
use crate::metric::{Formula, Metric};
use crate::series::Whose;

/// When an alarm goes off.
pub struct Criteria {
    pub statistic: Statistic,
    pub comparison: Comparison,
    pub threshold: f64,
    pub patience: Patience,
    pub missing_data: MissingData,
}

pub enum Share {
    /// Of memory that can't be had.
    Used,
    /// The same with what could be dropped.
    WithCache,
    Other,
}

/// What each recipe looks for.
pub fn criteria(recipe: Recipe, alarms: &Alarms) -> Criteria {
    use Comparison::{Greater, GreaterOrEqual, Less};
    use MissingData::{Breaching, Ignore, Missing, NotBreaching};
    use Patience::{Event, Minutes, Periods, Silence};
    use Statistic::{Average, Maximum, SampleCount, Sum};
    let (statistic, comparison, threshold, patience, missing_data) = match recipe {
        Recipe::Ticket => (Average, Greater, alarms.ticket_above, Minutes(10, 15), Missing),
        Recipe::Page => (Maximum, GreaterOrEqual, alarms.page_from, Minutes(3, 5), Missing),
        Recipe::StallWarning => {
            (Average, GreaterOrEqual, alarms.stall_warning_from, Minutes(3, 5), NotBreaching)
        }
        Recipe::StallCritical => {
            (Average, GreaterOrEqual, alarms.stall_critical_from, Minutes(2, 3), NotBreaching)
        }
        Recipe::OomKill => (Sum, GreaterOrEqual, 1.0, Event, NotBreaching),
        Recipe::Silent => (SampleCount, Less, 1.0, Silence(5), Breaching),
        Recipe::Headroom => (Average, Less, alarms.headroom_below, Minutes(10, 15), Ignore),
        Recipe::MembersMissing => (Maximum, GreaterOrEqual, 1.0, Periods(3, 5), Breaching),
    };
    Criteria { statistic, comparison, threshold, patience, missing_data }
}

/// Which share of memory a preset's metric is.
pub fn share(metric: &Metric) -> Share {
    let Formula::Fields(Combination { terms, of: Some(of), .. }, _) = metric.formula else {
        return Share::Other;
    };
    match *terms {
        [Term::Plus(all), rest @ ..] if all.name == TOTAL && of.name == TOTAL => match rest {
            [Term::Minus(only)] if only.name == "MemFree" => Share::WithCache,
            _ => Share::Used,
        },
        _ => Share::Other,
    }
}

/// For people who are called.
pub fn description(recipe: Recipe, whose: Whose) -> String {
    let what = match recipe {
        Recipe::Ticket => "Memory is short: see what uses it before it runs out.",
        Recipe::Page => "Memory is all but gone: the OOM killer is near.",
        Recipe::StallWarning => "Work waits for memory.",
        Recipe::StallCritical => "Work stands still for want of memory.",
        Recipe::OomKill => "The kernel's OOM killer ended a process.",
        Recipe::Silent => "Nothing is heard: the host, its agent or its way to CloudWatch is down.",
        Recipe::Headroom => "The other members couldn't carry what the largest one carries.",
        Recipe::MembersMissing => "A member is missing, or nothing is heard of the cluster at all.",
    };
    let of_all = match (recipe, whose) {
        (Recipe::Headroom | Recipe::MembersMissing, _) | (_, Whose::Host) => "",
        (_, Whose::Shared) => " Of all hosts that publish into this series.",
    };
    format!("{what}{of_all} Made by cwmem alarms.")
}

const TOTAL: &str = "MemTotal";
