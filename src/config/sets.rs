//! `[dimensions]` and `metrics.dimensions`: static pairs, and the sets that use them.

use crate::config::kind;
use crate::config::nearest::nearest;
use crate::config::problem::{Fault, Place};
use crate::config::reader::{Field, Section, Setting};
use crate::config::tree::{dotted, shown};
use crate::dimension::{self, DimensionName, DimensionSet, MAX_DIMENSIONS, Member};

/// A static pair of `[dimensions]`.
pub struct Pair {
    pub name: String,
    /// `None` where name or value was refused; the name may still be used.
    pub value: Option<String>,
    place: Place,
}

pub fn pairs(section: &mut Section<'_>) -> Vec<Pair> {
    section.rest(ANY_NAME, |field, name| {
        let name_is_fine = check_name(field, name).is_some();
        let value = kind::dimension_value(field).filter(|_| name_is_fine);
        Pair { name: name.to_owned(), value, place: field.node.place.clone() }
    })
}

/// `metrics.dimensions`.
pub fn sets(section: &mut Section<'_>, pairs: &[Pair]) -> Setting<Option<Vec<DimensionSet>>> {
    let all_is_read = section.all_is_read();
    section.optional("dimensions", |field| list(field, pairs, all_is_read))
}

/// A list of sets. Pairs of a file that couldn't be read aren't known: then no name can be called
/// unknown.
pub fn list(field: &mut Field<'_>, pairs: &[Pair], all_is_read: bool) -> Option<Vec<DimensionSet>> {
    let mut sets: Vec<DimensionSet> = Vec::new();
    let all = field.list(EXPECTED_SETS, |field| {
        let set = set(field, pairs, all_is_read)?;
        if let Some(same) = sets.iter().find(|other| sorted(other) == sorted(&set)) {
            let hint = format!("{set} publishes the same series as {same}");
            return field.refuse_with("sets that differ", hint);
        }
        sets.push(set);
        Some(())
    })?;
    match all.is_empty() {
        true => field.refuse_with(EXPECTED_SETS, "without a set nothing is published".into()),
        false => Some(sets),
    }
}

/// The sets of cwmem's own metrics: those configured, else {InstanceId} on EC2 and {Host} elsewhere.
pub fn of(configured: Option<&[DimensionSet]>, on_ec2: bool) -> Vec<DimensionSet> {
    let name = if on_ec2 { DimensionName::InstanceId } else { DimensionName::Host };
    match configured {
        Some(sets) => sets.to_vec(),
        None => vec![DimensionSet(vec![Member { name, optional: false }])],
    }
}

/// Reports pairs that none of `sets`, all that are published, uses.
pub fn refuse_unused<'a>(
    section: &mut Section<'_>,
    sets: impl Iterator<Item = &'a DimensionSet> + Clone,
    pairs: &[Pair],
) {
    for pair in pairs {
        let is_pair = |member: &Member| matches!(&member.name, DimensionName::Static(name) if *name == pair.name);
        let is_host = |member: &Member| {
            member.name == DimensionName::LowerHost && pair.name == DimensionName::HOST
        };
        let mut members = sets.clone().flat_map(|set| &set.0);
        if pair.value.is_some() && !members.any(|member| is_pair(member) || is_host(member)) {
            section.report(pair.place.clone(), &dotted("dimensions", &pair.name), Fault::Unused);
        }
    }
}

/// A pair's name must be a dimension's, and be free to be named in a set.
fn check_name(field: &mut Field<'_>, name: &str) -> Option<()> {
    if let Err(invalid) = dimension::check_name(name) {
        return field.refuse_name(format!("the name of a dimension, which {invalid}"), name);
    }
    if DimensionName::BUILT_IN.iter().any(|built_in| built_in.as_str() == name) {
        let expected = format!("a name of your own ([identity] gives {name} a fixed value)");
        return field.refuse_name(expected, name);
    }
    if name.starts_with(TAG) || name.ends_with(OPTIONAL) || name.contains('=') {
        let expected = "a name that doesn't begin with \"tag:\", end with \"?\" or have a \"=\"";
        return field.refuse_name(expected.to_owned(), name);
    }
    Some(())
}

