//! Asks IMDS, in the background and for ever, until every name that is wanted is known or absent.

use crate::clock::Clock;
use crate::dimension::{DimensionName, DimensionSet};
use crate::identity::imds::{Failure, Imds};
use crate::identity::news::{self, News};
use crate::identity::sets::{Resolution, resolve};
use crate::identity::{GROUP_TAG, Identity, Metadata, Name, Tags};
use std::time::Duration;

/// What is to be found out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    pub sets: Vec<DimensionSet>,
    /// Further names, beside those of the sets: Region, where nothing else tells it.
    pub names: Vec<DimensionName>,
}

/// The questions that are left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Needs {
    /// Names that the identity document tells.
    document: Vec<DimensionName>,
    tags: Vec<String>,
    group: bool,
}

/// Returns once nothing is left to ask. `publish` gets the identity whenever it has changed.
pub async fn discover(
    mut identity: Identity,
    wanted: Wanted,
    mut imds: Imds,
    clock: Clock,
    mut random: fastrand::Rng,
    mut publish: impl FnMut(&Identity),
) {
    say(news::first(&identity, &wanted.sets));
    let mut round = 0;
    loop {
        let needs = Needs::of(&identity, &wanted);
        if needs == Needs::default() {
            return;
        }
        let before = identity.clone();
        let asked = ask(&mut imds, &needs, &mut identity).await;
        identity.note(asked.map_or_else(Metadata::Fails, |()| Metadata::Answers));
        if identity != before {
            say(news::between(&before, &identity, &wanted.sets));
            publish(&identity);
        }
        let left = Needs::of(&identity, &wanted);
        // Progress: what is left may be there soon too.
        round = if left == needs { round + 1 } else { 0 };
        if left != Needs::default() {
            clock.sleep(pause(round, random.f64())).await;
        }
    }
}

/// The pause before another round of questions: exponential with full jitter, `fraction` in [0, 1).
pub fn pause(round: u32, fraction: f64) -> Duration {
    let ceiling = SHORTEST.saturating_mul(2u32.saturating_pow(round)).min(LONGEST);
    ceiling.mul_f64(fraction.clamp(0.0, 1.0))
}

impl Needs {
    fn of(identity: &Identity, wanted: &Wanted) -> Needs {
        let mut needs = Needs::default();
        for name in &wanted.names {
            if *identity.state(name) == Name::Unknown {
                needs.add(name);
            }
        }
        for resolution in resolve(identity, &wanted.sets) {
            if let Resolution::Waiting(names) = resolution {
                names.iter().for_each(|name| needs.add(name));
            }
        }
        needs
    }

    fn add(&mut self, name: &DimensionName) {
        match name {
            DimensionName::InstanceId
            | DimensionName::InstanceType
            | DimensionName::ImageId
            | DimensionName::AvailabilityZone
            | DimensionName::Region => push_new(&mut self.document, name),
            DimensionName::AutoScalingGroupName => {
                self.group = true;
                push_new(&mut self.tags, &GROUP_TAG.to_owned());
            }
            DimensionName::Tag(key) => push_new(&mut self.tags, key),
            DimensionName::Host
            | DimensionName::LowerHost
            | DimensionName::Static(_)
            | DimensionName::Fixed(..) => {}
        }
    }
}

/// One round. What one question brings is kept although another one fails.
async fn ask(imds: &mut Imds, needs: &Needs, identity: &mut Identity) -> Result<(), Failure> {
    imds.begin();
    let mut document = Ok(());
    if !needs.document.is_empty() {
        document = ask_document(imds, needs, identity).await;
        if document.as_ref().is_err_and(Failure::is_silence) {
            return document;
        }
    }
    if !needs.tags.is_empty() {
        ask_tags(imds, needs, identity).await?;
    }
    document
}

async fn ask_document(
    imds: &mut Imds,
    needs: &Needs,
    identity: &mut Identity,
) -> Result<(), Failure> {
    let document = imds.document().await?;
    identity.learn_document(&document);
    document
        .lacks(&needs.document)
        .map_err(|reason| Failure::Foreign { path: "the identity document".to_owned(), reason })
}

async fn ask_tags(imds: &mut Imds, needs: &Needs, identity: &mut Identity) -> Result<(), Failure> {
    if let Some(keys) = imds.tag_keys().await? {
        for key in &needs.tags {
            let value = if keys.contains(key) { Some(imds.tag(key).await?) } else { None };
            identity.learn_tag(key, value.as_deref());
        }
        return Ok(());
    }
    let mut group_member = matches!(identity.tags(), Tags::Off { group_member: true });
    if needs.group {
        group_member = imds.belongs_to_group().await?;
        if !group_member {
            identity.learn_no_group();
        }
    }
    identity.learn_tags_off(group_member);
    Ok(())
}

fn push_new<T: Clone + PartialEq>(list: &mut Vec<T>, item: &T) {
    if !list.contains(item) {
        list.push(item.clone());
    }
}

fn say(news: Vec<News>) {
    for news in news {
        match news {
            News::Missing(text) => tracing::warn!("{text}"),
            News::Good(text) => tracing::info!("{text}"),
        }
    }
}

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pauses_grow_to_five_minutes() {
        let longest = |round| pause(round, 1.0).as_secs();
        assert_eq!([0, 1, 2, 8, 9, 40, u32::MAX].map(longest), [1, 2, 4, 256, 300, 300, 300]);
    }

    proptest! {
        /// Full jitter: anywhere between nothing and the ceiling.
        #[test]
        fn pauses_are_spread(round: u32, fraction in 0.0..1.0f64) {
            let ceiling = pause(round, 1.0);
            prop_assert!(pause(round, fraction) <= ceiling);
            prop_assert!(pause(round, fraction) >= ceiling.mul_f64(fraction * 0.999));
        }
    }
}
