//! What `cwmem check` finds of the dimension sets.

use crate::command::check::line::{Line, State, line};
use crate::config::Config;
use crate::identity::Identity;
use crate::identity::dress::Publications;
use crate::identity::sets::Resolution;

pub(super) fn lines(config: &Config, identity: &Identity, offline: bool) -> Vec<Line> {
    let described = Publications::of(config, identity).describe(identity);
    let line = described.into_iter().map(|set| {
        let evidence = format!("{}: {}", set.set, resolution(&set.resolution));
        let state = match (set.remedies.is_empty(), offline && identity.may_learn()) {
            (true, _) => State::Ok,
            (false, true) => State::Note,
            (false, false) => State::Finding,
        };
        line("dimensions", state, evidence, set.remedies.join("; "))
    });
    line.collect()
}

fn resolution(resolution: &Resolution) -> String {
    match resolution {
        Resolution::Complete(dimensions) => {
            let pairs = dimensions.iter().map(|pair| format!("{}={}", pair.name, pair.value));
            pairs.collect::<Vec<_>>().join(", ")
        }
        Resolution::Waiting(_) => "not known yet".into(),
        Resolution::Impossible(_) => "this host hasn't all of it".into(),
        Resolution::Repeated => "said already".into(),
        Resolution::Empty => "nothing is left of it".into(),
    }
}
