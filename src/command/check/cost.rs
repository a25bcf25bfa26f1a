//! What `cwmem check` finds of the month's cost.

use crate::command::check::line::{Line, finding, ok};
use crate::config::Config;
use crate::cost::{Prices, Question, estimate};
use crate::identity::Identity;

/// What `cost.max_monthly_cost` allows; nothing without it.
pub(super) fn line(config: &Config, identity: &Identity) -> Option<Line> {
    let limit = config.cost.max_monthly_cost?;
    let question = Question {
        on_ec2: identity.is_on_ec2(),
        hosts: config.cost.hosts.into(),
        free_tier: false,
    };
    let busy = match Prices::shipped() {
        Ok(prices) => estimate(config, &question, &prices).total.busy,
        Err(_) => return None,
    };
    let evidence = format!("at most ${busy:.2} a month, ${limit:.2} allowed");
    Some(match busy <= limit {
        true => ok("cost", evidence),
        false => {
            finding("cost", evidence, "`cwmem cost` shows what costs how much and what would save")
        }
    })
}
