//! `[cost]`: how many hosts share the configuration, and what they may cost.

use crate::config::kind;
use crate::config::reader::{Field, Section};
use crate::config::tree::Value;

#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// 1 to a million.
    pub hosts: u32,
    /// US dollars for all of them; `None`: no limit.
    pub max_monthly_cost: Option<f64>,
}

pub fn read(section: &mut Section<'_>) -> Cost {
    Cost {
        hosts: section.value("hosts", 1, |field| kind::integer(field, 1..=MAX_HOSTS)).value,
        max_monthly_cost: section.optional("max_monthly_cost", dollars).value,
    }
}

fn dollars(field: &mut Field<'_>) -> Option<f64> {
    let value = match &field.node.value {
        Value::Integer(text) | Value::Float(text) => text.parse::<f64>().ok(),
        _ => None,
    };
    let value = value.filter(|value| value.is_finite() && *value > 0.0);
    value.or_else(|| field.refuse("US dollars above 0, such as 12.50"))
}

pub const MAX_HOSTS: u32 = 1_000_000;
