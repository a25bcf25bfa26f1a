//! Alarms in the forms in which people keep them.

mod cloudformation;
mod shell;
mod terraform;

use crate::alarms::recipe::{Plan, Planned};
use crate::alarms::scaling::Scaling;
use crate::alarms::slot::{Piece, Slot, Spelling, pieces};
use crate::config::Alarms;
use std::collections::BTreeSet;

pub use cloudformation::cloudformation;
pub use shell::shell;
pub use terraform::terraform;

/// All that a template is made of.
#[derive(Debug, Clone, Copy)]
pub struct Sheet<'a> {
    pub plan: &'a Plan,
    pub alarms: &'a Alarms,
    pub scaling: Option<&'a Scaling>,
    /// Where the configuration names one.
    pub region: Option<&'a str>,
}

/// Whom alarms tell: a parameter each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audience {
    Actions,
    UrgentActions,
    OkActions,
}

impl Audience {
    const ALL: [Audience; 3] = [Audience::Actions, Audience::UrgentActions, Audience::OkActions];

    /// To be spelled as the template's language does.
    const fn name(self) -> &'static str {
        match self {
            Audience::Actions => "Actions",
            Audience::UrgentActions => "UrgentActions",
            Audience::OkActions => "OkActions",
        }
    }

    const fn about(self) -> &'static str {
        match self {
            Audience::Actions => "ARNs, such as an SNS topic's, that hear of what isn't urgent",
            Audience::UrgentActions => "ARNs that hear of what is urgent",
            Audience::OkActions => "ARNs that hear when all is well again",
        }
    }

    fn arns(self, alarms: &Alarms) -> &[String] {
        match self {
            Audience::Actions => &alarms.actions,
            Audience::UrgentActions => &alarms.urgent_actions,
            Audience::OkActions => &alarms.ok_actions,
        }
    }

    fn of(planned: &Planned) -> Audience {
        if planned.recipe.is_urgent() { Audience::UrgentActions } else { Audience::Actions }
    }
}

impl Sheet<'_> {
    /// The slots that some text of the sheet has, with their names.
    fn parameters<'n>(&self, names: &'n [String]) -> impl Iterator<Item = (&Slot, &'n String)> {
        let alarms = self.plan.alarms.iter();
        let dimensions = alarms.flat_map(|planned| &planned.alarm.dimensions);
        let of_scaling = self.scaling.into_iter().flat_map(|scaling| &scaling.dimensions);
        // An alarm's name has the values of its dimensions, and nothing else that is open.
        let values = dimensions.chain(of_scaling).flat_map(|pair| pieces(&pair.value));
        let used: BTreeSet<usize> = values
            .filter_map(|piece| match piece {
                Piece::Slot(number) => Some(number),
                Piece::Text(_) => None,
            })
            .collect();
        let all = self.plan.slots.iter().zip(names).enumerate();
        all.filter(move |(number, _)| used.contains(number)).map(|(_, named)| named)
    }

    /// Those that some alarm of the sheet tells.
    fn audiences(&self) -> impl Iterator<Item = Audience> {
        Audience::ALL.into_iter().filter(|audience| {
            let mut alarms = self.plan.alarms.iter();
            alarms.any(|planned| {
                *audience == Audience::OkActions || *audience == Audience::of(planned)
            })
        })
    }

    /// A name for each alarm's resource, the same each time for the same configuration.
    fn labels(&self, spelling: Spelling) -> Vec<String> {
        let mut labels: Vec<String> = Vec::new();
        let mut taken = BTreeSet::new();
        for planned in &self.plan.alarms {
            let alarm = &planned.alarm;
            let names: Vec<&str> = alarm.dimensions.iter().map(|it| it.name.as_str()).collect();
            let words = [planned.recipe.as_str(), &alarm.metric, &names.join(" ")].join(" ");
            let mut label = spelling.spell(&words);
            if !taken.insert(label.clone()) {
                label = spelling.spell(&format!("{words} {}", labels.len() + 1));
                taken.insert(label.clone());
            }
            labels.push(label);
        }
        labels
    }

    /// The lines of a comment at the top, without the language's mark.
    fn head(&self, format: &str) -> Vec<String> {
        let mut lines = vec![
            format!(
                "CloudWatch alarms on what cwmem publishes, made by `cwmem alarms --format {format}`"
            ),
            "from its configuration: make them anew when that changes.".to_owned(),
        ];
        for note in &self.plan.notes {
            lines.push(format!("- {note}"));
        }
        lines
    }
}

/// Lines with a mark before each.
fn commented<T: AsRef<str>>(mark: &str, lines: impl IntoIterator<Item = T>) -> String {
    lines.into_iter().map(|line| format!("{mark} {}\n", line.as_ref())).collect()
}