fn set(field: &mut Field<'_>, pairs: &[Pair], all_is_read: bool) -> Option<DimensionSet> {
    let mut names: Vec<String> = Vec::new();
    let members = field.list("a list of dimension names", |field| {
        let member = member(field, pairs, all_is_read)?;
        let name = member.name.as_str().to_owned();
        if names.contains(&name) {
            let hint = format!("the set has a dimension {name} already");
            return field.refuse_with("names that differ", hint);
        }
        names.push(name);
        Some(member)
    })?;
    match members.len() <= MAX_DIMENSIONS {
        true => Some(DimensionSet(members)),
        false => {
            let hint = format!("it has {}", members.len());
            field.refuse_with(format!("at most {MAX_DIMENSIONS} names"), hint)
        }
    }
}

fn member(field: &mut Field<'_>, pairs: &[Pair], all_is_read: bool) -> Option<Member> {
    let text = field.text("the name of a dimension, as a string")?;
    if let Some((name, value)) = dimension::pair(text) {
        return fixed(field, name, value);
    }
    let (text, optional) = match text.strip_suffix(OPTIONAL) {
        Some(name) => (name, true),
        None => (text, false),
    };
    let name = match text.strip_prefix(TAG) {
        Some(key) => match dimension::check_name(key) {
            Ok(()) => DimensionName::Tag(key.to_owned()),
            Err(invalid) => return field.refuse(format!("a tag's key, which {invalid}")),
        },
        None => name(field, text, pairs, all_is_read)?,
    };
    Some(Member { name, optional })
}

/// `NAME=VALUE`.
fn fixed(field: &mut Field<'_>, name: &str, value: &str) -> Option<Member> {
    let checked = dimension::check_name(name).and_then(|()| dimension::check_value(value));
    match checked {
        Ok(()) => {
            let name = DimensionName::Fixed(name.to_owned(), value.to_owned());
            Some(Member { name, optional: false })
        }
        Err(invalid) => field.refuse(format!("NAME=VALUE, each of which {invalid}")),
    }
}

fn name(
    field: &mut Field<'_>,
    text: &str,
    pairs: &[Pair],
    all_is_read: bool,
) -> Option<DimensionName> {
    let built_in = DimensionName::BUILT_IN.iter().find(|name| name.as_str() == text);
    if let Some(name) = built_in {
        return Some(name.clone());
    }
    if text == DimensionName::HOST {
        return Some(DimensionName::LowerHost);
    }
    if !all_is_read || pairs.iter().any(|pair| pair.name == text) {
        return Some(DimensionName::Static(text.to_owned()));
    }
    let expected = "a name that cwmem knows, \"tag:KEY\" or a key of [dimensions]";
    let built_in = DimensionName::BUILT_IN.iter().map(DimensionName::as_str);
    let known = built_in.chain(pairs.iter().map(|pair| pair.name.as_str()));
    let hint = match nearest(text, known) {
        Some(nearest) => format!("did you mean {}?", shown(nearest)),
        None => {
            let built_in = DimensionName::BUILT_IN.iter().map(DimensionName::to_string);
            format!("known are {}", kind::alternatives(built_in))
        }
    };
    field.refuse_with(expected, hint)
}

/// Two sets are one series if they have the same names, in whatever order.
fn sorted(set: &DimensionSet) -> Vec<&DimensionName> {
    let mut names: Vec<_> = set.0.iter().map(|member| &member.name).collect();
    names.sort();
    names
}

/// Stands for the keys of `[dimensions]`, which are the user's.
pub const ANY_NAME: &str = "NAME";
const EXPECTED_SETS: &str = "a list of dimension sets such as [[\"InstanceId\"]]";
const TAG: &str = "tag:";
const OPTIONAL: &str = "?";
