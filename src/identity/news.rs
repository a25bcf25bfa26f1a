//! What a change of identity is worth in the log: one line when a state changes.

use crate::dimension::{DimensionName, DimensionSet};
use crate::identity::remedy::{Described, describe};
use crate::identity::sets::Resolution;
use crate::identity::{Identity, Metadata};
use std::fmt::Write as _;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Something is missing, and what to do about it.
    Missing(String),
    Good(String),
}

/// What there is to say at the start.
pub fn first(identity: &Identity, sets: &[DimensionSet]) -> Vec<News> {
    let mut news = Vec::new();
    if !identity.is_on_ec2() {
        let sets: Vec<_> = sets.iter().map(DimensionSet::to_string).collect();
        news.push(News::Good(format!(
            "this host isn't on EC2; metrics are published under {}",
            sets.join(" and ")
        )));
    }
    for (name, reason) in &identity.refused {
        news.push(News::Missing(format!("{name} is left out: {reason}")));
    }
    news.extend(describe(identity, sets).iter().filter_map(never));
    news
}

/// What has changed between `before` and `after`.
pub fn between(before: &Identity, after: &Identity, sets: &[DimensionSet]) -> Vec<News> {
    let mut news: Vec<News> = metadata(before, after, sets).into_iter().collect();
    let refused = after.refused.iter().filter(|(name, _)| before.refused(name).is_none());
    for (name, reason) in refused {
        news.push(News::Missing(format!("{name} is left out: {reason}")));
    }
    let earlier = describe(before, sets);
    let now = describe(after, sets);
    for (earlier, now) in earlier.iter().zip(&now) {
        if earlier.resolution != now.resolution {
            news.extend(never(now));
        }
    }
    if before.tags != after.tags {
        news.extend(tags_off(&now));
    }
    let waits = |described: &[Described]| described.iter().any(is_waiting);
    if waits(&earlier) && !waits(&now) {
        news.push(News::Good(format!("identity is complete:{}", names(&now))));
    }
    news
}

fn metadata(before: &Identity, after: &Identity, sets: &[DimensionSet]) -> Option<News> {
    match (&before.metadata, &after.metadata) {
        (Metadata::Fails(before), Metadata::Fails(after)) if before.is_like(after) => None,
        (_, Metadata::Fails(failure)) => {
            let described = describe(after, sets);
            let waiting: Vec<_> = described
                .iter()
                .filter(|set| is_waiting(set))
                .map(|set| set.set.to_string())
                .collect();
            let meaning = match waiting.len() {
                0 => "all sets are published nevertheless".to_owned(),
                _ => format!(
                    "{} waits; memory is sampled and the rest is published",
                    waiting.join(", ")
                ),
            };
            Some(News::Missing(format!("{failure}; {meaning}; it is asked again and again")))
        }
        (Metadata::Fails(_), Metadata::Answers) => {
            Some(News::Good("instance metadata answers".to_owned()))
        }
        _ => None,
    }
}

/// Said only where some set waits for a tag.
fn tags_off(now: &[Described]) -> Option<News> {
    let by_tag = |name: &DimensionName| {
        matches!(name, DimensionName::Tag(_) | DimensionName::AutoScalingGroupName)
    };
    now.iter().find_map(|described| {
        let Resolution::Waiting(names) = &described.resolution else { return None };
        let place = names.iter().position(by_tag)?;
        let remedy = described.remedies.get(place)?;
        Some(News::Missing(format!("{} waits: {remedy}", described.set)))
    })
}

fn never(described: &Described) -> Option<News> {
    match described.resolution {
        Resolution::Impossible(_) | Resolution::Empty => Some(News::Missing(format!(
            "nothing is published under {}: {}",
            described.set,
            described.remedies.join("; ")
        ))),
        Resolution::Repeated => Some(News::Good(format!(
            "{} is published once: {}",
            described.set,
            described.remedies.join("; ")
        ))),
        Resolution::Complete(_) | Resolution::Waiting(_) => None,
    }
}

fn is_waiting(described: &Described) -> bool {
    matches!(described.resolution, Resolution::Waiting(_))
}

/// Each dimension that is published, once.
fn names(described: &[Described]) -> String {
    let mut text = String::new();
    let mut seen = Vec::new();
    for described in described {
        let Resolution::Complete(dimensions) = &described.resolution else { continue };
        for dimension in dimensions.iter() {
            if !seen.contains(&dimension) {
                seen.push(dimension);
                let _ = write!(text, " {}={}", dimension.name, dimension.value);
            }
        }
    }
    text
}
