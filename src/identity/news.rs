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
    let described = describe(identity, sets);
    let complete = |described: &Described| matches!(described.resolution, Resolution::Complete(_));
    let published = list(&described, complete);
    if !identity.is_on_ec2() && !published.is_empty() {
        let text = format!("this host isn't on EC2; metrics are published under {published}");
        news.push(News::Good(text));
    }
    for (name, reason) in &identity.refused {
        news.push(News::Missing(format!("{name} is left out: {reason}")));
    }
    news.extend(described.iter().filter_map(never));
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
    let names = names(&now);
    if waits(&earlier) && !waits(&now) && !names.is_empty() {
        news.push(News::Good(format!("identity is complete:{names}")));
    }
    news
}

fn metadata(before: &Identity, after: &Identity, sets: &[DimensionSet]) -> Option<News> {
    match (&before.metadata, &after.metadata) {
        (Metadata::Fails(before), Metadata::Fails(after)) if before.is_like(after) => None,
        (_, Metadata::Fails(failure)) => {
            let waiting = list(&describe(after, sets), is_waiting);
            let meaning = match waiting.as_str() {
                "" => "no dimension set waits for it".to_owned(),
                _ => format!("{waiting} waits; memory is sampled and the rest is published"),
            };
            let remedy = "asked again until it answers (`cwmem check` says what to do)";
            Some(News::Missing(format!("{failure}; {meaning}; {remedy}")))
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

/// The sets that are `such`, for a sentence.
fn list(described: &[Described], such: impl Fn(&Described) -> bool) -> String {
    let sets = described.iter().filter(|described| such(described));
    sets.map(|described| described.set.to_string()).collect::<Vec<_>>().join(" and ")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::fixture::{Given, laptop, nitro, set, xen};
    use crate::identity::imds::Failure;
    use expect_test::{Expect, expect};

    fn check(news: Vec<News>, expected: Expect) {
        let lines = news.into_iter().map(|news| match news {
            News::Missing(text) => format!("WARN {text}\n"),
            News::Good(text) => format!("INFO {text}\n"),
        });
        expected.assert_eq(&lines.collect::<String>());
    }

    fn refused() -> Metadata {
        Metadata::Fails(Failure::NoAnswer("Connection refused".to_owned()))
    }

    #[test]
    fn a_start_on_ec2_is_worth_nothing() {
        let sets = [set("InstanceId"), set("ImageId")];
        check(first(&Given::default().on(&nitro()), &sets), expect![[""]]);
    }

    #[test]
    fn a_start_elsewhere() {
        let sets = [set("Host"), set("InstanceId ImageId"), set("Host Region?"), set("tag:Role?")];
        let mut local = laptop();
        local.region = None;
        check(
            first(&Given::default().on(&local), &sets),
            expect![[r#"
                INFO this host isn't on EC2; metrics are published under {Host}
                WARN nothing is published under {InstanceId, ImageId}: InstanceId: this host isn't on EC2 (if it is, set identity.ec2 = true), or set identity.instance_id; ImageId: this host isn't on EC2 (if it is, set identity.ec2 = true), or set identity.image_id
                INFO {Host, Region?} is published once: it comes to the same as an earlier set
                WARN nothing is published under {tag:Role?}: this host has none of its optional names
            "#]],
        );
        local.node_name = "büro".to_owned();
        check(
            first(&Given::default().on(&local), &sets[..1]),
            expect![[r#"
                WARN Host is left out: its value "büro" cannot be a dimension's: must be ASCII without control characters
                WARN nothing is published under {Host}: Host: its value "büro" cannot be a dimension's: must be ASCII without control characters, or set identity.host
            "#]],
        );
    }

    #[test]
    fn trouble_is_told_when_it_changes() {
        let sets = [set("InstanceId"), set("Host")];
        let start = Given::default().on(&xen());
        let mut failing = start.clone();
        failing.note(refused());
        check(
            between(&start, &failing, &sets),
            expect![[r#"
                WARN no answer from instance metadata: Connection refused; {InstanceId} waits; memory is sampled and the rest is published; asked again until it answers (`cwmem check` says what to do)
            "#]],
        );
        check(between(&failing, &failing.clone(), &sets), expect![[""]]);
        let mut other = failing.clone();
        other.note(Metadata::Fails(Failure::NoToken("HTTP 403".to_owned())));
        check(
            between(&failing, &other, &sets[1..]),
            expect![[r#"
                WARN instance metadata gives no token: HTTP 403; no dimension set waits for it; asked again until it answers (`cwmem check` says what to do)
            "#]],
        );
        let mut answering = other.clone();
        answering.note(Metadata::Answers);
        answering.learn_document(&crate::identity::fixture::document());
        check(
            between(&other, &answering, &sets),
            expect![[r#"
            INFO instance metadata answers
            INFO identity is complete: InstanceId=i-0aaaaaaaaaaaaaaa0 Host=ip-10-0-0-10
        "#]],
        );
    }

    #[test]
    fn tags_that_are_off_are_told_where_a_set_waits_for_one() {
        let start = Given::default().on(&nitro());
        let mut off = start.clone();
        off.learn_tags_off(true);
        check(
            between(&start, &off, &[set("InstanceId"), set("Host tag:Role?")]),
            expect![[r#"
            WARN {Host, tag:Role?} waits: tag:Role: instance tags in metadata are off; turn them on: `aws ec2 modify-instance-metadata-options --instance-id i-0123456789abcdef0 --instance-metadata-tags enabled`, or use a fixed pair of [dimensions]
        "#]],
        );
        check(between(&start, &off, &[set("InstanceId")]), expect![[""]]);
        check(
            between(&start, &off, &[set("AutoScalingGroupName")]),
            expect![[r#"
            WARN {AutoScalingGroupName} waits: AutoScalingGroupName: instance tags in metadata are off (the instance is in an Auto Scaling group); turn them on: `aws ec2 modify-instance-metadata-options --instance-id i-0123456789abcdef0 --instance-metadata-tags enabled`, or set identity.auto_scaling_group
        "#]],
        );
        let mut none = off.clone();
        none.learn_no_group();
        check(
            between(&off, &none, &[set("AutoScalingGroupName")]),
            expect![[r#"
                WARN nothing is published under {AutoScalingGroupName}: AutoScalingGroupName: this instance is in no Auto Scaling group; make it optional (`AutoScalingGroupName?`)
            "#]],
        );
    }
}
